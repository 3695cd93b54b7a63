//! Tags and settings for the tests of this room.

use std::time::Duration;

use crate::{
    config::effective::{ConnectionOptions, OpcUaAuth, OpcUaConfig, Tag},
    domain::{Identifier, Namespace, NodeAddress, TagName},
};

/// A tag with a string identifier.
pub(super) fn tag(name: &str, namespace: u16, identifier: &str) -> Tag {
    Tag {
        name: TagName::new(name),
        node: NodeAddress {
            namespace: Namespace::Index(namespace),
            identifier: Identifier::String(identifier.to_owned()),
        },
        unit: None,
        description: None,
        sampling_interval: Duration::ZERO,
        queue_size: 100,
        line: 1,
    }
}

/// Quick settings for a server on this machine.
pub(super) fn config(uri: &str) -> OpcUaConfig {
    OpcUaConfig {
        uri: uri.to_owned(),
        keeps_own_address: true,
        auth: OpcUaAuth::Anonymous,
        publishing_interval: Duration::from_millis(50),
        connection: ConnectionOptions {
            session_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(5),
            keep_alive_interval: Duration::from_millis(500),
            keep_alive_failures_allowed: 2,
            retry_initial: Duration::from_millis(100),
            retry_max: Duration::from_secs(1),
        },
    }
}
