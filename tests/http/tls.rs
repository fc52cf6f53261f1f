//! TLS: the certificate that is served, and the one that takes its place.

use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::header::SET_COOKIE;
use reqwest::{Certificate, Client, Method, StatusCode};
use watertight::http::options::{Options, Tls};
use watertight::http::role::Role;

use crate::house::{House, LIMIT, Plan, client, guarded, secret};

/// Writes a new certificate and its key; gives the certificate.
fn renew(directory: &Path) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(directory.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.pem()
}

fn options(directory: &Path) -> Options {
    let tls = Tls { certificate: directory.join("cert.pem"), key: directory.join("key.pem") };
    Options { tls: Some(tls), ..guarded() }
}

fn trusting(certificate: &str) -> Client {
    let certificate = Certificate::from_pem(certificate.as_bytes()).unwrap();
    client().tls_certs_only([certificate]).build().unwrap()
}

async fn is_served(house: &House, certificate: &str) -> bool {
    let request = trusting(certificate).get(house.url("/-/healthy"));
    request.send().await.is_ok_and(|it| it.status() == StatusCode::OK)
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_a_broken_one_is_not() {
    let files = tempfile::tempdir().unwrap();
    let first = renew(files.path());
    let house = House::of(Plan { options: options(files.path()), ..Plan::default() }).await;
    assert!(is_served(&house, &first).await);
    let second = renew(files.path());
    assert!(is_served(&house, &first).await, "until somebody looks");
    house.options.send_replace(options(files.path()).into());
    let renewed = async {
        while !is_served(&house, &second).await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, renewed).await.expect("the new one is served");
    let third = renew(files.path());
    std::fs::write(files.path().join("cert.pem"), "half a certifica").unwrap();
    house.options.send_replace(options(files.path()).into());
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(is_served(&house, &second).await, "what was served stays served");
    assert!(!is_served(&house, &third).await);
    house.leave().await;
}

#[test]
fn a_certificate_that_cannot_be_used_is_a_problem_before_the_start() {
    let files = tempfile::tempdir().unwrap();
    let problems = |expected: &str| {
        let problems = options(files.path()).problems("127.0.0.1:1".parse().unwrap());
        assert!(problems.iter().any(|it| it.contains(expected)), "{expected}: {problems:?}");
    };
    problems("cert.pem");
    renew(files.path());
    assert_eq!(options(files.path()).problems("127.0.0.1:1".parse().unwrap()), [""; 0]);
    let key = std::fs::read(files.path().join("key.pem")).unwrap();
    renew(files.path());
    std::fs::write(files.path().join("key.pem"), key).unwrap();
    problems("use the certificate in");
    std::fs::write(files.path().join("key.pem"), "nonsense").unwrap();
    problems("holds no private key");
}

#[tokio::test]
async fn over_tls_the_cookie_is_bound_to_it() {
    let files = tempfile::tempdir().unwrap();
    let certificate = renew(files.path());
    let house = House::of(Plan { options: options(files.path()), ..Plan::default() }).await;
    let request = trusting(&certificate)
        .request(Method::POST, house.url("/login"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={}", secret(Role::Viewer)));
    let response = request.send().await.unwrap();
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-watertight=") && cookie.ends_with("; Secure"), "{cookie}");
    house.leave().await;
}

#[tokio::test]
async fn plain_http_to_a_tls_port_and_a_handshake_that_never_ends_hold_up_nobody() {
    let files = tempfile::tempdir().unwrap();
    let certificate = renew(files.path());
    let house = House::of(Plan { options: options(files.path()), ..Plan::default() }).await;
    let _silent = house.connect().await;
    let plain = client().build().unwrap().get(format!("http://{}/-/healthy", house.address));
    assert!(plain.send().await.is_err());
    assert!(is_served(&house, &certificate).await);
    house.leave().await;
}
