//! What stands in a certificate, as far as it decides whether a connection can be had; and what is wrong with it.

use rsa::pkcs1::RsaPublicKey;
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use x509_cert::{
    Certificate, Version,
    der::{Decode, Encode, asn1::ObjectIdentifier},
    ext::pkix::{BasicConstraints, SubjectAltName},
};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// The sizes of RSA keys that ring verifies with, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What is wrong with a certificate that `rustls` has no word for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::mqtt) enum Flaw {
    /// Nothing here can verify with such a key.
    #[error("it has {0}, with which nothing is verified here")]
    Key(String),
    /// Nothing here can verify such a signature.
    #[error("it is signed by {0}, which is not verified here")]
    Signature(String),
    /// A certificate without extensions, as `openssl x509 -req` makes it by default.
    #[error("it is of X.509 version 1, which has no room for a host name")]
    Version1,
    /// What `openssl req -x509` makes by default: an authority's certificate that a server shows as its own.
    #[error("it is that of an authority (CA:TRUE), and not one for a server")]
    Authority,
    /// No subject alternative name.
    #[error("it names `{0}` as its subject only (CN), and has no subjectAltName")]
    CommonNameOnly(String),
    /// Whoever shows it does not have its key.
    #[error("the handshake is not signed with its key")]
    Handshake,
}

/// A certificate, read.
pub(super) struct Shown(Certificate);

impl Shown {
    /// `None` when it cannot be read.
    pub(super) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        Certificate::from_der(der).ok().map(Self)
    }

    pub(super) fn is_version_1(&self) -> bool {
        self.0.tbs_certificate.version == Version::V1
    }

    /// Whether it calls itself that of an authority.
    pub(super) fn is_authority(&self) -> bool {
        matches!(self.0.tbs_certificate.get::<BasicConstraints>(), Ok(Some((_, constraints))) if constraints.ca)
    }

    /// The subject's name, where no other one stands in it.
    pub(super) fn only_common_name(&self) -> Option<String> {
        if !matches!(self.0.tbs_certificate.get::<SubjectAltName>(), Ok(None)) {
            return None;
        }
        let mut parts = self.0.tbs_certificate.subject.0.iter().flat_map(|set| set.0.iter());
        let name = parts.find(|part| part.oid == COMMON_NAME)?;
        let name = String::from_utf8_lossy(name.value.value());
        Some(name.chars().filter(|c| !c.is_control()).take(100).collect())
    }

    /// From when until when it is good, in seconds since 1970.
    pub(super) fn validity(&self) -> (u64, u64) {
        let validity = &self.0.tbs_certificate.validity;
        (validity.not_before.to_unix_duration().as_secs(), validity.not_after.to_unix_duration().as_secs())
    }

    /// The key in the form in which others tell it (`SubjectPublicKeyInfo`).
    pub(super) fn key_info(&self) -> Option<Vec<u8>> {
        self.0.tbs_certificate.subject_public_key_info.to_der().ok()
    }

    /// The key itself.
    pub(super) fn key(&self) -> &[u8] {
        self.0.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes()
    }

    /// What kind of key it is, as `rustls` writes it.
    pub(super) fn key_algorithm(&self) -> Option<Vec<u8>> {
        let algorithm = &self.0.tbs_certificate.subject_public_key_info.algorithm;
        let mut bytes = algorithm.oid.to_der().ok()?;
        if let Some(parameters) = &algorithm.parameters {
            bytes.extend(parameters.to_der().ok()?);
        }
        Some(bytes)
    }

    /// The key in words, if nothing can be verified with it.
    pub(super) fn unverifiable_key(&self) -> Option<String> {
        let algorithm = &self.0.tbs_certificate.subject_public_key_info.algorithm;
        match algorithm.oid {
            RSA => {
                let key = RsaPublicKey::from_der(self.key()).ok()?;
                let bytes = key.modulus.as_bytes();
                let unused = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
                let bits = bytes.len() * 8 - unused;
                (!RSA_BITS.contains(&bits)).then(|| format!("an RSA key of {bits} bits (it takes 2048 to 8192)"))
            }
            ELLIPTIC => {
                let curve = algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok()?;
                (curve != P256 && curve != P384)
                    .then(|| format!("a key on the curve {} (it takes P-256 and P-384)", name_of(curve)))
            }
            ED25519 => None,
            other => Some(format!("a key of the kind {} (it takes RSA, ECDSA and Ed25519)", name_of(other))),
        }
    }
}

/// A signature algorithm in words; `id` as `rustls` writes it.
pub(super) fn signature_name(id: &[u8]) -> String {
    let length = id.get(1).map_or(0, |length| usize::from(*length) + 2);
    let identifier = id.get(..length).and_then(|id| ObjectIdentifier::from_der(id).ok());
    identifier.map_or_else(|| "an unknown algorithm".to_owned(), name_of)
}

fn name_of(identifier: ObjectIdentifier) -> String {
    let name = match identifier.to_string().as_str() {
        "1.2.840.113549.1.1.4" => "RSA with MD5",
        "1.2.840.113549.1.1.5" => "RSA with SHA-1",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.10040.4.1" => "DSA",
        "1.2.840.10045.4.1" => "ECDSA with SHA-1",
        "1.2.840.10045.4.3.2" => "ECDSA with SHA-256",
        "1.2.840.10045.4.3.3" => "ECDSA with SHA-384",
        "1.2.840.10045.4.3.4" => "ECDSA with SHA-512",
        "1.3.132.0.35" => "P-521",
        "1.3.132.0.10" => "secp256k1",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        "1.3.101.113" => "Ed448",
        other => return other.to_owned(),
    };
    name.to_owned()
}
