//! The certificate that we show, and the next one.
//!
//! Why looked for every now and then and not only on a reload: certificates are renewed by programs that know nothing of
//! us, and one that ran out overnight is a page that nobody can open.
//!
//! Invariant: a new file that cannot be used changes nothing and is told once; what is served stays served.

use std::convert::Infallible;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;

use super::options::{Options, Tls, sha256};

/// Between two looks at the files.
const LOOKED_EVERY: Duration = Duration::from_secs(30);

/// Of a file, in bytes: a chain of certificates is some kilobytes.
const LARGEST: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is no file of at most {LARGEST} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} holds no private key in PEM form", .0.display())]
    NoKey(PathBuf),
    #[error("use the certificate in {} with the key in {}", certificate.display(), key.display())]
    Unusable { certificate: PathBuf, key: PathBuf, source: rustls::Error },
}

pub(super) struct Certificates {
    served: RustlsConfig,
    /// Of the files that were looked at last, whether they could be used or not.
    seen: [u8; 32],
    /// What is wrong with them, as it was told.
    wrong: Option<String>,
}

/// The files' content, unread.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificates {
    pub(super) async fn read(tls: &Tls) -> anyhow::Result<Self> {
        let tls = tls.clone();
        let read = move || {
            let files = Files::read(&tls)?;
            let config = files.config(&tls)?;
            Ok::<_, CertificateError>(Self {
                served: RustlsConfig::from_config(Arc::new(config)),
                seen: files.digest(),
                wrong: None,
            })
        };
        Ok(tokio::task::spawn_blocking(read).await??)
    }

    pub(super) fn served(&self) -> RustlsConfig {
        self.served.clone()
    }

    /// Serves what the files hold, whenever they or the options change.
    pub(super) async fn follow(mut self, mut options: watch::Receiver<Arc<Options>>) -> Infallible {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOKED_EVERY) => {}
                changed = options.changed() => if changed.is_err() {
                    // Nobody reloads any more; the files are looked at all the same.
                    tokio::time::sleep(LOOKED_EVERY).await;
                },
            }
            let tls = options.borrow().tls.clone();
            let Some(tls) = tls else { continue };
            self.look(tls).await;
        }
    }

    async fn look(&mut self, tls: Tls) {
        let seen = self.seen;
        let read = move || -> Result<_, CertificateError> {
            let files = Files::read(&tls)?;
            let digest = files.digest();
            Ok((digest != seen).then(|| (digest, files.config(&tls))))
        };
        let changed = match tokio::task::spawn_blocking(read).await {
            Ok(Ok(Some((digest, config)))) => {
                self.seen = digest;
                config
            }
            Ok(Ok(None)) | Err(_) => return,
            Ok(Err(error)) => Err(error),
        };
        let wrong = match changed {
            Ok(config) => {
                self.served.reload_from_config(Arc::new(config));
                tracing::info!("a new certificate is served");
                None
            }
            Err(error) => Some(format!("{:#}", anyhow::Error::new(error))),
        };
        if let Some(wrong) = wrong.as_ref().filter(|it| self.wrong.as_ref() != Some(it)) {
            tracing::error!("the new certificate is not taken and the old one stays: {wrong}");
        }
        self.wrong = wrong;
    }
}

/// Why the files cannot be used; `None` where they can.
pub(super) fn problem(tls: &Tls) -> Option<String> {
    let used = Files::read(tls).and_then(|it| it.config(tls));
    used.err().map(|it| format!("http.tls_cert: {:#}", anyhow::Error::new(it)))
}

impl Files {
    fn read(tls: &Tls) -> Result<Self, CertificateError> {
        Ok(Self { certificate: file(&tls.certificate)?, key: file(&tls.key)? })
    }

    fn digest(&self) -> [u8; 32] {
        let (certificate, key) = (sha256(&self.certificate), sha256(&self.key));
        sha256(&[certificate, key].concat())
    }

    fn config(&self, tls: &Tls) -> Result<ServerConfig, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::NoCertificate(tls.certificate.clone()))?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate(tls.certificate.clone()));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| CertificateError::NoKey(tls.key.clone()))?;
        let unusable = |source| CertificateError::Unusable {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
            source,
        };
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(unusable)?
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn file(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let failed = |source| CertificateError::Read { path: path.to_owned(), source };
    // Asked before it is opened: opening a pipe that nobody writes to would wait for ever.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(CertificateError::TooLarge(path.to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if LARGEST < bytes.len() as u64 {
        return Err(CertificateError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}
