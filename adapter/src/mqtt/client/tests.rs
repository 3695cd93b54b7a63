//! Both versions say the same in the same words.

use std::io;

use bytes::Bytes;
use proptest::prelude::*;
use rumqttc::{
    Outgoing,
    mqttbytes::v4,
    v5::mqttbytes::QoS,
    v5::mqttbytes::v5::{self as mqtt5, PubAckReason, SubscribeReasonCode},
};

use super::{Event, Failure, Incoming, halves, v5, v311};
use crate::mqtt::window::Answer;

/// A packet that both versions have.
#[derive(Clone, Debug)]
enum Shared {
    Puback(u16),
    Suback(u16, Vec<bool>),
    Unsuback(u16),
    Publish { topic: String, payload: Vec<u8>, is_retained: bool, is_duplicate: bool },
    Pong,
}

fn shared() -> impl Strategy<Value = Shared> {
    let publish = ("[a-zé/]{0,20}", any::<Vec<u8>>(), any::<bool>(), any::<bool>()).prop_map(
        |(topic, payload, is_retained, is_duplicate)| Shared::Publish { topic, payload, is_retained, is_duplicate },
    );
    prop_oneof![
        any::<u16>().prop_map(Shared::Puback),
        (any::<u16>(), any::<Vec<bool>>()).prop_map(|(id, granted)| Shared::Suback(id, granted)),
        any::<u16>().prop_map(Shared::Unsuback),
        publish,
        Just(Shared::Pong),
    ]
}

fn in_5(packet: Shared) -> mqtt5::Packet {
    match packet {
        Shared::Puback(id) => mqtt5::Packet::PubAck(mqtt5::PubAck::new(id, None)),
        Shared::Suback(pkid, granted) => {
            let granted_code = SubscribeReasonCode::Success(QoS::AtLeastOnce);
            let code = |is_granted| if is_granted { granted_code } else { SubscribeReasonCode::NotAuthorized };
            let return_codes = granted.into_iter().map(code).collect();
            mqtt5::Packet::SubAck(mqtt5::SubAck { pkid, return_codes, properties: None })
        }
        Shared::Unsuback(pkid) => {
            mqtt5::Packet::UnsubAck(mqtt5::UnsubAck { pkid, reasons: Vec::new(), properties: None })
        }
        Shared::Publish { topic, payload, is_retained, is_duplicate } => {
            let mut publish = mqtt5::Publish::new(topic, QoS::AtLeastOnce, payload, None);
            (publish.retain, publish.dup) = (is_retained, is_duplicate);
            mqtt5::Packet::Publish(publish)
        }
        Shared::Pong => mqtt5::Packet::PingResp(mqtt5::PingResp),
    }
}

fn in_3_1_1(packet: Shared) -> v4::Packet {
    match packet {
        Shared::Puback(id) => v4::Packet::PubAck(v4::PubAck::new(id)),
        Shared::Suback(id, granted) => {
            let granted_code = v4::SubscribeReasonCode::Success(rumqttc::QoS::AtLeastOnce);
            let code = |is_granted| if is_granted { granted_code } else { v4::SubscribeReasonCode::Failure };
            v4::Packet::SubAck(v4::SubAck::new(id, granted.into_iter().map(code).collect()))
        }
        Shared::Unsuback(id) => v4::Packet::UnsubAck(v4::UnsubAck::new(id)),
        Shared::Publish { topic, payload, is_retained, is_duplicate } => {
            let mut publish = v4::Publish::new(topic, rumqttc::QoS::AtLeastOnce, payload);
            (publish.retain, publish.dup) = (is_retained, is_duplicate);
            v4::Packet::Publish(publish)
        }
        Shared::Pong => v4::Packet::PingResp,
    }
}

/// The one difference: MQTT 3.1.1 refuses a filter without a reason.
fn without_reasons(event: Event) -> Event {
    match event {
        Event::Suback { id, refusals } => {
            Event::Suback { id, refusals: refusals.into_iter().map(|refusal| refusal.map(|_| "")).collect() }
        }
        event => event,
    }
}

proptest! {
    #[test]
    fn what_both_versions_can_say_is_the_same_event(packet in shared()) {
        let new = without_reasons(v5::incoming(in_5(packet.clone())));
        let old = without_reasons(v311::incoming(in_3_1_1(packet)));
        prop_assert_eq!(new, old);
    }
}

#[test]
fn a_reason_code_is_an_answer() {
    let mut puback = mqtt5::PubAck::new(7, None);
    puback.reason = PubAckReason::QuotaExceeded;
    let event = v5::incoming(mqtt5::Packet::PubAck(puback));
    assert_eq!(event, Event::Puback { id: 7, answer: Answer::Postponed, words: "quota exceeded" });
}

#[test]
fn what_a_verdict_needs_comes_with_mqtt_5_and_user_properties_stay_behind() {
    let properties = mqtt5::PublishProperties {
        response_topic: Some("answers".into()),
        correlation_data: Some(Bytes::from_static(b"7")),
        message_expiry_interval: Some(60),
        user_properties: vec![("hmq-bridge-hop-count".into(), "1".into())],
        ..mqtt5::PublishProperties::default()
    };
    let publish = mqtt5::Publish::new("a", QoS::AtLeastOnce, "1", Some(properties));
    let expected = Incoming {
        topic: "a".into(),
        payload: "1".into(),
        is_retained: false,
        is_duplicate: false,
        response_topic: Some("answers".into()),
        correlation_data: Some(Bytes::from_static(b"7")),
        expiry_seconds: Some(60),
    };
    assert_eq!(v5::incoming(mqtt5::Packet::Publish(publish)), Event::Publish(expected));
}

#[test]
fn only_packets_that_draw_an_id_are_sent_events() {
    for sent in [Outgoing::Publish(3), Outgoing::Subscribe(3), Outgoing::Unsubscribe(3)] {
        assert_eq!(halves::outgoing(&sent), Event::Sent(3));
    }
    assert_eq!(halves::outgoing(&Outgoing::PubAck(3)), Event::Other);
    assert_eq!(halves::outgoing(&Outgoing::AwaitAck(3)), Event::Collision(3));
}

#[derive(Debug, thiserror::Error)]
#[error("{words}")]
struct Wrapped {
    words: &'static str,
    #[source]
    cause: Option<io::Error>,
}

#[test]
fn the_cause_of_a_failed_websocket_is_found() {
    let of = |words, cause| Failure::of_websocket(&Wrapped { words, cause });
    assert!(
        matches!(of("HTTP error: 403 Forbidden", None), Failure::UpgradeRefused(status) if status == "403 Forbidden")
    );
    assert!(matches!(of("no HTTP", None), Failure::NoMqttWebSocket(words) if words == "no HTTP"));
    let refused = Some(io::ErrorKind::ConnectionRefused.into());
    assert!(matches!(of("IO", refused), Failure::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused));
    let tls = Some(io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError));
    assert!(matches!(of("IO", tls), Failure::Tls(rustls::Error::DecryptError)));
}
