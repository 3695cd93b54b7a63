//! Makes an application certificate as OPC UA Part 6 wants it.

use std::{net::IpAddr, str::FromStr, time::Duration};

use rsa::{
    RsaPrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::EncodePublicKey,
    rand_core::{OsRng, RngCore},
};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use x509_cert::{
    builder::{Builder, CertificateBuilder, Profile},
    der::{
        Decode, Encode,
        asn1::{GeneralizedTime, Ia5String, ObjectIdentifier, OctetString},
    },
    ext::pkix::{
        AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
        SubjectKeyIdentifier, name::GeneralName,
    },
    name::Name,
    serial_number::SerialNumber,
    spki::SubjectPublicKeyInfoOwned,
    time::{Time, Validity},
};

use super::{certificate::Certificate, error::PkiError};

/// Bits of a new key: every policy takes 2048, the deprecated ones take no more.
const KEY_BITS: usize = 2048;
/// A PLC without a battery or NTP may be late; a certificate from tomorrow would be refused.
const BACKDATED: i64 = 24 * 3600;
const MAX_NAME: usize = 64;

const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");

/// What a new certificate says.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The application's name, for people.
    pub common_name: String,
    /// The application's URI; servers compare it with what the client says of itself.
    pub uri: String,
    /// Host names and addresses of this machine.
    pub hosts: Vec<String>,
    /// How long it is valid, in days.
    pub days: u32,
    /// The present, in seconds since 1970.
    pub now: i64,
}

/// A new key of 2048 bits. Takes up to seconds.
pub(super) fn new_key() -> Result<RsaPrivateKey, PkiError> {
    RsaPrivateKey::new(&mut OsRng, KEY_BITS).map_err(|error| PkiError::Issue { reason: error.to_string() })
}

/// A certificate for a key, signed with the same key.
pub(super) fn self_signed(identity: &Identity, key: &RsaPrivateKey) -> Result<Certificate, PkiError> {
    let subject = name(&identity.common_name)?;
    let names = alternative_names(identity)?;
    let der = sign(identity, key, subject, &names).map_err(|reason| PkiError::Issue { reason })?;
    Certificate::from_der(&der).map_err(|reason| PkiError::Issue { reason })
}

fn name(common_name: &str) -> Result<Name, PkiError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " ._-:".contains(c);
    let cut: String = common_name.chars().take(MAX_NAME).map(|c| if is_plain(c) { c } else { '-' }).collect();
    Name::from_str(&format!("CN={},O=Tagwise", cut.trim()))
        .map_err(|_| PkiError::Name { text: common_name.to_owned(), what: "the name" })
}

/// The application's URI stands first, where simple servers look for it.
fn alternative_names(identity: &Identity) -> Result<SubjectAltName, PkiError> {
    let text = |text: &str, what| {
        let is_plain = !text.is_empty() && text.len() <= 255 && text.chars().all(|c| c.is_ascii_graphic());
        let wrong = || PkiError::Name { text: text.to_owned(), what };
        Ia5String::new(text).ok().filter(|_| is_plain).ok_or_else(wrong)
    };
    let mut names = vec![GeneralName::UniformResourceIdentifier(text(&identity.uri, "the application URI")?)];
    for host in &identity.hosts {
        names.push(match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => GeneralName::IpAddress(octets(&address.octets())?),
            Ok(IpAddr::V6(address)) => GeneralName::IpAddress(octets(&address.octets())?),
            Err(_) => GeneralName::DnsName(text(host, "a host name")?),
        });
    }
    Ok(SubjectAltName(names))
}

fn octets(bytes: &[u8]) -> Result<OctetString, PkiError> {
    OctetString::new(bytes).map_err(|error| PkiError::Issue { reason: error.to_string() })
}

fn sign(identity: &Identity, key: &RsaPrivateKey, subject: Name, names: &SubjectAltName) -> Result<Vec<u8>, String> {
    let public_key = key.to_public_key().to_public_key_der().map_err(|error| error.to_string())?;
    let build = || -> Result<Vec<u8>, x509_cert::builder::Error> {
        let info = SubjectPublicKeyInfoOwned::from_der(public_key.as_bytes())?;
        let identifier = OctetString::new(Sha1::digest(info.subject_public_key.raw_bytes()).as_slice())?;
        let serial = serial()?;
        let until = identity.now.saturating_add(i64::from(identity.days) * 24 * 3600);
        let validity = Validity { not_before: time(identity.now - BACKDATED)?, not_after: time(until)? };
        let profile = Profile::Manual { issuer: Some(subject.clone()) };
        let signer = SigningKey::<Sha256>::new(key.clone());
        let mut builder = CertificateBuilder::new(profile, serial.clone(), validity, subject.clone(), info, &signer)?;
        builder.add_extension(&SubjectKeyIdentifier(identifier.clone()))?;
        builder.add_extension(&AuthorityKeyIdentifier {
            key_identifier: Some(identifier),
            authority_cert_issuer: Some(vec![GeneralName::DirectoryName(subject)]),
            authority_cert_serial_number: Some(serial),
        })?;
        builder.add_extension(&BasicConstraints { ca: false, path_len_constraint: None })?;
        // Part 6, 6.2.2: the four of an application, and keyCertSign since it is signed by itself.
        builder.add_extension(&KeyUsage(
            KeyUsages::DigitalSignature
                | KeyUsages::NonRepudiation
                | KeyUsages::KeyEncipherment
                | KeyUsages::DataEncipherment
                | KeyUsages::KeyCertSign,
        ))?;
        builder.add_extension(&ExtendedKeyUsage(vec![CLIENT_AUTH, SERVER_AUTH]))?;
        builder.add_extension(names)?;
        Ok(builder.build::<rsa::pkcs1v15::Signature>()?.to_der()?)
    };
    build().map_err(|error| error.to_string())
}

/// Random, since servers tell certificates of one issuer apart by it; the first bit off, since it is a positive number.
fn serial() -> Result<SerialNumber, x509_cert::builder::Error> {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    bytes[0] = (bytes[0] & 0x7F) | 0x40;
    Ok(SerialNumber::new(&bytes)?)
}

fn time(seconds: i64) -> Result<Time, x509_cert::builder::Error> {
    let since_1970 = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    Ok(Time::GeneralTime(GeneralizedTime::from_unix_duration(since_1970)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::pki::test_support::key;

    fn identity() -> Identity {
        Identity {
            common_name: "Tagwise line1".into(),
            uri: "urn:box:tagwise:line1".into(),
            hosts: vec!["box".into(), "10.0.0.5".into(), "fe80::1".into()],
            days: 3650,
            now: 1_800_000_000,
        }
    }

    #[test]
    fn a_certificate_says_what_part_6_asks_for() {
        let made = self_signed(&identity(), key("own")).unwrap();
        assert_eq!(made.application_uri(), Some("urn:box:tagwise:line1"));
        assert_eq!(made.hosts, ["box", "10.0.0.5", "fe80::1"]);
        assert_eq!((made.not_before, made.not_after), (1_799_913_600, 1_800_000_000 + 3650 * 86_400));
        assert!(made.subject.contains("CN=Tagwise line1"), "{}", made.subject);
        let parsed = x509_cert::Certificate::from_der(made.der()).unwrap();
        let names = parsed.tbs_certificate.get::<SubjectAltName>().unwrap().unwrap().1;
        assert!(matches!(names.0[0], GeneralName::UniformResourceIdentifier(_)), "{names:?}");
        let usage = parsed.tbs_certificate.get::<KeyUsage>().unwrap().unwrap().1;
        assert!(usage.digital_signature() && usage.non_repudiation());
        assert!(usage.key_encipherment() && usage.data_encipherment());
        let extended = parsed.tbs_certificate.get::<ExtendedKeyUsage>().unwrap().unwrap().1;
        assert!(extended.0.contains(&CLIENT_AUTH));
        let again = self_signed(&identity(), key("own")).unwrap();
        assert_ne!(made.thumbprint, again.thumbprint, "each has a serial number of its own");
    }

    #[test]
    fn texts_that_no_certificate_can_hold_are_refused() {
        let with = |uri: &str, host: &str| Identity { uri: uri.into(), hosts: vec![host.into()], ..identity() };
        for bad in [with("", "a"), with("urn:a b", "a"), with("urn:ä", "a"), with("urn:a", "b\n")] {
            assert!(matches!(self_signed(&bad, key("own")), Err(PkiError::Name { .. })), "{bad:?}");
        }
        let odd = Identity { common_name: "a,CN=b\n+".into(), ..identity() };
        assert!(self_signed(&odd, key("own")).unwrap().subject.contains("a-CN-b"));
    }
}
