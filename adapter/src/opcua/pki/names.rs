//! The names within a certificate: whom it is for, by which URIs and hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    certificate::harmless,
    der::{Element, Elements, OBJECT_IDENTIFIER, SEQUENCE, SET, identifier},
};

/// Names of a certificate that are looked at.
const MAX_NAMES: usize = 100;
/// Bytes of a URI or host; what is longer is none, and comparing a part of it would be no comparison.
const MAX_LENGTH: usize = 255;

const IA5_STRING: u8 = 0x16;
const BMP_STRING: u8 = 0x1E;
const UNIVERSAL_STRING: u8 = 0x1C;
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
const IP_ADDRESS: u8 = 0x87;

/// The URIs and the hosts of a subject alternative name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AlternativeNames {
    pub(super) uris: Vec<String>,
    pub(super) hosts: Vec<String>,
}

impl AlternativeNames {
    /// Reads the extension's value; names of other kinds, and what is none, are left out.
    pub(super) fn read(value: &[u8]) -> Self {
        let mut names = Self::default();
        let mut elements = Elements::new(value);
        let Some(list) = elements.optional(SEQUENCE) else { return names };
        let mut elements = list.inner();
        for _ in 0..MAX_NAMES {
            let Some(element) = elements.next() else { break };
            match element.tag {
                URI => names.uris.extend(plain(element.content)),
                DNS_NAME => names.hosts.extend(plain(element.content)),
                IP_ADDRESS => names.hosts.extend(address(element.content).map(|address| address.to_string())),
                _ => {}
            }
        }
        names
    }
}

/// A name that can be compared: whole, and without characters that end or hide a part of it.
fn plain(bytes: &[u8]) -> Option<String> {
    let text = text_of(IA5_STRING, bytes);
    let is_plain = !text.is_empty() && bytes.len() <= MAX_LENGTH && !text.chars().any(char::is_control);
    is_plain.then_some(text)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes))).ok();
    v4.or_else(|| Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))))
}

/// Whether one of the names of a certificate is that host: letters of either case, addresses in any form.
pub(super) fn has_host(names: &[String], host: &str) -> bool {
    let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    // An address of IPv4 within IPv6 is the same machine; a zone is this machine's own word.
    let address = |name: &str| Some(name.split('%').next()?.parse::<IpAddr>().ok()?.to_canonical());
    let (wanted, wanted_address) = (bare(host), address(host));
    !wanted.is_empty()
        && names
            .iter()
            .any(|name| bare(name) == wanted || wanted_address.is_some_and(|wanted| address(name) == Some(wanted)))
}

/// A distinguished name as people write it, the last part first, such as `CN=PLC,O=Example`.
pub(super) fn subject(name: Element<'_>) -> String {
    let mut parts = Vec::new();
    let mut sets = name.inner();
    while let Some(set) = sets.optional(SET).filter(|_| parts.len() < MAX_NAMES) {
        let mut attributes = set.inner();
        while let Some(mut pair) = attributes.optional(SEQUENCE).map(|pair| pair.inner()) {
            let (Some(kind), Some(value)) = (pair.optional(OBJECT_IDENTIFIER), pair.next()) else { continue };
            let kind = identifier(kind.content).unwrap_or_else(|| "?".to_owned());
            let text = text_of(value.tag, value.content);
            parts.push(format!("{}={}", short(&kind), text.replace('\\', r"\\").replace(',', r"\,")));
        }
    }
    parts.reverse();
    harmless(&parts.join(","))
}

fn short(identifier: &str) -> &str {
    match identifier {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        other => other,
    }
}

/// The text of a string of any kind. What is no UTF-8 is Latin-1, which `T61String` and most code pages of PLCs begin as.
fn text_of(tag: u8, bytes: &[u8]) -> String {
    match tag {
        BMP_STRING => {
            let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        UNIVERSAL_STRING => {
            let points = bytes.as_chunks::<4>().0.iter().map(|four| u32::from_be_bytes(*four));
            points.map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::pki::test_der::{sequence, tagged};

    #[test]
    fn names_that_hide_something_are_left_out() {
        let long = [b'a'; MAX_LENGTH + 1];
        let names = [
            tagged(URI, b"urn:plc\0.evil"),
            tagged(URI, &long),
            tagged(DNS_NAME, b"plc\n"),
            tagged(IP_ADDRESS, &[10, 0, 0]),
            tagged(0xA0, b"another kind"),
            tagged(URI, b"urn:w\xFCrth"),
            tagged(DNS_NAME, b"plc"),
            tagged(IP_ADDRESS, &[10, 0, 0, 7]),
        ];
        let read = AlternativeNames::read(&sequence(&names));
        assert_eq!(read.uris, ["urn:würth"]);
        assert_eq!(read.hosts, ["plc", "10.0.0.7"]);
        assert_eq!(AlternativeNames::read(b"junk"), AlternativeNames::default());
        let many = vec![tagged(URI, b"urn:a"); MAX_NAMES + 10];
        assert_eq!(AlternativeNames::read(&sequence(&many)).uris.len(), MAX_NAMES);
    }

    #[test]
    fn hosts_are_compared_as_hosts() {
        let names = ["PLC.local".to_owned(), "10.0.0.7".to_owned(), "fe80::1".to_owned(), "*.plant".to_owned()];
        for host in ["plc.LOCAL", "plc.local.", "10.0.0.7", "::ffff:10.0.0.7", "fe80:0::1", "fe80::1%eth0"] {
            assert!(has_host(&names, host), "{host}");
        }
        for host in ["plc", "a.plant", "10.0.0.70", "", "local", "fe80::2"] {
            assert!(!has_host(&names, host), "{host}");
        }
    }

    #[test]
    fn texts_of_every_kind_are_shown() {
        let part = |identifier: &[u8], tag, text: &[u8]| {
            tagged(SET, &sequence(&[tagged(OBJECT_IDENTIFIER, identifier), tagged(tag, text)]))
        };
        let name = sequence(&[
            part(&[0x55, 4, 6], 0x13, b"DE"),
            part(&[0x55, 4, 10], 0x14, b"W\xFCrth, Co"),
            part(&[0x55, 4, 11], BMP_STRING, &[0, 0x41, 0x20, 0xAC]),
            part(&[0x55, 4, 99], 0x0C, b"x\x1b[2J"),
            part(&[0x55, 4, 3], UNIVERSAL_STRING, &[0, 0, 0, 0x50]),
        ]);
        let shown = subject(Elements::new(&name).next().unwrap());
        assert_eq!(shown, "CN=P,2.5.4.99=x\u{fffd}[2J,OU=A€,O=Würth\\, Co,C=DE");
        assert_eq!(subject(Elements::new(&sequence(&[])).next().unwrap()), "");
    }
}
