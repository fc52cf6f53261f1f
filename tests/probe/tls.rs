//! Every mode of TLS against certificates that hold, that do not, and that prove nothing.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use watertight::dsn::{ChannelBinding, Dsn, Host, HostName, TlsMode};
use watertight::model::observation::{Cause, Encryption};

use crate::certificates::Certificates;
use crate::cluster::Server;
use crate::servers::shared;
use crate::visitor::{PASSWORD, TIMEOUT, check, dsn, sight};

fn secure(port: u16, tls: TlsMode, name: &str, root: Option<&Path>) -> Dsn {
    let name = HostName::Dns(name.into());
    let host = Host { name, address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), port };
    Dsn {
        hosts: vec![host],
        tls,
        root_certificate: root.map(Into::into),
        user: "secure".into(),
        ..dsn(port)
    }
}

#[track_caller]
fn check_tls(
    tls: TlsMode,
    name: &str,
    root: Option<&Path>,
    expected: Encryption,
) -> impl Future<Output = ()> {
    let dsn = secure(shared().port, tls, name, root);
    let sighting = sight(&dsn);
    async move { assert_eq!(sighting.await.transport.encryption, expected, "{dsn:?}") }
}

#[tokio::test]
async fn a_certificate_is_judged_as_strictly_as_was_asked_and_the_truth_is_told() {
    let root = Some(Certificates::get().root.as_path());
    check_tls(TlsMode::Require, "localhost", None, Encryption::Unverified).await;
    check_tls(TlsMode::Require, "localhost", root, Encryption::Verified).await;
    check_tls(TlsMode::Require, "elsewhere", root, Encryption::Unverified).await;
    check_tls(TlsMode::VerifyCa, "localhost", root, Encryption::Verified).await;
    check_tls(TlsMode::VerifyCa, "elsewhere", root, Encryption::Verified).await;
    check_tls(TlsMode::VerifyFull, "localhost", root, Encryption::Verified).await;
}

#[tokio::test]
async fn what_does_not_hold_is_refused_with_a_reason() {
    let port = shared().port;
    let root = Some(Certificates::get().root.as_path());
    let failure =
        check(&secure(port, TlsMode::VerifyFull, "elsewhere", root), TIMEOUT, Cause::TlsFailed)
            .await;
    assert!(failure.detail.contains("another name"), "{}", failure.detail);
    for mode in [TlsMode::VerifyCa, TlsMode::VerifyFull] {
        let failure =
            check(&secure(port, mode, "localhost", None), TIMEOUT, Cause::TlsFailed).await;
        assert!(failure.detail.contains("root"), "{}", failure.detail);
    }
    let missing =
        secure(port, TlsMode::VerifyFull, "localhost", Some("/nowhere/root.pem".as_ref()));
    check(&missing, TIMEOUT, Cause::TlsFailed).await;
    let pipe = secure(port, TlsMode::VerifyFull, "localhost", Some("/dev/zero".as_ref()));
    check(&pipe, TIMEOUT, Cause::TlsFailed).await;
}

#[tokio::test]
async fn the_login_is_bound_to_the_channel_where_there_is_one() {
    let root = Some(Certificates::get().root.as_path());
    let bound = |dsn| Dsn { channel_binding: ChannelBinding::Require, ..dsn };
    sight(&bound(secure(shared().port, TlsMode::VerifyFull, "localhost", root))).await;
    let plain = bound(dsn(shared().port));
    check(&plain, TIMEOUT, Cause::AuthFailed).await;
}

#[tokio::test]
async fn a_server_without_tls_and_one_with_a_cas_certificate_are_told_apart() {
    let certificates = Certificates::get();
    let settings = format!(
        "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'",
        certificates.own.display(),
        certificates.own_key.display()
    );
    let server = Server::postgres(&settings, "host all all 127.0.0.1/32 scram-sha-256");
    server.sql(
        "postgres",
        &format!("CREATE ROLE secure LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE app;"),
    );
    let own = Some(certificates.own.as_path());
    let strict = secure(server.port, TlsMode::VerifyFull, "localhost", own);
    let failure = check(&strict, TIMEOUT, Cause::TlsFailed).await;
    assert!(failure.detail.contains("CaUsedAsEndEntity"), "{}", failure.detail);
    let lenient = secure(server.port, TlsMode::Require, "localhost", own);
    assert_eq!(sight(&lenient).await.transport.encryption, Encryption::Unverified);

    let bare = Server::postgres("", "host all all 127.0.0.1/32 scram-sha-256");
    let strict = secure(bare.port, TlsMode::VerifyFull, "localhost", own);
    let failure = check(&strict, TIMEOUT, Cause::TlsFailed).await;
    assert!(failure.detail.contains("the server has no TLS"), "{}", failure.detail);
}
