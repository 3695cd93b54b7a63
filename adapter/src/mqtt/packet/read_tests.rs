//! What a broker of MQTT 5 may say, in every form that the standard allows and in some that it does not.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::{
    QoS,
    v5::{self as raw, ConnAckProperties, PublishProperties},
};

use super::{Codec, Connack, Farewell, Incoming, Reason, Received, Unreadable};
use crate::{config::effective::ProtocolVersion, domain::Qos};

fn read(bytes: &[u8]) -> Result<Received, Unreadable> {
    let mut buffer = BytesMut::from(bytes);
    let received = Codec::new(ProtocolVersion::V5, 1 << 20).take(&mut buffer);
    assert!(received.is_err() || buffer.is_empty(), "{bytes:02X?} leaves {buffer:?}");
    received.map(|received| received.expect("a whole packet"))
}

fn told(bytes: &[u8]) -> Received {
    read(bytes).unwrap_or_else(|error| panic!("{bytes:02X?}: {error}"))
}

fn malformed(bytes: &[u8]) -> String {
    match read(bytes) {
        Err(Unreadable::Malformed { reason }) => reason,
        other => panic!("{bytes:02X?}: {other:?}"),
    }
}

fn disconnect(reason: Reason, words: Option<&str>, server: Option<&str>) -> Received {
    let (words, server_reference) = (words.map(str::to_owned), server.map(str::to_owned));
    Received::Disconnect(Farewell { reason, words, server_reference })
}

fn puback(reason: Reason, words: Option<&str>) -> Received {
    Received::Puback { id: 258, reason, words: words.map(str::to_owned) }
}

#[test]
fn a_disconnect_may_have_any_length() {
    let cases: [(&[u8], Received); 8] = [
        (&[0xE0, 0], disconnect(Reason::SUCCESS, None, None)),
        (&[0xE0, 1, 0x95], disconnect(Reason::PACKET_TOO_LARGE, None, None)),
        (&[0xE0, 1, 0xC3], disconnect(Reason(0xC3), None, None)),
        (&[0xE0, 2, 0x8B, 0], disconnect(Reason::SERVER_SHUTTING_DOWN, None, None)),
        // More bytes for a length than it needs.
        (&[0xE0, 0x82, 0, 0x8B, 0], disconnect(Reason::SERVER_SHUTTING_DOWN, None, None)),
        (b"\xE0\x07\x8E\x05\x1F\x00\x02hi", disconnect(Reason::SESSION_TAKEN_OVER, Some("hi"), None)),
        (b"\xE0\x0C\x9D\x0A\x11\0\0\0\x09\x1C\x00\x02b2", disconnect(Reason::SERVER_MOVED, None, Some("b2"))),
        (b"\xE0\x0D\x9D\x0B\x26\0\x01a\0\x01b\x1F\0\x01c", disconnect(Reason::SERVER_MOVED, Some("c"), None)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(told(bytes), expected, "{bytes:02X?}");
    }
}

#[test]
fn a_disconnect_that_contradicts_itself_is_malformed() {
    for (bytes, expected) in [
        (&b"\xE0\x02\x8B\x01"[..], "a DISCONNECT ends too early"),
        (b"\xE0\x02\x8B\x80", "a DISCONNECT ends too early"),
        (b"\xE0\x03\x8B\x00\x00", "a DISCONNECT goes on behind its end"),
        (b"\xE0\x03\x8B\x01\x1F", "a DISCONNECT ends too early"),
        (b"\xE0\x06\x8B\x04\x1F\x00\x02h", "a DISCONNECT ends too early"),
        (b"\xE0\x03\x8B\x01\x7F", "a DISCONNECT has a property 0x7F, which MQTT 5 does not know"),
        (b"\xE0\x06\x8B\xFF\xFF\xFF\xFF\x00", "a DISCONNECT has a number of more than four bytes"),
        (b"\xE1\x00", "a DISCONNECT begins with 0xE1: its flags have to be 0"),
    ] {
        assert_eq!(malformed(bytes), expected, "{bytes:02X?}");
    }
}

#[test]
fn a_puback_may_have_any_length_and_any_reason() {
    let cases: [(&[u8], Received); 7] = [
        (&[0x40, 2, 1, 2], puback(Reason::SUCCESS, None)),
        (&[0x40, 3, 1, 2, 0x10], puback(Reason::NO_MATCHING_SUBSCRIBERS, None)),
        (&[0x40, 3, 1, 2, 0xC3], puback(Reason(0xC3), None)),
        (&[0x40, 4, 1, 2, 0x97, 0], puback(Reason::QUOTA_EXCEEDED, None)),
        (b"\x40\x09\x01\x02\x97\x05\x1F\x00\x02no", puback(Reason::QUOTA_EXCEEDED, Some("no"))),
        (b"\x40\x0B\x01\x02\x87\x07\x26\x00\x01a\x00\x01b", puback(Reason::NOT_AUTHORIZED, None)),
        // Words for people are shown, whatever they are.
        (b"\x40\x0B\x01\x02\x87\x07\x1F\x00\x04\xFFa\nb", puback(Reason::NOT_AUTHORIZED, Some("\u{FFFD}a b"))),
    ];
    for (bytes, expected) in cases {
        assert_eq!(told(bytes), expected, "{bytes:02X?}");
    }
    for (bytes, expected) in [
        (&b"\x40\x00"[..], "a PUBACK ends too early"),
        (b"\x40\x01\x01", "a PUBACK ends too early"),
        (b"\x40\x02\x00\x00", "a PUBACK has the packet identifier 0"),
        (b"\x40\x05\x01\x02\x00\x00\x00", "a PUBACK goes on behind its end"),
        (b"\x48\x02\x01\x02", "a PUBACK begins with 0x48: its flags have to be 0"),
    ] {
        assert_eq!(malformed(bytes), expected, "{bytes:02X?}");
    }
}

#[test]
fn long_words_are_cut() {
    let mut packet = b"\x40\x98\x03\x01\x02\x97\x93\x03\x1F\x01\x90".to_vec();
    packet.resize(packet.len() + 400, b'x');
    assert_eq!(told(&packet), puback(Reason::QUOTA_EXCEEDED, Some(&"x".repeat(300))));
}

#[test]
fn a_suback_answers_by_filter_with_any_reason() {
    let suback = |reasons: &[u8]| Received::Suback { id: 7, reasons: reasons.iter().copied().map(Reason).collect() };
    assert_eq!(told(&[0x90, 4, 0, 7, 0, 1]), suback(&[1]));
    assert_eq!(told(&[0x90, 7, 0, 7, 0, 0, 2, 0x87, 0xC3]), suback(&[0, 2, 0x87, 0xC3]));
    assert_eq!(told(b"\x90\x09\x00\x07\x05\x1F\x00\x02no\x8F"), suback(&[0x8F]));
    assert_eq!(malformed(&[0x90, 2, 0, 7]), "a SUBACK ends too early");
    assert_eq!(malformed(&[0x90, 3, 0, 7, 0]), "a SUBACK has no reason code");
    assert_eq!(malformed(&[0x90, 4, 0, 0, 0, 1]), "a SUBACK has the packet identifier 0");
    assert_eq!(told(&[0xB0, 4, 0, 7, 0, 0x11]), Received::Unsuback { id: 7 });
    assert_eq!(malformed(&[0xB0, 3, 0, 7, 0]), "an UNSUBACK has no reason code");
}

#[test]
fn pings_and_authentication() {
    assert_eq!(told(&[0xD0, 0]), Received::Pong);
    assert_eq!(malformed(&[0xD0, 1, 0]), "a PINGRESP goes on behind its end");
    for bytes in [&b"\xF0\x00"[..], b"\xF0\x01\x18", b"\xF0\x02\x18\x00", b"\xF0\x08\x18\x06\x15\x00\x03abc"] {
        assert_eq!(told(bytes), Received::Auth, "{bytes:02X?}");
    }
    assert_eq!(malformed(b"\xF0\x02\x18\x01"), "an AUTH ends too early");
}

#[test]
fn what_nobody_asked_for_is_refused_at_its_first_byte() {
    for (first, expected) in [
        (0x00, "a packet that begins with 0x00, which no broker sends"),
        (0x10, "a packet that begins with 0x10, which no broker sends"),
        (b'H', "a PUBACK begins with 0x48: its flags have to be 0"),
        (0x34, "a PUBLISH of QoS 2, which was not asked for"),
        (0x36, "a PUBLISH of QoS 3, which was not asked for"),
        (0x50, "a packet of QoS 2 (0x50), which was not asked for"),
        (0x62, "a packet of QoS 2 (0x62), which was not asked for"),
        (0x82, "a packet that begins with 0x82, which no broker sends"),
    ] {
        assert_eq!(malformed(&[first]), expected, "{first:02X}");
    }
}

#[test]
fn a_refusal_keeps_its_reason_and_the_words_of_the_broker() {
    let refused = |reason, words: Option<&str>| Received::Refused(reason, words.map(str::to_owned));
    let cases: [(&[u8], Received); 6] = [
        (&[0x20, 3, 0, 0x87, 0], refused(Reason::NOT_AUTHORIZED, None)),
        (&[0x20, 3, 0, 0xC3, 0], refused(Reason(0xC3), None)),
        (b"\x20\x08\x00\x8A\x05\x1F\x00\x02no", refused(Reason::BANNED, Some("no"))),
        // In the form of MQTT 3.1.1, from a broker that speaks no other.
        (&[0x20, 2, 0, 1], refused(Reason::UNSUPPORTED_PROTOCOL_VERSION, None)),
        (&[0x20, 2, 0, 5], refused(Reason::NOT_AUTHORIZED, None)),
        (&[0x20, 2, 0, 0x84], refused(Reason::UNSUPPORTED_PROTOCOL_VERSION, None)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(told(bytes), expected, "{bytes:02X?}");
    }
    assert_eq!(malformed(&[0x20, 1, 0]), "a CONNACK ends too early");
    assert_eq!(malformed(&[0x20, 0]), "a CONNACK ends too early");
}

#[test]
fn a_connack_that_says_nothing_means_the_defaults_of_the_standard() {
    let connack = Connack {
        receive_maximum: 65_535,
        max_packet_bytes: None,
        keeps_retained: true,
        max_qos: Qos::AtLeastOnce,
        keep_alive: None,
        has_properties: true,
        assigned_client_id: None,
        has_wildcards: true,
        session_present: false,
    };
    for bytes in [&b"\x20\x03\x00\x00\x00"[..], b"\x20\x02\x00\x00"] {
        assert_eq!(told(bytes), Received::Connack(connack.clone()));
    }
    let forbidden = b"\x20\x0B\x01\x00\x08\x21\x00\x00\x27\x00\x00\x00\x00";
    assert_eq!(told(forbidden), Received::Connack(Connack { receive_maximum: 1, session_present: true, ..connack }));
    assert_eq!(malformed(b"\x20\x07\x00\x00\x04\x12\x00\x01\xFF"), "a CONNACK has a string that is not UTF-8");
    assert_eq!(malformed(b"\x20\x04\x00\x00\x00\x00"), "a CONNACK goes on behind its end");
}

#[test]
fn a_connack_tells_the_limits_of_the_broker() {
    let mut packet = BytesMut::new();
    let properties = ConnAckProperties {
        session_expiry_interval: Some(5),
        receive_max: Some(20),
        max_qos: Some(0),
        retain_available: Some(0),
        max_packet_size: Some(4_096),
        assigned_client_identifier: Some("auto".into()),
        topic_alias_max: Some(10),
        reason_string: Some("hello".into()),
        user_properties: vec![("a".into(), "b".into())],
        wildcard_subscription_available: Some(0),
        subscription_identifiers_available: Some(0),
        shared_subscription_available: Some(1),
        server_keep_alive: Some(0),
        response_information: Some("r".into()),
        server_reference: Some("s".into()),
        authentication_method: Some("m".into()),
        authentication_data: Some(Bytes::from_static(b"\xFF")),
    };
    let code = raw::ConnectReturnCode::Success;
    raw::ConnAck { session_present: false, code, properties: Some(properties) }.write(&mut packet).unwrap();
    let expected = Connack {
        receive_maximum: 20,
        max_packet_bytes: Some(4_096),
        keeps_retained: false,
        max_qos: Qos::AtMostOnce,
        keep_alive: Some(Duration::ZERO),
        has_properties: true,
        assigned_client_id: Some("auto".to_owned()),
        has_wildcards: false,
        session_present: false,
    };
    assert_eq!(told(&packet), Received::Connack(expected));
}

#[test]
fn a_message_comes_with_what_matters_of_its_properties() {
    let mut packet = BytesMut::new();
    let properties = PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(9),
        topic_alias: None,
        response_topic: Some("answers".into()),
        correlation_data: Some(Bytes::from_static(b"\x00\xFF")),
        user_properties: vec![("hmq-bridge-hop-count".into(), "1".into())],
        subscription_identifiers: vec![1, 268_435_455],
        content_type: Some("text/plain".into()),
    };
    let mut publish = raw::Publish::new("é/set", QoS::AtLeastOnce, "{}", Some(properties));
    (publish.pkid, publish.retain, publish.dup) = (258, true, true);
    publish.write(&mut packet).unwrap();
    let mut expected = Incoming {
        id: 258,
        topic: "é/set".to_owned(),
        payload: Bytes::from_static(b"{}"),
        is_retained: true,
        is_duplicate: true,
        response_topic: Some("answers".to_owned()),
        correlation_data: Some(Bytes::from_static(b"\x00\xFF")),
        expiry_seconds: Some(9),
    };
    assert_eq!(told(&packet), Received::Publish(expected.clone()));
    (expected.id, expected.is_retained, expected.is_duplicate) = (0, false, false);
    (expected.response_topic, expected.correlation_data, expected.expiry_seconds) = (None, None, None);
    assert_eq!(told(b"\x30\x0B\x00\x06\xC3\xA9/set\x00{}"), Received::Publish(expected.clone()));
    // rumqttc's reader counts one too many for each Subscription Identifier, and takes what is left for payload.
    let identified = b"\x30\x11\x00\x06\xC3\xA9/set\x06\x0B\x01\x0B\x02\x01\x01{}";
    assert_eq!(told(identified), Received::Publish(expected));
}

#[test]
fn a_message_that_cannot_be_one_is_malformed() {
    for (bytes, expected) in [
        (&b"\x30\x00"[..], "a PUBLISH ends too early"),
        (b"\x30\x03\x00\x02a", "a PUBLISH ends too early"),
        (b"\x30\x03\x00\x01a", "a PUBLISH ends too early"),
        (b"\x30\x03\x00\x00\x00", "a PUBLISH has no topic"),
        (b"\x30\x04\x00\x01\xFF\x00", "a PUBLISH has a string that is not UTF-8"),
        (b"\x32\x06\x00\x01a\x00\x00\x00", "a PUBLISH has the packet identifier 0"),
        (b"\x30\x07\x00\x01a\x03\x23\x00\x01", "a PUBLISH has a topic alias, which was not asked for"),
        (b"\x30\x08\x00\x01a\x04\x08\x00\x01\xFF", "a PUBLISH has a string that is not UTF-8"),
    ] {
        assert_eq!(malformed(bytes), expected, "{bytes:02X?}");
    }
}
