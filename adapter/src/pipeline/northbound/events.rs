//! Gap messages: what was lost is announced, so that a consumer need not guess from holes.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    config::effective::AdapterConfig,
    domain::{Epoch, OutboundMessage, Qos, Route, TagName, Timestamp, TopicName},
    pipeline::ingress::DroppedValues,
    spool::DroppedRange,
};

/// A gap as it is announced; keys that are not known are left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Gap<'a> {
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    epoch: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_sequence: Option<u64>,
    from_time: i64,
    to_time: i64,
    count: u64,
    cause: &'a str,
}

/// Makes gap messages for one adapter.
#[derive(Debug)]
pub struct GapAnnouncer {
    route: Arc<Route>,
    epoch: Epoch,
}

impl GapAnnouncer {
    /// Announces on `<status_topic>/gap`.
    pub fn new(adapter: &AdapterConfig, epoch: Epoch) -> Self {
        let topic = TopicName::parse(&format!("{}/gap", adapter.status_topic))
            .expect("the resolver leaves room for what is appended to the status topic");
        Self { route: route(topic), epoch }
    }

    /// Values that did not fit the ingress queue: never numbered, so only counted.
    pub fn ingress(&self, dropped: DroppedValues, now: Timestamp) -> OutboundMessage {
        self.subscription(dropped, "overflow", now)
    }

    /// Messages of the OPC UA server that never came: what was in them is not known, so messages are counted.
    pub fn missing(&self, missing: DroppedValues, now: Timestamp) -> OutboundMessage {
        self.subscription(missing, "sequence", now)
    }

    fn subscription(&self, lost: DroppedValues, cause: &str, now: Timestamp) -> OutboundMessage {
        let gap = Gap {
            scope: "subscription",
            tag_name: None,
            topic: None,
            epoch: self.epoch.0,
            from_sequence: None,
            to_sequence: None,
            from_time: lost.from.unix_millis(),
            to_time: lost.to.unix_millis(),
            count: lost.count,
            cause,
        };
        self.message(&gap, now)
    }

    /// Messages of one mapping that the spool had to let go. `None` for gap messages: a broker that takes none of them would
    /// have each announced by another one, for ever.
    pub fn spool(&self, dropped: &DroppedRange, now: Timestamp) -> Option<OutboundMessage> {
        if dropped.topic == self.route.topic {
            return None;
        }
        let gap = Gap {
            scope: "spool",
            tag_name: dropped.tag_name.as_ref().map(TagName::as_str),
            topic: Some(dropped.topic.as_str()),
            epoch: dropped.epoch.0,
            from_sequence: dropped.sequences.map(|(from, _)| from.0),
            to_sequence: dropped.sequences.map(|(_, to)| to.0),
            from_time: dropped.from_time.unix_millis(),
            to_time: dropped.to_time.unix_millis(),
            count: dropped.count,
            cause: dropped.cause.as_str(),
        };
        Some(self.message(&gap, now))
    }

    fn message(&self, gap: &Gap<'_>, now: Timestamp) -> OutboundMessage {
        let payload = serde_json::to_vec(gap).expect("text and numbers always have a JSON form");
        OutboundMessage {
            route: Arc::clone(&self.route),
            epoch: None,
            payload: payload.into(),
            sequence: None,
            user_properties: Vec::new(),
            correlation_data: None,
            source_timestamp: None,
            created_at: now,
            received_at: None,
        }
    }
}

fn route(topic: TopicName) -> Arc<Route> {
    Arc::new(Route {
        topic,
        qos: Qos::AtLeastOnce,
        is_retained: false,
        user_properties: Vec::new(),
        message_expiry: None,
        content_type: None,
        tag_name: None,
    })
}
