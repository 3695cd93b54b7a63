//! Encryption of the connection to the broker: which certificates are trusted, and with which cryptography.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};
use thiserror::Error;

use super::{certificate::Shown, trust::Trust};
use crate::config::effective::{ClientCertificate, TlsConfig};

/// Why a connection cannot be encrypted as the mapping says.
#[derive(Debug, Error)]
pub(in crate::mqtt) enum TlsError {
    #[error("cannot read `tls.{key}` {}: {error}", path.display())]
    Unreadable { key: &'static str, path: PathBuf, error: io::Error },
    #[error("`tls.{key}` {} is no PEM file: {reason}; it needs `-----BEGIN CERTIFICATE-----`", path.display())]
    NoPem { key: &'static str, path: PathBuf, reason: String },
    #[error("`tls.ca_file` {} has no usable certificate; put the certificate of the CA or of the broker there, in PEM form", path.display())]
    NoAuthority { path: PathBuf },
    #[error("`tls.cert_file` {} has no certificate; put ours there, in PEM form, then those that signed it", path.display())]
    NoCertificate { path: PathBuf },
    #[error(
        "the private key in `tls.key_file` {} is encrypted; take its password off (`openssl pkey -in … -out …`) and guard \
         the file by its permissions", path.display()
    )]
    EncryptedKey { path: PathBuf },
    #[error("`tls.key_file` {} has no private key; put it there in PEM form (PKCS#8, PKCS#1 or SEC1)", path.display())]
    NoKey { path: PathBuf },
    #[error(
        "the private key in `tls.key_file` {} cannot be used ({reason}); take RSA from 2048 bits, ECDSA P-256 or P-384, or \
         Ed25519", path.display()
    )]
    UnusableKey { path: PathBuf, reason: String },
    #[error(
        "the private key in `tls.key_file` {} is not that of the certificate in `tls.cert_file` {}; give both of one pair",
        key_file.display(), cert_file.display()
    )]
    WrongPair { cert_file: PathBuf, key_file: PathBuf },
    #[error("the first certificate in `tls.cert_file` {} cannot be read; put ours there, in PEM form", path.display())]
    BadCertificate { path: PathBuf },
    #[error("this system has no root certificates; install them (ca-certificates) or set `tls.ca_file`")]
    NoSystemRoots,
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Reads certificates and key, anew for each connection so that a replaced file is seen. Blocks on the file system.
pub(in crate::mqtt) fn client_config(tls: &TlsConfig) -> Result<Arc<ClientConfig>, TlsError> {
    // Named here, since a process-wide default would be for the whole program to choose.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trust = match &tls.ca_file {
        Some(path) => trust_of_file(path, &provider)?,
        None => Trust::new(system_roots()?, Vec::new(), &provider),
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust));
    let mut config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some(client) => builder.with_client_cert_resolver(Arc::new(own_certificate(client, &provider)?)),
    };
    config.alpn_protocols = tls.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    Ok(Arc::new(config))
}

/// Our certificate and its key. The library's own way refuses what it would not accept from a server, such as X.509
/// version 1; but what we show is for the broker to judge.
fn own_certificate(client: &ClientCertificate, provider: &CryptoProvider) -> Result<SingleCertAndKey, TlsError> {
    let ClientCertificate { cert_file, key_file } = client;
    let certificates = certificates("cert_file", cert_file)?;
    let Some(first) = certificates.first() else { return Err(TlsError::NoCertificate { path: cert_file.clone() }) };
    let shown = Shown::read(first).ok_or_else(|| TlsError::BadCertificate { path: cert_file.clone() })?;
    let key = provider
        .key_provider
        .load_private_key(private_key(key_file)?)
        .map_err(|error| TlsError::UnusableKey { path: key_file.clone(), reason: error.to_string() })?;
    if key.public_key().is_some_and(|public| shown.key_info().is_some_and(|info| info != public.as_ref())) {
        return Err(TlsError::WrongPair { cert_file: cert_file.clone(), key_file: key_file.clone() });
    }
    Ok(CertifiedKey::new(certificates, key).into())
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read("key_file", path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        // Both ways to encrypt a key in PEM say so in clear text.
        let is_encrypted = text.windows(9).any(|word| word == b"ENCRYPTED");
        let path = path.to_owned();
        if is_encrypted { TlsError::EncryptedKey { path } } else { TlsError::NoKey { path } }
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable { key, path: path.to_owned(), error })
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(key, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    certificates.map_err(|error| TlsError::NoPem { key, path: path.to_owned(), reason: error.to_string() })
}

/// Each certificate counts twice: as an authority where it can be one, and as the broker's own.
fn trust_of_file(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Trust, TlsError> {
    let certificates = certificates("ca_file", path)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    let pins: Vec<_> = certificates.into_iter().filter(|one| Shown::read(one).is_some()).collect();
    if roots.is_empty() && pins.is_empty() {
        return Err(TlsError::NoAuthority { path: path.to_owned() });
    }
    Ok(Trust::new(roots, pins, provider))
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 { Err(TlsError::NoSystemRoots) } else { Ok(roots) }
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
        let error = client_config(&TlsConfig { ca_file: Some(path), ..TlsConfig::default() }).unwrap_err().to_string();
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

    fn pem(label: &str, content: &str) -> String {
        format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n")
    }

    #[track_caller]
    fn check_pair(certificate: &str, key: &str, expected: &str) {
        let directory = tempfile::tempdir().unwrap();
        let (cert_file, key_file) = (directory.path().join("me.pem"), directory.path().join("me.key"));
        std::fs::write(&cert_file, certificate).unwrap();
        std::fs::write(&key_file, key).unwrap();
        // Any certificate will do as the one that is trusted.
        let ca_file = directory.path().join("ca.pem");
        std::fs::write(&ca_file, rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap().cert.pem()).unwrap();
        let client = Some(ClientCertificate { cert_file, key_file });
        let config = client_config(&TlsConfig { ca_file: Some(ca_file), client, ..TlsConfig::default() });
        let said = config.map_or_else(|error| error.to_string(), |_| "good".to_owned());
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn a_client_certificate_and_its_key_are_a_pair_or_it_is_said_why_not() {
        let one = rcgen::generate_simple_self_signed(["one".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
        let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        check_pair(&certificate, &key, "good");
        check_pair(&certificate, &other.signing_key.serialize_pem(), "is not that of the certificate");
        check_pair("", &key, "me.pem has no certificate");
        check_pair(&certificate, "", "me.key has no private key");
        check_pair(&certificate, &certificate, "me.key has no private key");
        check_pair(&certificate, &pem("ENCRYPTED PRIVATE KEY", "AAAA"), "me.key is encrypted");
        let old = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA";
        check_pair(&certificate, &pem("RSA PRIVATE KEY", old), "me.key is encrypted");
        check_pair(&certificate, &pem("PRIVATE KEY", "AAAA"), "me.key cannot be used");
    }
}
