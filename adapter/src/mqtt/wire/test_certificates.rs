//! Certificates as people make them, for tests. Those that no library here can make were made by openssl; they are good for
//! a hundred years.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PublicKeyData, SigningKey,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use x509_cert::{
    Certificate, TbsCertificate, Version,
    der::{
        Decode, Encode,
        asn1::{BitString, ObjectIdentifier},
    },
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::Validity,
};

pub(super) const P521: &str = include_str!("certificates/p521.pem");
pub(super) const ED448: &str = include_str!("certificates/ed448.pem");
pub(super) const RSA_1024: &str = include_str!("certificates/rsa1024.pem");
pub(super) const SHA1_AUTHORITY: &str = include_str!("certificates/sha1_ca.pem");
pub(super) const SHA1_LEAF: &str = include_str!("certificates/sha1_leaf.pem");

/// A certificate and its key.
pub(super) struct Pair {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: KeyPair,
}

impl Pair {
    pub(super) fn pem(&self) -> String {
        pem(&self.certificate)
    }

    pub(super) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate))
}

pub(super) fn of_pem(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn parameters(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut parameters = CertificateParams::new(names).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters
}

/// An authority that signs others.
pub(super) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = parameters("test authority", &[]);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// Signed by `authority`, for `names`.
pub(super) fn signed(authority: &CertifiedIssuer<'static, KeyPair>, common_name: &str, names: &[&str]) -> Pair {
    let key = KeyPair::generate().unwrap();
    let certificate = parameters(common_name, names).signed_by(&key, authority).unwrap();
    Pair { certificate: certificate.der().clone(), key }
}

/// Signed by itself, with what `change` makes of it.
pub(super) fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut parameters = parameters("localhost", names);
    change(&mut parameters);
    let certificate = parameters.self_signed(&key).unwrap();
    Pair { certificate: certificate.der().clone(), key }
}

/// What `openssl req -x509` makes: of an authority, with a name in the subject only.
pub(super) fn usual() -> Pair {
    self_signed(&[], |parameters| parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))
}

pub(super) fn expired() -> Pair {
    self_signed(&["localhost"], |parameters| {
        parameters.not_before = date_time_ymd(2001, 1, 1);
        parameters.not_after = date_time_ymd(2002, 1, 1);
    })
}

pub(super) fn not_valid_yet() -> Pair {
    self_signed(&["localhost"], |parameters| parameters.not_before = date_time_ymd(4000, 1, 1))
}

/// What `openssl x509 -req` makes: without extensions.
pub(super) fn version_1() -> Pair {
    let key = KeyPair::generate().unwrap();
    let name: x509_cert::name::Name = "CN=localhost".parse().unwrap();
    let algorithm =
        AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"), parameters: None };
    let to_be_signed = TbsCertificate {
        version: Version::V1,
        serial_number: SerialNumber::from(7_u32),
        signature: algorithm.clone(),
        issuer: name.clone(),
        validity: Validity::from_now(Duration::from_hours(24)).unwrap(),
        subject: name,
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&key.subject_public_key_info()).unwrap(),
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    };
    let signature = key.sign(&to_be_signed.to_der().unwrap()).unwrap();
    let certificate = Certificate {
        tbs_certificate: to_be_signed,
        signature_algorithm: algorithm,
        signature: BitString::from_bytes(&signature).unwrap(),
    };
    Pair { certificate: certificate.to_der().unwrap().into(), key }
}
