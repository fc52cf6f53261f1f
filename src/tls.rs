//! Encryption towards a PostgreSQL server: whom we trust, how strictly, and what the certificate turned out to prove.
//!
//! Why the check is ours: `sslmode=require` must take any certificate, as libpq does, and yet the report says whether
//! it would have held. Why secp256r1 comes first: PostgreSQL up to 17 knows no other curve by default, and every other
//! key share costs a round trip (`HelloRetryRequest`).
//!
//! Why among the plumbing: tenants' databases and the platform's own are judged by the same roots, and an operator who
//! mended `probe.ca_file` for the one must not find the other still refused.
//!
//! Invariants:
//! - the provider is named here; no process-wide default is set or needed;
//! - configurations are built once for each mode and root file and shared by all visits.

pub mod session;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::dsn::TlsMode;

/// The largest root file that is read, in bytes: the whole of Mozilla's list is a fifth of it.
const LARGEST_ROOT_FILE: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum RootError {
    #[error("read the root certificates in {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is no file of at most {LARGEST_ROOT_FILE} bytes")]
    NoFile { path: PathBuf },
    #[error("{path} holds no certificate in PEM form")]
    Empty { path: PathBuf },
    #[error("{path} holds a certificate that cannot be a root")]
    Unusable { path: PathBuf, source: Error },
    #[error("neither the system nor the configuration has any root certificate")]
    None,
    #[error("set TLS up")]
    Setup(#[source] Error),
}

/// The mode, and the root file of the connection string.
type ConfigKey = (u8, Option<PathBuf>);

/// The client's side of TLS, shared by all visits.
#[derive(Debug)]
pub struct Tls {
    provider: Arc<CryptoProvider>,
    /// From the configuration, added to the system's.
    extra: Vec<CertificateDer<'static>>,
    /// Read at the first visit that needs them: a fleet without TLS does not pay.
    system: OnceLock<Vec<CertificateDer<'static>>>,
    verifiers: Mutex<HashMap<Option<PathBuf>, Option<Arc<WebPkiServerVerifier>>>>,
    configs: Mutex<HashMap<ConfigKey, Arc<ClientConfig>>>,
}

/// What one handshake's certificate proved.
#[derive(Clone, Debug)]
pub struct Proof(Arc<AtomicBool>);

impl Proof {
    pub fn holds(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Tls {
    /// `root_files` are trusted beside the system's roots.
    pub fn new(root_files: &[PathBuf]) -> Result<Self, RootError> {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups.sort_by_key(|it| it.name() != rustls::NamedGroup::secp256r1);
        let mut extra = Vec::new();
        for file in root_files {
            extra.extend(read_roots(file)?);
        }
        Ok(Self {
            provider: Arc::new(provider),
            extra,
            system: OnceLock::new(),
            verifiers: Mutex::default(),
            configs: Mutex::default(),
        })
    }

    /// The configuration for one connection, and where its proof will stand.
    pub fn client(
        &self,
        mode: TlsMode,
        file: Option<&Path>,
    ) -> Result<(Arc<ClientConfig>, Proof), RootError> {
        let proof = Proof(Arc::new(AtomicBool::new(true)));
        let mut config = self.shared(mode, file)?;
        if mode == TlsMode::Require {
            let strict = self.verifier(file)?;
            let lenient =
                Lenient { strict, provider: Arc::clone(&self.provider), proof: proof.clone() };
            Arc::make_mut(&mut config).dangerous().set_certificate_verifier(Arc::new(lenient));
        }
        Ok((config, proof))
    }

    fn shared(&self, mode: TlsMode, file: Option<&Path>) -> Result<Arc<ClientConfig>, RootError> {
        let key = (mode as u8, file.map(Path::to_path_buf));
        if let Some(config) = lock(&self.configs).get(&key) {
            return Ok(Arc::clone(config));
        }
        let verifier: Arc<dyn ServerCertVerifier> = match (mode, self.verifier(file)?) {
            (TlsMode::VerifyFull, Some(strict)) => strict,
            (TlsMode::VerifyCa, Some(strict)) => Arc::new(AnyName(strict)),
            // Replaced for each connection.
            (TlsMode::Require | TlsMode::Disable, strict) => Arc::new(Lenient {
                strict,
                provider: Arc::clone(&self.provider),
                proof: Proof(Arc::default()),
            }),
            (TlsMode::VerifyFull | TlsMode::VerifyCa, None) => return Err(RootError::None),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(RootError::Setup)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // PostgreSQL resumes nothing, so remembering sessions would only cost memory.
        config.resumption = Resumption::disabled();
        let config = Arc::new(config);
        lock(&self.configs).insert(key, Arc::clone(&config));
        Ok(config)
    }

    /// The strict check against the system's roots, the configured ones and `file`; `None` without any root.
    fn verifier(
        &self,
        file: Option<&Path>,
    ) -> Result<Option<Arc<WebPkiServerVerifier>>, RootError> {
        let key = file.map(Path::to_path_buf);
        if let Some(verifier) = lock(&self.verifiers).get(&key) {
            return Ok(verifier.clone());
        }
        let mut roots = RootCertStore::empty();
        // A machine's store may hold certificates that are no roots for us: those are passed over.
        roots.add_parsable_certificates(
            self.system.get_or_init(|| rustls_native_certs::load_native_certs().certs).clone(),
        );
        roots.add_parsable_certificates(self.extra.iter().cloned());
        if let Some(file) = file {
            for certificate in read_roots(file)? {
                roots
                    .add(certificate)
                    .map_err(|source| RootError::Unusable { path: file.to_owned(), source })?;
            }
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        )
        .build()
        .ok();
        lock(&self.verifiers).insert(key, verifier.clone());
        Ok(verifier)
    }
}

/// A thread that panicked here left a whole map behind: entries are inserted complete.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootError> {
    let read = |source| RootError::Read { path: path.to_owned(), source };
    let about = std::fs::metadata(path).map_err(read)?;
    // A pipe or a device would block or never end.
    if !about.is_file() || LARGEST_ROOT_FILE < about.len() {
        return Err(RootError::NoFile { path: path.to_owned() });
    }
    let text = std::fs::read(path).map_err(read)?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect();
    if certificates.is_empty() {
        return Err(RootError::Empty { path: path.to_owned() });
    }
    Ok(certificates)
}

/// `verify-ca`: the chain must hold, the name need not.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

/// `require`: takes every certificate and notes whether it would have held.
#[derive(Debug)]
struct Lenient {
    strict: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    proof: Proof,
}

impl Lenient {
    fn note<T>(&self, result: Option<Result<T, Error>>, otherwise: T) -> T {
        if let Some(Ok(value)) = result {
            return value;
        }
        self.proof.0.store(false, Ordering::Relaxed);
        otherwise
    }
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The chain is judged before the name, so a wrong name means that the chain holds.
        match self.0.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let strict = self.strict.as_ref();
        let result =
            strict.map(|it| it.verify_server_cert(end_entity, intermediates, name, ocsp, now));
        Ok(self.note(result, ServerCertVerified::assertion()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let result = self
            .strict
            .as_ref()
            .map(|it| it.verify_tls12_signature(message, certificate, signature));
        Ok(self.note(result, HandshakeSignatureValid::assertion()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let result = self
            .strict
            .as_ref()
            .map(|it| it.verify_tls13_signature(message, certificate, signature));
        Ok(self.note(result, HandshakeSignatureValid::assertion()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
