//! An authority of the test's own, and the files that brokers and the link want of it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tagwise::config::effective::ClientCertificate;
use tempfile::TempDir;

/// An authority with a folder for what it issues.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

/// A certificate and its key, as files.
pub(crate) struct Issued {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, files }
    }

    /// The authority's own certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// A certificate for `name`, written to files that begin with it.
    pub(crate) fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let write = |ending: &str, content: String| {
            let path = self.files.path().join(format!("{name}.{ending}"));
            std::fs::write(&path, content).unwrap();
            path
        };
        Issued { certificate: write("pem", certificate.pem()), key: write("key", key.serialize_pem()) }
    }
}

impl Issued {
    /// The lines of mosquitto's configuration for a listener that shows it.
    pub(crate) fn lines(&self) -> String {
        format!("certfile {}\nkeyfile {}", self.certificate.display(), self.key.display())
    }

    /// As what a link shows.
    pub(crate) fn client(&self) -> ClientCertificate {
        ClientCertificate { cert_file: self.certificate.clone(), key_file: self.key.clone() }
    }

    /// For a server of the test's own that shows it.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let read = |path: &Path| std::fs::read(path).unwrap();
        let certificate = CertificateDer::from_pem_slice(&read(&self.certificate)).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
    }
}
