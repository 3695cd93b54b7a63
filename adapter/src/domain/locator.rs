//! How a mapping says which node a tag is: by its id, or by the names that lead to it.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::{
    browse_path::{BrowsePath, BrowsePathError},
    node::{Namespace, NodeAddress, NodeAddressError},
};

/// Where a node is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeLocator {
    /// `node`: by its id.
    Id(NodeAddress),
    /// `browse_path`: by the names that lead to it, looked up in every session.
    Path(BrowsePath),
}

/// Why a text names no node.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(transparent)]
pub enum NodeLocatorError {
    /// It is no node id.
    Id(#[from] NodeAddressError),
    /// It begins with `/` and is no browse path.
    Path(#[from] BrowsePathError),
}

impl NodeLocator {
    /// The namespace indices in it whose meaning is a server's own affair: all but 0.
    pub fn namespace_indices(&self) -> Vec<u16> {
        let index = |namespace: &Namespace| match namespace {
            Namespace::Index(index @ 1..) => Some(*index),
            _ => None,
        };
        match self {
            Self::Id(address) => index(&address.namespace).into_iter().collect(),
            Self::Path(path) => path.elements().iter().filter_map(|step| index(step.namespace.as_ref()?)).collect(),
        }
    }

    /// The same place with `nsu=` instead of every index for which `uri` knows the namespace.
    #[must_use]
    pub fn with_uris(&self, uri: impl Fn(u16) -> Option<String>) -> Self {
        match self {
            Self::Id(NodeAddress { namespace: Namespace::Index(index), identifier }) => {
                let namespace = uri(*index).map_or(Namespace::Index(*index), Namespace::Uri);
                Self::Id(NodeAddress { namespace, identifier: identifier.clone() })
            }
            Self::Id(address) => Self::Id(address.clone()),
            Self::Path(path) => Self::Path(path.with_uris(uri)),
        }
    }

    /// The mapping's key for it.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Id(_) => "node",
            Self::Path(_) => "browse_path",
        }
    }
}

impl From<NodeAddress> for NodeLocator {
    fn from(address: NodeAddress) -> Self {
        Self::Id(address)
    }
}

impl FromStr for NodeLocator {
    type Err = NodeLocatorError;

    /// Reads a browse path where the text begins with `/`, else a node id.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text.starts_with('/') { Self::Path(text.parse()?) } else { Self::Id(text.parse()?) })
    }
}

impl fmt::Display for NodeLocator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(address) => address.fmt(formatter),
            Self::Path(path) => path.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_tells_a_path_from_an_id() {
        let read = |text: &str| text.parse::<NodeLocator>();
        assert_eq!(read("/2:A/b").unwrap().key(), "browse_path");
        assert_eq!(read("ns=2;s=/a").unwrap().key(), "node");
        assert!(read("A/b").is_err() && read("/").is_err());
    }

    #[test]
    fn indices_are_found_and_replaced_by_uris() {
        let check = |text: &str, indices: &[u16], named: &str| {
            let locator: NodeLocator = text.parse().unwrap();
            assert_eq!(locator.namespace_indices(), indices, "{text}");
            let uri = |index| (index == 2).then(|| "urn:two".to_owned());
            assert_eq!(locator.with_uris(uri).to_string(), named);
        };
        check("ns=2;s=a", &[2], "nsu=urn:two;s=a");
        check("ns=3;s=a", &[3], "ns=3;s=a");
        check("i=85", &[], "i=85");
        check("nsu=urn:x;s=a", &[], "nsu=urn:x;s=a");
        check("/2:A/b/3:c/0:d", &[2, 3], "/nsu=urn:two;A/b/3:c/0:d");
    }
}
