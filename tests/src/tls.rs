//! A certificate authority of the test's own.

use std::{fs, path::Path};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// Signs certificates that nobody but the test trusts.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// What a server shows and keeps, as PEM.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The certificate, for `127.0.0.1` and `localhost`.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new authority with a key of its own.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// The authority's own certificate, as PEM: what a client has to trust.
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server on loopback.
    pub fn issue(&self) -> Result<ServerCertificate> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(ServerCertificate { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// Makes an authority and a server's certificate, writes `ca.pem`, `server.pem` and `server.key` into a folder, and
/// returns the authority's certificate.
pub(crate) fn write_identity(folder: &Path) -> Result<String> {
    let authority = Authority::new("Test authority")?;
    let server = authority.issue()?;
    fs::write(folder.join("ca.pem"), authority.certificate())?;
    fs::write(folder.join("server.pem"), server.certificate)?;
    fs::write(folder.join("server.key"), server.key)?;
    Ok(authority.certificate())
}
