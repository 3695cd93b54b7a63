//! The address of an OPC UA node as a mapping writes it.

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
    #[error("`b={text}` is no base64")]
    Opaque {
        /// What stood there.
        text: String,
    },
}
