//! Keys as the library's own cryptography takes them.
//!
//! It makes them of files and of certificates that it parses strictly; here they come from memory, and from what has
//! been read leniently.

use opcua::crypto::{PrivateKey, PublicKey, X509};
use rsa::{RsaPublicKey, pkcs8::EncodePublicKey};
use x509_cert::{
    TbsCertificate, Version,
    der::{
        Decode, Encode,
        asn1::{BitString, GeneralizedTime, ObjectIdentifier},
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::{Time, Validity},
};

use super::{Certificate, OwnCertificate, PkiError};

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// The public key of a certificate, to encrypt for its owner and to check what it has signed.
///
/// # Errors
/// When the library does not take the key.
pub fn public_key(certificate: &Certificate) -> Result<PublicKey, PkiError> {
    certificate_of_key(certificate)?.public_key().map_err(|error| wrong(certificate, &error))
}

/// A certificate that holds the same public key and nothing else, which the library parses.
fn certificate_of_key(certificate: &Certificate) -> Result<X509, PkiError> {
    let der = minimal(certificate.public_key()).map_err(|error| wrong(certificate, &error))?;
    X509::from_der(&der).map_err(|error| wrong(certificate, &error))
}

/// Our private key, which need not be read from its file again.
///
/// # Errors
/// When the library does not take the key.
pub fn private_key(own: &OwnCertificate) -> Result<PrivateKey, PkiError> {
    PrivateKey::from_pem(own.key_pem()?.as_bytes())
        .map_err(|error| PkiError::Key { path: own.key_path.clone(), reason: error.to_string() })
}

/// A certificate of this key without any names, signed by nobody.
pub(in crate::opcua) fn minimal(key: &RsaPublicKey) -> Result<Vec<u8>, x509_cert::spki::Error> {
    let info = key.to_public_key_der()?;
    let algorithm = AlgorithmIdentifierOwned { oid: SHA256_WITH_RSA, parameters: None };
    let time = Time::GeneralTime(GeneralizedTime::from_unix_duration(std::time::Duration::ZERO)?);
    let content = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::from(1_u8),
        signature: algorithm.clone(),
        issuer: Name::default(),
        validity: Validity { not_before: time, not_after: time },
        subject: Name::default(),
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(info.as_bytes())?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    };
    let signature = BitString::from_bytes(&[0])?;
    let whole = x509_cert::Certificate { tbs_certificate: content, signature_algorithm: algorithm, signature };
    Ok(whole.to_der()?)
}

fn wrong(certificate: &Certificate, error: &dyn std::fmt::Display) -> PkiError {
    let reason = format!("the OPC UA library does not take its key: {error}");
    PkiError::Certificate { what: format!("the certificate {}", certificate.thumbprint), reason }
}

#[cfg(test)]
mod tests {
    use opcua::crypto::KeySize;

    use super::*;
    use crate::opcua::pki::{
        Store,
        own::Identity,
        test_der::{Oddity, odd},
        test_support::{Names, certificate, key},
    };

    #[test]
    fn what_our_key_signs_its_public_key_proves() {
        let folder = tempfile::tempdir().unwrap();
        let identity =
            Identity { common_name: "a".into(), uri: "urn:a".into(), hosts: vec!["a".into()], days: 1, now: 0 };
        let own = OwnCertificate::generate(&Store::new(folder.path()), &identity, false).unwrap();
        std::fs::remove_file(&own.key_path).unwrap();
        let (private, public) = (private_key(&own).unwrap(), public_key(&own.certificate).unwrap());
        let mut signature = vec![0; private.size()];
        private.sign_sha256(b"message", &mut signature).unwrap();
        assert!(public.verify_sha256(b"message", &signature).unwrap());
        assert!(!public.verify_sha256(b"another", &signature).unwrap());
    }

    #[test]
    fn the_key_of_a_certificate_that_the_library_cannot_read_is_had() {
        let plain = certificate(&Names::default()).certificate;
        let der = odd(plain.der(), Oddity::Serial(&[0x7F; 40]), key("leaf"));
        assert!(X509::from_der(&der).is_err(), "else this test says nothing");
        let odd = Certificate::from_der(&der).unwrap();
        assert_eq!(public_key(&odd).unwrap().bit_length(), 2048);
        let (ours, theirs) = (certificate_of_key(&odd).unwrap(), X509::from_der(plain.der()).unwrap());
        let info = |x509: &X509| {
            let parsed = x509_cert::Certificate::from_der(&x509.to_der().unwrap()).unwrap();
            parsed.tbs_certificate.subject_public_key_info
        };
        assert_eq!(info(&ours), info(&theirs));
    }
}
