//! A root, a server's certificate under it, and one as `openssl req -x509` makes them.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::cluster::{directory, remove_at_the_end, run};

pub(crate) struct Certificates {
    pub(crate) root: PathBuf,
    /// For `localhost` alone.
    pub(crate) server: PathBuf,
    pub(crate) server_key: PathBuf,
    /// Signed by itself, with CA:TRUE.
    pub(crate) own: PathBuf,
    pub(crate) own_key: PathBuf,
    _directory: TempDir,
    _remover: Child,
}

impl Certificates {
    pub(crate) fn get() -> &'static Self {
        static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
        CERTIFICATES.get_or_init(Self::make)
    }

    fn make() -> Self {
        let directory = directory();
        let path = |name: &str| directory.path().join(name);
        let certificates = Self {
            root: path("root.pem"),
            server: path("server.pem"),
            server_key: path("server.key"),
            own: path("own.pem"),
            own_key: path("own.key"),
            _remover: remove_at_the_end(directory.path()),
            _directory: directory,
        };
        let authority = || {
            let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            parameters
        };
        let root = CertifiedIssuer::self_signed(authority(), KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&key, &root)
            .unwrap();
        let own_key = KeyPair::generate().unwrap();
        let own = authority().self_signed(&own_key).unwrap();
        std::fs::write(&certificates.root, root.pem()).unwrap();
        std::fs::write(&certificates.server, server.pem()).unwrap();
        std::fs::write(&certificates.server_key, key.serialize_pem()).unwrap();
        std::fs::write(&certificates.own, own.pem()).unwrap();
        std::fs::write(&certificates.own_key, own_key.serialize_pem()).unwrap();
        for key in [&certificates.server_key, &certificates.own_key] {
            run(Command::new("chmod").arg("600").arg(key));
            let parent = key.parent().unwrap();
            run(Command::new("chown").arg(format!("--reference={}", parent.display())).arg(key));
        }
        certificates
    }
}
