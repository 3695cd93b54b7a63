//! The address of an OPC UA node as a mapping writes it: the text form of OPC UA Part 6, 5.3.1.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// Where a node lives: its namespace and its identifier there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeAddress {
    /// The namespace.
    pub namespace: Namespace,
    /// The identifier within it.
    pub identifier: Identifier,
}

/// A namespace: by URI, which is stable, or by index, which is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// `nsu=…`: looked up in the server's NamespaceArray at every connect.
    Uri(String),
    /// `ns=…`: the position in that array, which a server may change.
    Index(u16),
}

/// An identifier: OPC UA has four kinds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// `i=…`
    Numeric(u32),
    /// `s=…`
    String(String),
    /// `g=…`, 16 bytes in the order in which the text form writes them.
    Guid([u8; 16]),
    /// `b=…`, base64 in text.
    Opaque(Vec<u8>),
}

/// Why a text is no node id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NodeAddressError {
    /// Neither `i=`, `s=`, `g=` nor `b=`.
    #[error(
        "a node id has an identifier: `i=` (number), `s=` (text), `g=` (guid) or `b=` (base64), such as `ns=3;s=\"Machine\".\"Vibration\"`"
    )]
    NoIdentifier,
    /// `ns=` without a number from 0 to 65535.
    #[error("`ns={text}` is no namespace index: a number from 0 to 65535 is due, or the namespace's URI as `nsu=`")]
    NamespaceIndex {
        /// What stood there.
        text: String,
    },
    /// `nsu=` without a URI.
    #[error("`nsu=` is due the namespace's URI")]
    EmptyUri,
    /// `i=` without a number from 0 to 4294967295.
    #[error("`i={text}` is no numeric identifier: a number from 0 to 4294967295 is due")]
    Numeric {
        /// What stood there.
        text: String,
    },
    /// `s=` without a text of 1 to 4096 bytes.
    #[error("`s=` is due a text of 1 to 4096 bytes")]
    StringLength,
    /// `g=` without a guid.
    #[error("`g={text}` is no guid: `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in hexadecimal digits is due")]
    Guid {
        /// What stood there.
        text: String,
    },
    /// `b=` without base64.
    #[error("`b={text}` is no base64 of 1 to 4096 bytes")]
    Opaque {
        /// What stood there.
        text: String,
    },
}

/// The longest identifier that OPC UA allows, in bytes.
const MAX_IDENTIFIER_LENGTH: usize = 4096;

impl FromStr for NodeAddress {
    type Err = NodeAddressError;

    /// Reads `[ns=<index>;|nsu=<uri>;]<i|s|g|b>=<identifier>`; without a namespace it is OPC UA's own, index 0.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (namespace, identifier) = if let Some(rest) = text.strip_prefix("nsu=") {
            let (uri, identifier) = rest.split_once(';').ok_or(NodeAddressError::NoIdentifier)?;
            if uri.is_empty() {
                return Err(NodeAddressError::EmptyUri);
            }
            (Namespace::Uri(decode_uri(uri)), identifier)
        } else if let Some(rest) = text.strip_prefix("ns=") {
            let (index, identifier) = rest.split_once(';').ok_or(NodeAddressError::NoIdentifier)?;
            let index =
                parse_number(index).ok_or_else(|| NodeAddressError::NamespaceIndex { text: index.to_owned() })?;
            (Namespace::Index(index), identifier)
        } else {
            (Namespace::Index(0), text)
        };
        Ok(Self { namespace, identifier: identifier.parse()? })
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Namespace::Uri(uri) => write!(formatter, "nsu={};", encode_uri(uri))?,
            Namespace::Index(0) => {}
            Namespace::Index(index) => write!(formatter, "ns={index};")?,
        }
        self.identifier.fmt(formatter)
    }
}

impl FromStr for Identifier {
    type Err = NodeAddressError;

    /// Reads `i=`, `s=`, `g=` or `b=` and what belongs to it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, text) = text.split_once('=').ok_or(NodeAddressError::NoIdentifier)?;
        match kind {
            "i" => {
                parse_number(text).map(Self::Numeric).ok_or_else(|| NodeAddressError::Numeric { text: text.to_owned() })
            }
            "s" if text.is_empty() || text.len() > MAX_IDENTIFIER_LENGTH => Err(NodeAddressError::StringLength),
            "s" => Ok(Self::String(text.to_owned())),
            "g" => parse_guid(text).map(Self::Guid).ok_or_else(|| NodeAddressError::Guid { text: text.to_owned() }),
            "b" => base64::decode(text)
                .filter(|bytes| (1..=MAX_IDENTIFIER_LENGTH).contains(&bytes.len()))
                .map(Self::Opaque)
                .ok_or_else(|| NodeAddressError::Opaque { text: text.to_owned() }),
            _ => Err(NodeAddressError::NoIdentifier),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numeric(number) => write!(formatter, "i={number}"),
            Self::String(text) => write!(formatter, "s={text}"),
            Self::Guid(bytes) => {
                formatter.write_str("g=")?;
                for (position, byte) in bytes.iter().enumerate() {
                    let dash = if matches!(position, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(formatter, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
            Self::Opaque(bytes) => write!(formatter, "b={}", base64::encode(bytes)),
        }
    }
}

/// What Part 6 does to a URI so that it can stand before a `;`.
pub(super) fn encode_uri(uri: &str) -> String {
    uri.replace('%', "%25").replace(';', "%3B")
}

/// Undoes [`encode_uri`].
pub(super) fn decode_uri(text: &str) -> String {
    text.replace("%3B", ";").replace("%3b", ";").replace("%25", "%")
}

/// Digits only: `str::parse` would take a sign as well.
fn parse_number<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn parse_guid(text: &str) -> Option<[u8; 16]> {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    if !text.split('-').map(str::len).eq(GROUPS) {
        return None;
    }
    let digits: Vec<u8> = text
        .chars()
        .filter(|&c| c != '-')
        .map(|c| c.to_digit(16))
        .map(|d| d?.try_into().ok())
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    bytes.try_into().ok()
}

/// Base64 of RFC 4648 with padding; too little of it is needed here to take a crate in.
mod base64 {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    pub(super) fn encode(bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for chunk in bytes.chunks(3) {
            let group =
                chunk.iter().fold(0_u32, |group, &byte| group << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
            for position in 0..4 {
                let digit = (group >> (18 - 6 * position)) & 63;
                text.push(if position <= chunk.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
            }
        }
        text
    }

    pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
        if !text.len().is_multiple_of(4) {
            return None;
        }
        let digits = text.trim_end_matches('=');
        let padding = text.len() - digits.len();
        if padding > 2 {
            return None;
        }
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
        for chunk in digits.as_bytes().chunks(4) {
            let mut group = 0_u32;
            for byte in chunk {
                let digit = ALPHABET.iter().position(|letter| letter == byte)?;
                group = group << 6 | u32::try_from(digit).ok()?;
            }
            group <<= 6 * (4 - chunk.len());
            bytes.extend_from_slice(&group.to_be_bytes()[1..chunk.len()]);
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &NodeAddress, shown: &str) {
        assert_eq!(&text.parse::<NodeAddress>().unwrap(), expected);
        assert_eq!(expected.to_string(), shown);
    }

    fn address(namespace: Namespace, identifier: Identifier) -> NodeAddress {
        NodeAddress { namespace, identifier }
    }

    #[test]
    fn the_text_form_of_part_6_is_read_and_written() {
        let siemens = Namespace::Uri("http://www.siemens.com/simatic-s7-opcua".to_owned());
        let vibration = Identifier::String("\"Machine\".\"Vibration\"".to_owned());
        let text = "nsu=http://www.siemens.com/simatic-s7-opcua;s=\"Machine\".\"Vibration\"";
        check(text, &address(siemens, vibration), text);
        check("i=85", &address(Namespace::Index(0), Identifier::Numeric(85)), "i=85");
        check("ns=0;i=85", &address(Namespace::Index(0), Identifier::Numeric(85)), "i=85");
        check("ns=3;s=a;b=c", &address(Namespace::Index(3), Identifier::String("a;b=c".to_owned())), "ns=3;s=a;b=c");
        let odd = Namespace::Uri("urn:a;b%c".to_owned());
        check("nsu=urn:a%3bb%25c;i=1", &address(odd, Identifier::Numeric(1)), "nsu=urn:a%3Bb%25c;i=1");
        let guid = Identifier::Guid([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf]);
        let shown = "ns=1;g=09080706-0504-0302-0100-0a0b0c0d0e0f";
        check("ns=1;g=09080706-0504-0302-0100-0A0B0C0D0E0F", &address(Namespace::Index(1), guid), shown);
        check("ns=1;b=+/8=", &address(Namespace::Index(1), Identifier::Opaque(vec![0xfb, 0xff])), "ns=1;b=+/8=");
    }

    #[test]
    fn what_is_no_node_id_says_why() {
        use NodeAddressError as E;
        let text = |text: &str| text.to_owned();
        let long = format!("s={}", "x".repeat(4097));
        for (bad, expected) in [
            ("", E::NoIdentifier),
            ("Machine", E::NoIdentifier),
            ("\"Machine\".\"Vibration\"", E::NoIdentifier),
            ("ns=3", E::NoIdentifier),
            ("ns=3;x=1", E::NoIdentifier),
            ("svr=1;i=5", E::NoIdentifier),
            ("ns=;i=1", E::NamespaceIndex { text: text("") }),
            ("ns=65536;i=1", E::NamespaceIndex { text: text("65536") }),
            ("ns=+1;i=1", E::NamespaceIndex { text: text("+1") }),
            ("nsu=;i=1", E::EmptyUri),
            ("i=4294967296", E::Numeric { text: text("4294967296") }),
            ("i=-1", E::Numeric { text: text("-1") }),
            ("s=", E::StringLength),
            (&long, E::StringLength),
            ("g=123", E::Guid { text: text("123") }),
            ("g=ä2345678-1234-1234-1234-1234567890a", E::Guid { text: text("ä2345678-1234-1234-1234-1234567890a") }),
            ("b=", E::Opaque { text: text("") }),
            ("b=abc", E::Opaque { text: text("abc") }),
            ("b====", E::Opaque { text: text("===") }),
            ("b=ab!=", E::Opaque { text: text("ab!=") }),
        ] {
            assert_eq!(bad.parse::<NodeAddress>(), Err(expected), "{bad}");
        }
    }

    fn any_address() -> impl Strategy<Value = NodeAddress> {
        let namespace =
            prop_oneof![any::<u16>().prop_map(Namespace::Index), "[a-z:/%;. ]{1,30}".prop_map(Namespace::Uri)];
        let identifier = prop_oneof![
            any::<u32>().prop_map(Identifier::Numeric),
            ".{1,40}".prop_map(Identifier::String),
            any::<[u8; 16]>().prop_map(Identifier::Guid),
            vec(any::<u8>(), 1..40).prop_map(Identifier::Opaque),
        ];
        (namespace, identifier).prop_map(|(namespace, identifier)| address(namespace, identifier))
    }

    proptest! {
        #[test]
        fn every_address_survives_its_text_form(address in any_address()) {
            prop_assert_eq!(address.to_string().parse::<NodeAddress>(), Ok(address));
        }

        #[test]
        fn no_text_panics(text in "(ns=|nsu=|[isgb]=|;|=|%|[0-9a-f-]|.){0,20}") {
            drop(text.parse::<NodeAddress>());
        }
    }
}
