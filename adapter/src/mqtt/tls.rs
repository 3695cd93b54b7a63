//! Encryption of the connection to the broker: which certificates are trusted, and with which cryptography.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use thiserror::Error;

use crate::config::effective::TlsConfig;

/// Why there is nothing to check the broker's certificate against.
#[derive(Debug, Error)]
pub(super) enum TrustError {
    #[error("cannot read `tls.ca_file` {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("`tls.ca_file` {} is no PEM file: {reason}; it needs `-----BEGIN CERTIFICATE-----`", path.display())]
    NoPem { path: PathBuf, reason: String },
    #[error("`tls.ca_file` {} has no usable certificate; put the CA certificate there, in PEM form", path.display())]
    NoCertificate { path: PathBuf },
    #[error("this system has no root certificates; install them (ca-certificates) or set `tls.ca_file`")]
    NoSystemRoots,
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Reads the trusted certificates, anew for each connection so that a replaced file is seen. Blocks on the file system.
pub(super) fn client_config(tls: &TlsConfig) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = match &tls.ca_file {
        Some(path) => roots_of_file(path.clone())?,
        None => system_roots()?,
    };
    // Named here, since a process-wide default would be for the whole program to choose.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn roots_of_file(path: PathBuf) -> Result<RootCertStore, TrustError> {
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) => return Err(TrustError::Unreadable { path, error }),
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = match certificates {
        Ok(certificates) => certificates,
        Err(error) => return Err(TrustError::NoPem { path, reason: error.to_string() }),
    };
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates);
    if usable == 0 { Err(TrustError::NoCertificate { path }) } else { Ok(roots) }
}

fn system_roots() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 { Err(TrustError::NoSystemRoots) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: Option<&str>, expected: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let error = client_config(&TlsConfig { ca_file: Some(path) }).unwrap_err().to_string();
        assert!(error.contains("ca.pem") && error.contains(expected), "{error}");
    }

    #[test]
    fn a_bad_ca_file_is_named_with_what_is_wrong_with_it() {
        check(None, "cannot read");
        check(Some(""), "no usable certificate");
        check(Some("hello"), "no usable certificate");
        check(Some("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"), "is no PEM file");
        check(Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "no usable certificate");
    }
}
