//! Keys as the library's own cryptography takes them.

use opcua::crypto::{PrivateKey, PublicKey, X509};
use x509_cert::der::Encode;

use super::{Certificate, OwnCertificate, PkiError};

/// The public key of a certificate.
///
/// # Errors
/// When the library does not take the key.
pub fn public_key(certificate: &Certificate) -> Result<PublicKey, PkiError> {
    let wrong = || PkiError::Certificate { what: certificate.thumbprint.clone(), reason: "no key".to_owned() };
    let der = certificate.parsed().to_der().map_err(|_| wrong())?;
    X509::from_der(&der).map_err(|_| wrong())?.public_key().map_err(|_| wrong())
}

/// Our private key.
///
/// # Errors
/// When the library does not take the key.
pub fn private_key(own: &OwnCertificate) -> Result<PrivateKey, PkiError> {
    PrivateKey::from_pem(own.key_pem()?.as_bytes())
        .map_err(|error| PkiError::Key { path: own.key_path.clone(), reason: error.to_string() })
}
