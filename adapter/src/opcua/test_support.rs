//! Tags and settings for the tests of this room.

use std::time::Duration;

use crate::{
    config::effective::{ConnectionOptions, OpcUaConfig, QueueSize, Tag},
    domain::{Identifier, Namespace, NodeAddress},
};

/// A tag with a string identifier.
pub(in crate::opcua) fn tag(name: &str, namespace: u16, identifier: &str) -> Tag {
    let node =
        NodeAddress { namespace: Namespace::Index(namespace), identifier: Identifier::String(identifier.to_owned()) };
    let mut tag = Tag::new(name, node);
    tag.subscription.sampling_interval = Duration::ZERO;
    tag.subscription.publishing_interval = Duration::from_millis(50);
    tag.subscription.queue_size = QueueSize::Values(100);
    tag
}

/// Quick settings for a server on this machine.
pub(in crate::opcua) fn config(uri: &str) -> OpcUaConfig {
    OpcUaConfig {
        connection: ConnectionOptions {
            session_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(5),
            keep_alive_interval: Duration::from_millis(500),
            retry_initial: Duration::from_millis(100),
            retry_max: Duration::from_secs(1),
            ..ConnectionOptions::default()
        },
        ..OpcUaConfig::new(uri)
    }
}
