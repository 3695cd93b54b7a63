//! One certificate, with what people and checks want to know of it.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use chrono::{DateTime, SecondsFormat, Utc};
use rsa::{RsaPublicKey, traits::PublicKeyParts};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use x509_cert::{
    der::{Decode, referenced::OwnedToRef},
    ext::pkix::{BasicConstraints, SubjectAltName, name::GeneralName},
};

/// The largest certificate that is looked at, in bytes.
pub(super) const MAX_BYTES: usize = 32 * 1024;
/// Names of a certificate that are looked at.
const MAX_NAMES: usize = 100;
/// Characters of a name that are shown.
const MAX_SHOWN: usize = 200;

/// One certificate. What it says of itself is anybody's word; texts of it are made harmless for a terminal and a log.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    parsed: Box<x509_cert::Certificate>,
    key: RsaPublicKey,
    /// SHA-1 of the whole, in lower-case hexadecimal: what PLC tools call the thumbprint.
    pub thumbprint: String,
    /// SHA-256 of the whole, in lower-case hexadecimal.
    pub sha256: String,
    /// Whom it is for.
    pub subject: String,
    /// The application's URI and any other.
    pub uris: Vec<String>,
    /// Host names and addresses.
    pub hosts: Vec<String>,
    /// From when it is valid, in seconds since 1970.
    pub not_before: i64,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: i64,
    /// Whether it may sign other certificates.
    pub is_authority: bool,
}

impl Certificate {
    /// Reads the DER form.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        if der.len() > MAX_BYTES {
            return Err(format!("it has {} bytes, more than {MAX_BYTES}", der.len()));
        }
        let parsed = x509_cert::Certificate::from_der(der).map_err(|error| error.to_string())?;
        let tbs = &parsed.tbs_certificate;
        let key = RsaPublicKey::try_from(tbs.subject_public_key_info.owned_to_ref())
            .map_err(|_| "its key is no RSA key of up to 4096 bits".to_owned())?;
        let names = tbs.get::<SubjectAltName>().ok().flatten().map(|(_, names)| names.0).unwrap_or_default();
        let names = names.get(..MAX_NAMES).unwrap_or(&names);
        let constraints = tbs.get::<BasicConstraints>().ok().flatten();
        Ok(Self {
            thumbprint: hexadecimal(&Sha1::digest(der)),
            sha256: hexadecimal(&Sha256::digest(der)),
            subject: harmless(&tbs.subject.to_string()),
            uris: names.iter().filter_map(uri).collect(),
            hosts: names.iter().filter_map(host).collect(),
            not_before: seconds(tbs.validity.not_before),
            not_after: seconds(tbs.validity.not_after),
            is_authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
            der: der.to_vec(),
            key,
            parsed: Box::new(parsed),
        })
    }

    /// The DER form.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The application's URI, where it has one.
    pub fn application_uri(&self) -> Option<&str> {
        self.uris.first().map(String::as_str)
    }

    /// The length of its key in bits.
    pub fn key_bits(&self) -> usize {
        self.key.n().bits()
    }

    /// Its public key.
    pub(super) fn key(&self) -> &RsaPublicKey {
        &self.key
    }

    pub(super) fn parsed(&self) -> &x509_cert::Certificate {
        &self.parsed
    }

    /// Whether both are the same, byte for byte.
    pub fn is_same(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?}, {})", self.subject, self.thumbprint)
    }
}

/// A time as people read it, such as `2031-05-01T12:00:00Z`.
pub fn show_time(seconds: i64) -> String {
    DateTime::<Utc>::from_timestamp(seconds, 0)
        .map_or_else(|| format!("second {seconds}"), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn seconds(time: x509_cert::time::Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

fn uri(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(harmless(uri.as_str())),
        _ => None,
    }
}

fn host(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(host) => Some(harmless(host.as_str())),
        GeneralName::IpAddress(address) => match *address.as_bytes() {
            [a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).to_string()),
            ref bytes => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    }
}

/// Neither control characters nor an endless line.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(MAX_SHOWN).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::pki::test_support::{Names, certificate};

    #[test]
    fn names_are_found_in_any_order() {
        let names = Names { uri: "urn:plc:a", hosts: &["plc.local", "10.0.0.7", "::1"], is_uri_last: true };
        let certificate = certificate(&names).certificate;
        assert_eq!(certificate.application_uri(), Some("urn:plc:a"));
        assert_eq!(certificate.hosts, ["plc.local", "10.0.0.7", "::1"]);
        assert_eq!((certificate.thumbprint.len(), certificate.sha256.len()), (40, 64));
        assert_eq!(certificate.key_bits(), 2048);
        assert!(!certificate.is_authority);
    }

    #[test]
    fn what_is_no_certificate_says_so() {
        assert!(Certificate::from_der(b"").is_err());
        assert!(Certificate::from_der(b"\x30\x03\x02\x01\x01").is_err());
        assert!(Certificate::from_der(&vec![0x30; MAX_BYTES + 1]).unwrap_err().contains("bytes"));
        let whole = certificate(&Names::default()).certificate;
        for length in (0..whole.der().len()).step_by(7) {
            assert!(Certificate::from_der(&whole.der()[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn texts_of_strangers_are_made_harmless() {
        assert_eq!(harmless("CN=a\u{1b}[2J\nb"), "CN=a\u{fffd}[2J\u{fffd}b");
        assert_eq!(harmless(&"x".repeat(1_000)).len(), MAX_SHOWN);
        assert_eq!(show_time(0), "1970-01-01T00:00:00Z");
    }
}
