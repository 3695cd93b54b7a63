//! Node ids: from the mapping's address to the id that the connected server understands.

use std::collections::BTreeMap;

use opcua::types::{self, ByteString, Guid, NodeId};
use thiserror::Error;

use crate::domain::{Identifier, Namespace, NodeAddress};

/// The namespace that the server of this session does not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::opcua) enum UnknownNamespace {
    /// It was named by its URI.
    #[error("the server has no namespace `{uri}`")]
    Uri { uri: String },
    /// It was named by an index that stood for another one before.
    #[error("the server no longer has the namespace `{uri}` that ns={index} stood for")]
    Index { index: u16, uri: String },
}

/// The server's NamespaceArray; an index means something only within one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::opcua) struct NamespaceTable {
    uris: Vec<String>,
    /// What indices of the mapping stood for when they were first used.
    meanings: BTreeMap<u16, String>,
}

impl NamespaceTable {
    /// Takes the URIs in the order in which the server lists them.
    pub(in crate::opcua) fn new(uris: Vec<String>) -> Self {
        Self { uris, meanings: BTreeMap::new() }
    }

    /// The same, with what indices are to mean whatever the order is.
    pub(in crate::opcua) fn with_meanings(self, meanings: BTreeMap<u16, String>) -> Self {
        Self { meanings, ..self }
    }

    /// The node id for this session. An index without a meaning is taken as it is: the server says if nothing is there.
    pub(in crate::opcua) fn resolve(&self, address: &NodeAddress) -> Result<NodeId, UnknownNamespace> {
        let namespace = self.index(&address.namespace)?;
        Ok(NodeId { namespace, identifier: identifier(&address.identifier) })
    }

    /// The index of a namespace in this session.
    pub(in crate::opcua) fn index(&self, namespace: &Namespace) -> Result<u16, UnknownNamespace> {
        match namespace {
            Namespace::Uri(uri) => self.index_of(uri).ok_or_else(|| UnknownNamespace::Uri { uri: uri.clone() }),
            Namespace::Index(index) => self.position_of(*index).ok_or_else(|| {
                let uri = self.meanings.get(index).cloned().unwrap_or_default();
                UnknownNamespace::Index { index: *index, uri }
            }),
        }
    }

    /// Where the namespace is now that an index of the mapping means.
    pub(in crate::opcua) fn position_of(&self, index: u16) -> Option<u16> {
        match self.meanings.get(&index) {
            // A URI that is listed twice is not looked for where it is.
            Some(uri) if self.uri_of(index) != Some(uri) => self.index_of(uri),
            _ => Some(index),
        }
    }

    /// The URI at an index of this session.
    pub(in crate::opcua) fn uri_of(&self, index: u16) -> Option<&String> {
        self.uris.get(usize::from(index))
    }

    /// A node's address with the URI of its namespace, where the server lists one.
    pub(in crate::opcua) fn address_of(&self, node: &NodeId) -> NodeAddress {
        let namespace = match self.uri_of(node.namespace) {
            Some(uri) if node.namespace > 0 && !uri.is_empty() => Namespace::Uri(uri.clone()),
            _ => Namespace::Index(node.namespace),
        };
        NodeAddress { namespace, identifier: from_library(&node.identifier) }
    }

    pub(in crate::opcua::session) fn index_of(&self, uri: &str) -> Option<u16> {
        if uri == BASE_NAMESPACE {
            return Some(0);
        }
        self.uris.iter().position(|candidate| candidate == uri).and_then(|index| u16::try_from(index).ok())
    }
}

/// OPC UA's own namespace, always at index 0.
const BASE_NAMESPACE: &str = "http://opcfoundation.org/UA/";

fn identifier(identifier: &Identifier) -> types::Identifier {
    match identifier {
        Identifier::Numeric(number) => types::Identifier::Numeric(*number),
        Identifier::String(text) => types::Identifier::String(text.as_str().into()),
        Identifier::Guid(bytes) => types::Identifier::Guid(guid(*bytes)),
        Identifier::Opaque(bytes) => types::Identifier::ByteString(ByteString::from(bytes.clone())),
    }
}

fn from_library(identifier: &types::Identifier) -> Identifier {
    match identifier {
        types::Identifier::Numeric(number) => Identifier::Numeric(*number),
        types::Identifier::String(text) => Identifier::String(text.as_ref().to_owned()),
        types::Identifier::Guid(_) => identifier.to_string().parse().unwrap_or(Identifier::Guid([0; 16])),
        types::Identifier::ByteString(bytes) => Identifier::Opaque(bytes.value.clone().unwrap_or_default()),
    }
}

/// The library takes the bytes as they travel: the first three fields of the text form with their bytes reversed.
fn guid(mut bytes: [u8; 16]) -> Guid {
    for field in [0..4, 4..6, 6..8] {
        bytes[field].reverse();
    }
    Guid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> NamespaceTable {
        NamespaceTable::new(["http://opcfoundation.org/UA/", "urn:server", "urn:plc"].map(str::to_owned).into())
    }

    fn by_uri(uri: &str) -> NodeAddress {
        NodeAddress { namespace: Namespace::Uri(uri.into()), identifier: Identifier::String("a".into()) }
    }

    #[test]
    fn a_namespace_uri_becomes_the_index_of_this_session() {
        assert_eq!(table().resolve(&by_uri("urn:plc")).unwrap(), NodeId::new(2, "a"));
        let moved = NamespaceTable::new(vec![String::new(), "urn:plc".into()]);
        assert_eq!(moved.resolve(&by_uri("urn:plc")).unwrap(), NodeId::new(1, "a"));
    }

    #[test]
    fn the_base_namespace_needs_no_table() {
        let base = by_uri("http://opcfoundation.org/UA/");
        assert_eq!(NamespaceTable::default().resolve(&base).unwrap(), NodeId::new(0, "a"));
    }

    #[test]
    fn an_unknown_namespace_is_named() {
        let error = table().resolve(&by_uri("urn:other")).unwrap_err();
        assert_eq!(error.to_string(), "the server has no namespace `urn:other`");
    }

    #[test]
    fn all_four_kinds_of_identifier_keep_their_text() {
        let check = |identifier: Identifier, expected: &str| {
            let address = NodeAddress { namespace: Namespace::Index(3), identifier };
            assert_eq!(address.to_string(), expected);
            let node = NamespaceTable::default().resolve(&address).unwrap();
            assert_eq!(NamespaceTable::default().address_of(&node), address, "and back");
            assert_eq!(NamespaceTable::default().resolve(&address).unwrap().to_string(), expected);
        };
        check(Identifier::Numeric(7), "ns=3;i=7");
        check(Identifier::String("\"Machine\".\"Speed\"".into()), "ns=3;s=\"Machine\".\"Speed\"");
        let guid = [0x72, 0x96, 0x2b, 0x91, 0xfa, 0x75, 0x4a, 0xe6, 0x8d, 0x28, 0xb4, 0x04, 0xdc, 0x7d, 0xaf, 0x63];
        check(Identifier::Guid(guid), "ns=3;g=72962b91-fa75-4ae6-8d28-b404dc7daf63");
        check(Identifier::Opaque(vec![0, 255]), "ns=3;b=AP8=");
    }
}
