//! From an `OutboundMessage` to a PUBLISH that the broker can take.

use super::packet::{Connack, Properties, Publication, publish_bytes};
use crate::{
    config::effective::ProtocolVersion,
    domain::{OutboundMessage, Qos, Timestamp},
};

/// The largest remaining length that MQTT can write, plus its fixed header.
const MAX_PACKET_BYTES: usize = 268_435_455 + 5;
/// Strings and binary data in properties have a length prefix of 16 bits.
const MAX_PROPERTY_BYTES: usize = 65_535;

/// What the broker said about itself in its CONNACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BrokerLimits {
    /// The largest packet it takes, in bytes.
    pub(super) max_packet_bytes: usize,
    /// Whether it keeps retained messages.
    pub(super) keeps_retained: bool,
    /// Whether messages can carry properties, as they can with MQTT 5.
    pub(super) has_properties: bool,
}

impl Default for BrokerLimits {
    fn default() -> Self {
        Self { max_packet_bytes: MAX_PACKET_BYTES, keeps_retained: true, has_properties: true }
    }
}

impl BrokerLimits {
    pub(super) fn new(connack: &Connack) -> Self {
        let max_packet_bytes = connack.max_packet_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        Self {
            max_packet_bytes: max_packet_bytes.unwrap_or(usize::MAX).min(MAX_PACKET_BYTES),
            keeps_retained: connack.keeps_retained,
            has_properties: connack.has_properties,
        }
    }
}

/// What is to be done with a message whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is sent; with properties only where someone asked for one, since they cost the CPU more than the payload.
    Send(Option<Properties>),
    /// It has outlived its expiry.
    Expired,
    /// It can never be sent, for this reason.
    Unsendable(String),
    /// The broker takes none so large now, in a sentence.
    TooLarge(String),
}

/// Decides about a message: `is_replay` when it was accepted before the connection came up, `now` for its age.
pub(super) fn fate(message: &OutboundMessage, is_replay: bool, now: Timestamp, limits: BrokerLimits) -> Fate {
    let expiry = match remaining_life(message, now) {
        Some(0) => return Fate::Expired,
        expiry => expiry,
    };
    let properties = if limits.has_properties {
        if longest_property(message) > MAX_PROPERTY_BYTES {
            return Fate::Unsendable(format!("a property has more than {MAX_PROPERTY_BYTES} bytes; shorten it"));
        }
        properties(message, is_replay, expiry)
    } else {
        None
    };
    let version = if limits.has_properties { ProtocolVersion::V5 } else { ProtocolVersion::V311 };
    let (topic, payload) = (message.route.topic.as_str().len(), message.payload.len());
    let bytes = publish_bytes(version, topic, payload, Qos::AtLeastOnce, properties.as_ref());
    if bytes > limits.max_packet_bytes {
        let limit = limits.max_packet_bytes;
        let reason = format!("it has {bytes} bytes and the broker takes {limit}; raise the broker's limit");
        return Fate::TooLarge(reason);
    }
    Fate::Send(properties)
}

/// The packet of a message that is sent.
pub(super) fn publication(
    message: &OutboundMessage,
    qos: Qos,
    properties: Option<Properties>,
    limits: BrokerLimits,
) -> Publication<'_> {
    Publication {
        topic: message.route.topic.as_str(),
        qos,
        is_retained: message.route.is_retained && limits.keeps_retained,
        payload: message.payload.clone(),
        properties,
    }
}

/// Whole seconds that the message has left, rounded up; `None` when it does not expire, 0 when it has.
fn remaining_life(message: &OutboundMessage, now: Timestamp) -> Option<u32> {
    let age = now.seconds_since(message.created_at).max(0.0);
    let left = message.route.message_expiry?.as_secs_f64() - age;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest integer of the type: 0 when negative"
    )]
    Some(left.ceil() as u32)
}

fn longest_property(message: &OutboundMessage) -> usize {
    let of_route = message.route.user_properties.iter().map(|(name, value)| name.len().max(value.len()));
    let of_message = message.user_properties.iter().map(|(name, value)| name.len().max(value.len()));
    let correlation = message.correlation_data.iter().map(bytes::Bytes::len);
    of_route.chain(of_message).chain(correlation).max().unwrap_or(0)
}

fn properties(message: &OutboundMessage, is_replay: bool, expiry: Option<u32>) -> Option<Properties> {
    let route = &message.route;
    let is_plain = !is_replay
        && expiry.is_none()
        && route.user_properties.is_empty()
        && message.user_properties.is_empty()
        && message.correlation_data.is_none()
        && route.content_type.is_none();
    if is_plain {
        return None;
    }
    let mut user_properties = route.user_properties.clone();
    user_properties
        .extend(message.user_properties.iter().map(|(name, value)| (name.clone().into_owned(), value.clone())));
    if is_replay {
        user_properties.push(("replay".to_owned(), "true".to_owned()));
    }
    Some(Properties {
        expiry_seconds: expiry,
        content_type: route.content_type.clone(),
        correlation_data: message.correlation_data.clone(),
        user: user_properties,
    })
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        domain::{Qos, Route, TopicName},
        spool,
    };
    use bytes::Bytes;

    fn route(user_properties: &[(&str, &str)], message_expiry: Option<Duration>) -> Route {
        Route {
            topic: TopicName::parse("machine/vib").unwrap(),
            qos: Qos::AtLeastOnce,
            is_retained: false,
            user_properties: user_properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            message_expiry,
            content_type: None,
            tag_name: None,
        }
    }

    fn message(route: Route) -> OutboundMessage {
        OutboundMessage { route: Arc::new(route), ..spool::sample::message("machine/vib", 1) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1_000)
    }

    fn sent(message: &OutboundMessage, is_replay: bool, now: Timestamp) -> Option<Properties> {
        match fate(message, is_replay, now, BrokerLimits::default()) {
            Fate::Send(properties) => properties,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_put_on_a_message_that_nobody_asked_for() {
        assert_eq!(sent(&message(route(&[], None)), false, at(0)), None);
    }

    #[test]
    fn properties_come_from_route_message_and_replay() {
        let mut message = message(route(&[("site", "A")], None));
        message.user_properties.push(("anomaly-label".into(), "1".to_owned()));
        message.correlation_data = Some(Bytes::from_static(b"77"));
        let properties = sent(&message, true, at(0)).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(properties.user, [pair("site", "A"), pair("anomaly-label", "1"), pair("replay", "true")]);
        assert_eq!(properties.correlation_data, message.correlation_data);
        assert_eq!(properties.expiry_seconds, None);
    }

    #[test]
    fn expiry_is_what_is_left_of_it() {
        let message = message(route(&[], Some(Duration::from_mins(1))));
        let left = |now| sent(&message, false, now).unwrap().expiry_seconds;
        assert_eq!(left(at(0)), Some(60));
        assert_eq!(left(at(-5)), Some(60), "a clock that was set back makes nothing live longer");
        assert_eq!(left(Timestamp::from_unix_millis(59_900)), Some(1));
        assert_eq!(fate(&message, false, at(60), BrokerLimits::default()), Fate::Expired);
    }

    #[test]
    fn mqtt_3_1_1_carries_the_payload_alone_and_expiry_is_ours_to_watch() {
        let limits = BrokerLimits { has_properties: false, ..BrokerLimits::default() };
        let mut message = message(route(&[("site", "A")], Some(Duration::from_mins(1))));
        message.user_properties.push(("anomaly-model".into(), "m".repeat(65_536)));
        assert!(matches!(fate(&message, true, at(0), limits), Fate::Send(None)));
        assert_eq!(fate(&message, true, at(60), limits), Fate::Expired);
    }

    #[test]
    fn what_the_broker_cannot_take_is_not_sent() {
        let mut message = message(route(&[], None));
        let (topic, payload) = (message.route.topic.as_str().len(), message.payload.len());
        let bytes = publish_bytes(ProtocolVersion::V5, topic, payload, Qos::AtLeastOnce, None);
        let limit = |max_packet_bytes| BrokerLimits { max_packet_bytes, ..BrokerLimits::default() };
        assert_eq!(fate(&message, false, at(0), limit(bytes)), Fate::Send(None));
        assert!(matches!(
            fate(&message, false, at(0), limit(bytes - 1)),
            Fate::TooLarge(reason) if reason.contains("raise the broker's limit")
        ));
        message.user_properties.push(("anomaly-model".into(), "m".repeat(65_536)));
        assert!(matches!(fate(&message, false, at(0), BrokerLimits::default()), Fate::Unsendable(_)));
    }
}
