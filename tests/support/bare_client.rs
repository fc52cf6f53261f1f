//! The bare loop that the visit is measured against: tokio-postgres, one connection, one simple query, and away.
//!
//! Why it is no simpler: it must be what a careful engineer would write in an afternoon, in one task and without a
//! copy too many, or the comparison would flatter us.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpStream;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

#[derive(Clone)]
pub(crate) struct Bare {
    config: Arc<Config>,
    sql: Arc<str>,
    tls: Option<MakeRustlsConnect>,
}

/// What a target answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The last row, NULL as the empty string.
    Row(Vec<String>),
    /// The server refused, with this SQLSTATE.
    Code(String),
    NoAnswer,
}

impl Bare {
    pub(crate) fn new(sql: &str) -> Self {
        let mut config = Config::new();
        config.user("tenant").dbname("tenant");
        Self { config: Arc::new(config), sql: sql.into(), tls: None }
    }

    pub(crate) fn password(mut self, password: &str) -> Self {
        Arc::make_mut(&mut self.config).password(password);
        self
    }

    pub(crate) fn login(mut self, user: &str, database: &str) -> Self {
        Arc::make_mut(&mut self.config).user(user).dbname(database);
        self
    }

    /// Trusting this certificate (DER), and no other.
    pub(crate) fn over_tls(mut self, certificate: &[u8]) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.to_vec().into()).expect("a certificate of ours");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        self.tls = Some(MakeRustlsConnect::new(config));
        Arc::make_mut(&mut self.config).ssl_mode(tokio_postgres::config::SslMode::Require);
        self
    }

    pub(crate) async fn ask(&self, address: SocketAddr) -> Seen {
        let asked = match self.tls.clone() {
            None => self.ask_with(address, NoTls).await,
            Some(mut tls) => {
                let connect = <MakeRustlsConnect as MakeTlsConnect<TcpStream>>::make_tls_connect(
                    &mut tls,
                    "tenant.example",
                );
                self.ask_with(address, connect.expect("a host name")).await
            }
        };
        match asked {
            Ok(row) => Seen::Row(row),
            Err(Some(error)) => match error.code() {
                Some(code) => Seen::Code(code.code().to_owned()),
                None => Seen::NoAnswer,
            },
            Err(None) => Seen::NoAnswer,
        }
    }

    async fn ask_with<T>(
        &self,
        address: SocketAddr,
        tls: T,
    ) -> Result<Vec<String>, Option<tokio_postgres::Error>>
    where
        T: TlsConnect<TcpStream>,
    {
        let stream = TcpStream::connect(address).await.map_err(|_| None)?;
        stream.set_nodelay(true).map_err(|_| None)?;
        let (client, connection) = self.config.connect_raw(stream, tls).await?;
        let query = async move { client.simple_query(&self.sql).await };
        let (_closed, answered) = tokio::join!(connection, query);
        let rows = answered?.into_iter().rev().find_map(|it| match it {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let row = rows.ok_or(None)?;
        Ok((0..row.len()).map(|it| row.get(it).unwrap_or_default().to_owned()).collect())
    }
}

/// TLS for a fake fleet, and the certificate that its clients are to trust, as DER.
pub(crate) fn server_config() -> (Arc<rustls::ServerConfig>, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec!["tenant.example".to_owned()]);
    let made = made.expect("a certificate");
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from(key));
    (Arc::new(config.expect("a key of ours")), certificate.to_vec())
}
