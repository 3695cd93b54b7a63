//! One certificate, with what people and checks want to know of it.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use rsa::{RsaPublicKey, traits::PublicKeyParts};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::{
    der::{Elements, SEQUENCE},
    fields::Fields,
    names,
};

/// The largest certificate that is looked at, in bytes.
pub(super) const MAX_BYTES: usize = 32 * 1024;
/// Characters of a name that are shown.
const MAX_SHOWN: usize = 200;

/// What a server's certificate must be for, in ASN.1: `serverAuth` of RFC 5280.
const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// One certificate. What it says of itself is anybody's word; texts of it are made harmless for a terminal and a log.
///
/// It is kept and hashed as it came, since PLCs encode otherwise than we would.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    signed: Signed,
    key: RsaPublicKey,
    purposes: Option<Vec<String>>,
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

/// What is needed to tell who has signed it, and whom it may sign.
#[derive(Clone)]
pub(super) struct Signed {
    /// What is signed, as it came.
    pub(super) content: Vec<u8>,
    /// The identifier of the signature's algorithm.
    pub(super) algorithm: String,
    pub(super) signature: Vec<u8>,
    /// The names of both, as they came.
    pub(super) issuer: Vec<u8>,
    pub(super) subject: Vec<u8>,
    /// Authorities that may stand below it.
    pub(super) path_length: Option<usize>,
}

impl Certificate {
    /// Reads the DER form, also where it is not quite DER. What stands behind the certificate is not part of it.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn from_der(bytes: &[u8]) -> Result<Self, String> {
        let whole = Elements::new(bytes).required(SEQUENCE, "it")?;
        let der = whole.whole;
        if der.len() > MAX_BYTES {
            return Err(format!("it has {} bytes, more than {MAX_BYTES}", der.len()));
        }
        let fields = Fields::read(whole)?;
        let extensions = fields.extensions;
        Ok(Self {
            thumbprint: hexadecimal(&Sha1::digest(der)),
            sha256: hexadecimal(&Sha256::digest(der)),
            subject: names::subject(fields.subject),
            uris: extensions.names.uris,
            hosts: extensions.names.hosts,
            not_before: fields.not_before,
            not_after: fields.not_after,
            is_authority: extensions.is_authority && extensions.may_sign,
            der: der.to_vec(),
            signed: Signed {
                content: fields.content.to_vec(),
                algorithm: fields.algorithm,
                signature: fields.signature.to_vec(),
                issuer: fields.issuer.to_vec(),
                subject: fields.subject.content.to_vec(),
                path_length: extensions.path_length,
            },
            key: fields.key,
            purposes: extensions.purposes,
        })
    }

    /// The DER form as it came, of this certificate alone.
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
    pub fn public_key(&self) -> &RsaPublicKey {
        &self.key
    }

    /// Whether it says that it is for a server; `anyExtendedKeyUsage` does not say that.
    pub fn is_for_servers(&self) -> bool {
        self.purposes.iter().flatten().any(|purpose| purpose == SERVER_AUTH)
    }

    /// Whether it says what it is for, and a server is not among it.
    pub(super) fn is_for_others(&self) -> bool {
        self.purposes.is_some() && !self.is_for_servers()
    }

    /// What it says it is for, in words.
    pub(super) fn purposes(&self) -> String {
        match self.purposes.as_deref() {
            None => "no extended key usage".to_owned(),
            Some([]) => "an empty extended key usage".to_owned(),
            Some(purposes) => {
                let word = |purpose: &String| match purpose.as_str() {
                    SERVER_AUTH => "serverAuth".to_owned(),
                    CLIENT_AUTH => "clientAuth".to_owned(),
                    other => harmless(other),
                };
                let words: Vec<String> = purposes.iter().take(10).map(word).collect();
                format!("the extended key usage {}", words.join(", "))
            }
        }
    }

    pub(super) fn signed(&self) -> &Signed {
        &self.signed
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

/// Neither control characters nor an endless line.
pub(in crate::opcua) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(MAX_SHOWN).collect()
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
