//! What a broker of MQTT 3.1.1 may say.

use bytes::{Bytes, BytesMut};

use super::{Codec, Connack, Farewell, Incoming, Reason, Received, Unreadable};
use crate::{config::effective::ProtocolVersion, domain::Qos};

fn read(bytes: &[u8]) -> Result<Received, String> {
    let mut buffer = BytesMut::from(bytes);
    match Codec::new(ProtocolVersion::V311, 1 << 20).take(&mut buffer) {
        Ok(received) => Ok(received.expect("a whole packet")),
        Err(Unreadable::Malformed { reason }) => Err(reason),
        Err(other) => panic!("{bytes:02X?}: {other:?}"),
    }
}

fn told(bytes: &[u8]) -> Received {
    read(bytes).unwrap_or_else(|error| panic!("{bytes:02X?}: {error}"))
}

#[test]
fn a_connack_refuses_in_the_words_of_mqtt_5() {
    for (code, expected) in [
        (1, Reason::UNSUPPORTED_PROTOCOL_VERSION),
        (2, Reason::CLIENT_ID_NOT_VALID),
        (3, Reason::SERVER_UNAVAILABLE),
        (4, Reason::BAD_USER_NAME_OR_PASSWORD),
        (5, Reason::NOT_AUTHORIZED),
        (6, Reason(6)),
        (0x84, Reason::UNSUPPORTED_PROTOCOL_VERSION),
    ] {
        assert_eq!(told(&[0x20, 2, 0, code]), Received::Refused(expected, None));
        assert_eq!(told(&[0x20, 3, 0, code, 0]), Received::Refused(expected, None), "in the form of MQTT 5");
    }
}

#[test]
fn a_connack_promises_nothing_and_forbids_nothing() {
    let connack = Connack {
        receive_maximum: 65_535,
        max_packet_bytes: None,
        keeps_retained: true,
        max_qos: Qos::AtLeastOnce,
        keep_alive: None,
        has_properties: false,
        assigned_client_id: None,
        has_wildcards: true,
        session_present: true,
    };
    assert_eq!(told(&[0x20, 2, 1, 0]), Received::Connack(connack));
    assert_eq!(read(&[0x20, 3, 0, 0, 0]), Err("a CONNACK goes on behind its end".to_owned()));
    assert_eq!(read(&[0x20, 1, 0]), Err("a CONNACK ends too early".to_owned()));
}

#[test]
fn answers() {
    assert_eq!(told(&[0x40, 2, 1, 2]), Received::Puback { id: 258, reason: Reason::SUCCESS, words: None });
    assert_eq!(told(&[0x90, 4, 0, 7, 1, 0x80]), Received::Suback { id: 7, reasons: vec![Reason(1), Reason(0x80)] });
    assert_eq!(told(&[0xB0, 2, 0, 7]), Received::Unsuback { id: 7 });
    assert_eq!(told(&[0xD0, 0]), Received::Pong);
    let farewell = Farewell { reason: Reason::SUCCESS, words: None, server_reference: None };
    assert_eq!(told(&[0xE0, 0]), Received::Disconnect(farewell));
    for (bytes, expected) in [
        (&[0x40, 1, 1][..], "a PUBACK ends too early"),
        (&[0x40, 3, 1, 2, 0], "a PUBACK goes on behind its end"),
        (&[0x40, 2, 0, 0], "a PUBACK has the packet identifier 0"),
        (&[0x90, 2, 0, 7], "a SUBACK has no return code"),
        (&[0xB0, 3, 0, 7, 0], "an UNSUBACK goes on behind its end"),
        (&[0xE0, 1, 0x95], "a DISCONNECT goes on behind its end"),
        (&[0xF0, 0], "an AUTH came, which MQTT 3.1.1 does not have"),
    ] {
        assert_eq!(read(bytes), Err(expected.to_owned()), "{bytes:02X?}");
    }
}

#[test]
fn a_message_is_topic_and_payload() {
    let mut expected = Incoming {
        id: 258,
        topic: "é/set".to_owned(),
        payload: Bytes::from_static(b"\x00{}"),
        is_retained: true,
        is_duplicate: true,
        response_topic: None,
        correlation_data: None,
        expiry_seconds: None,
    };
    assert_eq!(told(b"\x3B\x0D\x00\x06\xC3\xA9/set\x01\x02\x00{}"), Received::Publish(expected.clone()));
    (expected.id, expected.is_retained, expected.is_duplicate) = (0, false, false);
    assert_eq!(told(b"\x30\x0B\x00\x06\xC3\xA9/set\x00{}"), Received::Publish(expected));
    for (bytes, expected) in [
        (&b"\x30\x02\x00\x00"[..], "a PUBLISH has no topic"),
        (b"\x30\x03\x00\x02a", "a PUBLISH ends too early"),
        (b"\x32\x04\x00\x01a\x00", "a PUBLISH ends too early"),
        (b"\x30\x03\x00\x01\xFF", "a PUBLISH has a string that is not UTF-8"),
    ] {
        assert_eq!(read(bytes), Err(expected.to_owned()), "{bytes:02X?}");
    }
}
