//! Messages for tests.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{OutboundMessage, Qos, Route, Sequence, TagName, Timestamp, TopicName};

/// A message of the mapping that publishes to `topic`; its source time is `sequence` milliseconds after the epoch.
pub(crate) fn message(topic: &str, sequence: u64) -> OutboundMessage {
    let route = Route {
        topic: TopicName::parse(topic).unwrap(),
        qos: Qos::AtLeastOnce,
        is_retained: false,
        user_properties: Vec::new(),
        message_expiry: None,
        content_type: None,
        tag_name: Some(TagName::new(topic)),
    };
    OutboundMessage {
        route: Arc::new(route),
        epoch: None,
        payload: Bytes::from(format!("{{\"sequence\":{sequence}}}")),
        sequence: Some(Sequence(sequence)),
        user_properties: Vec::new(),
        correlation_data: None,
        source_timestamp: Some(Timestamp::from_unix_millis(i64::try_from(sequence).unwrap())),
        created_at: Timestamp::from_unix_millis(0),
        received_at: None,
    }
}
