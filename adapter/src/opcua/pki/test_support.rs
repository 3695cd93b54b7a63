//! Certificates for the tests of this room. Keys are made once, since that takes long.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Certificate, issue};
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rsa::{
    RsaPrivateKey,
    pkcs8::{EncodePrivateKey, LineEnding},
};

/// Names of a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) uri: &'static str,
    pub(crate) hosts: &'static [&'static str],
    /// As node-opcua writes it.
    pub(crate) is_uri_last: bool,
    pub(crate) purpose: Purpose,
}

/// The extended key usage of a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Server,
    Client,
    Any,
    /// It has none.
    Unsaid,
}

impl Default for Names {
    fn default() -> Self {
        Self { uri: "urn:plc", hosts: &["plc"], is_uri_last: false, purpose: Purpose::Server }
    }
}

impl Purpose {
    fn usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Server => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            Self::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Self::Any => vec![ExtendedKeyUsagePurpose::Any],
            Self::Unsaid => Vec::new(),
        }
    }
}

/// A certificate with its key.
pub(crate) struct Pair {
    pub(crate) certificate: Certificate,
    pub(crate) key: &'static RsaPrivateKey,
    params: CertificateParams,
}

/// The key of a name; the same name gives the same key.
pub(crate) fn key(name: &str) -> &'static RsaPrivateKey {
    static KEYS: Mutex<BTreeMap<String, &'static RsaPrivateKey>> = Mutex::new(BTreeMap::new());
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    keys.entry(name.to_owned()).or_insert_with(|| Box::leak(Box::new(issue::new_key().unwrap())))
}

fn for_rcgen(key: &RsaPrivateKey) -> KeyPair {
    KeyPair::from_pem(&key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

fn pair(params: CertificateParams, key: &'static RsaPrivateKey, issuer: Option<&Pair>) -> Pair {
    let own = for_rcgen(key);
    let made = match issuer {
        None => params.self_signed(&own).unwrap(),
        Some(issuer) => {
            let issuer_key = for_rcgen(issuer.key);
            params.signed_by(&own, &Issuer::from_params(&issuer.params, &issuer_key)).unwrap()
        }
    };
    Pair { certificate: Certificate::from_der(made.der()).unwrap(), key, params }
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn leaf(names: &Names) -> CertificateParams {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut params = params("leaf");
    // Without a number of its own, two certificates of the same names and key would be one.
    params.serial_number = Some(NEXT.fetch_add(1, Ordering::Relaxed).into());
    let uri = SanType::URI(names.uri.try_into().unwrap());
    let hosts = names
        .hosts
        .iter()
        .map(|host| host.parse().map_or_else(|_| SanType::DnsName((*host).try_into().unwrap()), SanType::IpAddress));
    params.subject_alt_names.extend(hosts);
    let place = if names.is_uri_last { params.subject_alt_names.len() } else { 0 };
    params.subject_alt_names.insert(place, uri);
    params.extended_key_usages = names.purpose.usages();
    params
}

/// Signed by itself.
pub(crate) fn certificate(names: &Names) -> Pair {
    pair(leaf(names), key("leaf"), None)
}

/// Signed by an authority.
pub(crate) fn signed_by(names: &Names, issuer: &Pair) -> Pair {
    pair(leaf(names), key("leaf"), Some(issuer))
}

/// An authority, signed by the authority of another name or by itself.
pub(crate) fn authority(name: &str, issuer: Option<&str>) -> Pair {
    authority_with(name, issuer, BasicConstraints::Unconstrained, Purpose::Unsaid)
}

/// An authority with bounds of its own.
pub(crate) fn authority_with(name: &str, issuer: Option<&str>, bounds: BasicConstraints, purpose: Purpose) -> Pair {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(bounds);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = purpose.usages();
    match issuer {
        None => pair(params, key(name), None),
        // Its key is its own; "root" signed by "other key" is an impostor of the name.
        Some(issuer) => pair(params, key(&format!("{name} by {issuer}")), Some(&authority(issuer, None))),
    }
}

/// The PEM form.
pub(crate) fn pem(certificate: &Certificate) -> String {
    pem_of(certificate.der())
}

/// The PEM form of any bytes.
pub(crate) fn pem_of(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
