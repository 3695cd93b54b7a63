//! What is written is what rumqttc's own readers read, and as large as was said.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rumqttc::{
    mqttbytes::{self as mqtt4, v4},
    v5::mqttbytes::{
        QoS,
        v5::{self as mqtt5, Packet},
    },
};

use super::{Codec, Connect, Login, Properties, Publication, TooLong, Will, publish_bytes};
use crate::{
    config::effective::ProtocolVersion,
    domain::{Qos, TopicFilter},
};

const BOTH: [ProtocolVersion; 2] = [ProtocolVersion::V5, ProtocolVersion::V311];

/// What is written by `write`, behind bytes that were there before.
fn written(version: ProtocolVersion, write: impl Fn(Codec, &mut BytesMut) -> Result<(), TooLong>) -> BytesMut {
    let mut out = BytesMut::from(&b"before"[..]);
    write(Codec::new(version, 100), &mut out).unwrap();
    assert_eq!(&out.split_to(6)[..], b"before");
    out
}

fn in_5(mut bytes: BytesMut) -> Packet {
    let packet = Packet::read(&mut bytes, None).unwrap();
    assert!(bytes.is_empty(), "{bytes:?} is left");
    packet
}

fn in_4(mut bytes: BytesMut) -> v4::Packet {
    let packet = v4::Packet::read(&mut bytes, usize::MAX).unwrap();
    assert!(bytes.is_empty(), "{bytes:?} is left");
    packet
}

fn filters(filters: &[&str]) -> Vec<TopicFilter> {
    filters.iter().map(|filter| TopicFilter::parse(filter).unwrap()).collect()
}

fn login() -> Login {
    Login { username: "plant".to_owned(), password: "geheim ü".into() }
}

fn will(is_retained: bool) -> Will {
    Will { topic: "site/status".to_owned(), payload: Bytes::from_static(b"{}"), is_retained }
}

fn connect<'a>(login: Option<&'a Login>, will: Option<&'a Will>) -> Connect<'a> {
    Connect { client_id: "press-1", login, keep_alive: Duration::from_secs(20), will, max_incoming_bytes: 1 << 20 }
}

#[test]
fn connect_by_mqtt_5() {
    for (login, will) in
        [(None, None), (Some(login()), None), (None, Some(will(true))), (Some(login()), Some(will(false)))]
    {
        let connect = connect(login.as_ref(), will.as_ref());
        let bytes = written(ProtocolVersion::V5, |codec, out| codec.connect(out, &connect));
        let Packet::Connect(packet, raw_will, raw_login) = in_5(bytes) else { panic!("no CONNECT") };
        assert_eq!((packet.client_id.as_str(), packet.keep_alive, packet.clean_start), ("press-1", 20, true));
        let properties = packet.properties.unwrap();
        assert_eq!((properties.session_expiry_interval, properties.max_packet_size), (Some(0), Some(1 << 20)));
        assert_eq!(raw_login, login.map(|_| mqtt5::Login::new("plant", "geheim ü")));
        let expected = |will: Will| mqtt5::LastWill::new("site/status", "{}", QoS::AtLeastOnce, will.is_retained, None);
        assert_eq!(raw_will, will.map(expected));
    }
}

#[test]
fn connect_by_mqtt_3_1_1() {
    for (login, will) in
        [(None, None), (Some(login()), None), (None, Some(will(true))), (Some(login()), Some(will(false)))]
    {
        let connect = connect(login.as_ref(), will.as_ref());
        let bytes = written(ProtocolVersion::V311, |codec, out| codec.connect(out, &connect));
        let v4::Packet::Connect(packet) = in_4(bytes) else { panic!("no CONNECT") };
        let expected = v4::Connect {
            protocol: mqtt4::Protocol::V4,
            keep_alive: 20,
            client_id: "press-1".to_owned(),
            clean_session: true,
            last_will: will
                .map(|will| v4::LastWill::new("site/status", "{}", mqtt4::QoS::AtLeastOnce, will.is_retained)),
            login: login.map(|_| v4::Login::new("plant", "geheim ü")),
        };
        assert_eq!(packet, expected);
    }
}

#[test]
fn a_keep_alive_of_more_than_18_hours_is_the_longest_that_there_is() {
    let connect = Connect { keep_alive: Duration::from_hours(24), ..connect(None, None) };
    let bytes = written(ProtocolVersion::V311, |codec, out| codec.connect(out, &connect));
    assert!(matches!(in_4(bytes), v4::Packet::Connect(packet) if packet.keep_alive == u16::MAX));
}

#[test]
fn subscriptions() {
    let filters = filters(&["site/+/set", "é/#"]);
    let subscribe = |codec: Codec, out: &mut BytesMut| codec.subscribe(out, 258, &filters);
    let Packet::Subscribe(packet) = in_5(written(ProtocolVersion::V5, subscribe)) else { panic!("no SUBSCRIBE") };
    let fresh = |path: &str| mqtt5::Filter {
        path: path.to_owned(),
        qos: QoS::AtLeastOnce,
        nolocal: true,
        preserve_retain: true,
        retain_forward_rule: mqtt5::RetainForwardRule::Never,
    };
    assert_eq!(
        packet,
        mqtt5::Subscribe { pkid: 258, filters: vec![fresh("site/+/set"), fresh("é/#")], properties: None }
    );
    let v4::Packet::Subscribe(packet) = in_4(written(ProtocolVersion::V311, subscribe)) else { panic!("no SUBSCRIBE") };
    let any = |path: &str| v4::SubscribeFilter::new(path.to_owned(), mqtt4::QoS::AtLeastOnce);
    assert_eq!(packet, v4::Subscribe { pkid: 258, filters: vec![any("site/+/set"), any("é/#")] });

    let unsubscribe = |codec: Codec, out: &mut BytesMut| codec.unsubscribe(out, 258, &filters);
    let Packet::Unsubscribe(packet) = in_5(written(ProtocolVersion::V5, unsubscribe)) else { panic!("no UNSUBSCRIBE") };
    assert_eq!((packet.pkid, packet.filters.join(" ").as_str()), (258, "site/+/set é/#"));
    let v4::Packet::Unsubscribe(packet) = in_4(written(ProtocolVersion::V311, unsubscribe)) else {
        panic!("no UNSUBSCRIBE")
    };
    assert_eq!((packet.pkid, packet.topics.join(" ").as_str()), (258, "site/+/set é/#"));
}

#[test]
fn who_watches_sees_what_is_retained_and_what_is_its_own() {
    let watch = |codec: Codec, out: &mut BytesMut| codec.watch(out, 9, "#");
    let Packet::Subscribe(packet) = in_5(written(ProtocolVersion::V5, watch)) else { panic!("no SUBSCRIBE") };
    let [filter] = &packet.filters[..] else { panic!("{packet:?}") };
    assert_eq!((filter.path.as_str(), filter.qos, filter.nolocal), ("#", QoS::AtLeastOnce, false));
    assert_eq!(filter.retain_forward_rule, mqtt5::RetainForwardRule::OnEverySubscribe);
    let v4::Packet::Subscribe(packet) = in_4(written(ProtocolVersion::V311, watch)) else { panic!("no SUBSCRIBE") };
    assert_eq!((packet.pkid, packet.filters[0].path.as_str()), (9, "#"));
}

#[test]
fn short_packets_are_those_of_rumqttc() {
    for version in BOTH {
        let puback = written(version, |codec, out| {
            codec.puback(out, 258);
            Ok(())
        });
        let ping = written(version, |codec, out| {
            codec.ping(out);
            Ok(())
        });
        let disconnect = written(version, |codec, out| {
            codec.disconnect(out);
            Ok(())
        });
        let mut expected = [BytesMut::new(), BytesMut::new(), BytesMut::new()];
        match version {
            ProtocolVersion::V5 => {
                mqtt5::PubAck::new(258, None).write(&mut expected[0]).unwrap();
                mqtt5::PingReq::write(&mut expected[1]).unwrap();
                mqtt5::Disconnect::new(mqtt5::DisconnectReasonCode::NormalDisconnection)
                    .write(&mut expected[2])
                    .unwrap();
            }
            ProtocolVersion::V311 => {
                v4::PubAck::new(258).write(&mut expected[0]).unwrap();
                v4::PingReq.write(&mut expected[1]).unwrap();
                v4::Disconnect.write(&mut expected[2]).unwrap();
            }
        }
        assert_eq!([puback, ping, disconnect], expected, "{version:?}");
    }
}

fn properties() -> impl Strategy<Value = Properties> {
    (
        any::<Option<u32>>(),
        prop::option::of("[a-z/é]{0,40}"),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
        prop::collection::vec(("[a-zé]{0,20}", "[a-zé]{0,90}"), 0..4),
    )
        .prop_map(|(expiry_seconds, content_type, correlation_data, user)| Properties {
            expiry_seconds,
            content_type,
            correlation_data: correlation_data.map(Bytes::from),
            user,
        })
}

fn payload() -> impl Strategy<Value = Bytes> {
    // About where the length needs another byte.
    prop_oneof![0_usize..300, 16_000_usize..16_500, Just(2_097_151), Just(2_097_152)]
        .prop_map(|bytes| Bytes::from(vec![b'x'; bytes]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_message_is_what_rumqttc_reads_and_as_large_as_was_said(
        topic in "[a-zé/]{1,150}",
        is_retained: bool,
        id in 0_u16..400,
        payload in payload(),
        properties in prop::option::of(properties()),
    ) {
        let qos = if id == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce };
        let publication = Publication { topic: &topic, qos, is_retained, payload, properties };
        let properties = publication.properties.as_ref();
        for version in BOTH {
            let bytes = written(version, |codec, out| codec.publish(out, id, &publication));
            let size = publish_bytes(version, topic.len(), publication.payload.len(), qos, properties);
            prop_assert_eq!(bytes.len(), size);
            match version {
                ProtocolVersion::V5 => {
                    let Packet::Publish(packet) = in_5(bytes) else { panic!("no PUBLISH") };
                    prop_assert_eq!((&packet.topic[..], packet.pkid), (topic.as_bytes(), id));
                    prop_assert_eq!((packet.qos as u16, packet.retain, packet.dup), (id.min(1), is_retained, false));
                    prop_assert_eq!(&packet.payload, &publication.payload);
                    let read = packet.properties.unwrap_or_default();
                    let expected = properties.cloned().unwrap_or_default();
                    prop_assert_eq!(read.message_expiry_interval, expected.expiry_seconds);
                    prop_assert_eq!(read.content_type, expected.content_type);
                    prop_assert_eq!(read.correlation_data, expected.correlation_data);
                    prop_assert_eq!(read.user_properties, expected.user);
                }
                ProtocolVersion::V311 => {
                    let v4::Packet::Publish(packet) = in_4(bytes) else { panic!("no PUBLISH") };
                    prop_assert_eq!((packet.topic.as_str(), packet.pkid), (topic.as_str(), id));
                    prop_assert_eq!((packet.qos as u16, packet.retain, packet.dup), (id.min(1), is_retained, false));
                    prop_assert_eq!(&packet.payload, &publication.payload);
                }
            }
        }
    }
}

/// Why it is not written, and that nothing of it is.
fn refused(version: ProtocolVersion, write: impl Fn(Codec, &mut BytesMut) -> Result<(), TooLong>) -> TooLong {
    let mut out = BytesMut::from(&b"before"[..]);
    let error = write(Codec::new(version, 100), &mut out).unwrap_err();
    assert_eq!(&out[..], b"before");
    error
}

#[test]
fn strings_that_mqtt_cannot_say_are_refused() {
    let long = "x".repeat(65_536);
    let too_long = |part| TooLong { part, bytes: 65_536 };
    let publication = |topic, properties| Publication {
        topic,
        qos: Qos::AtLeastOnce,
        is_retained: false,
        payload: Bytes::new(),
        properties: Some(properties),
    };
    for (part, properties) in [
        ("content type", Properties { content_type: Some(long.clone()), ..Properties::default() }),
        ("correlation data", Properties { correlation_data: Some(long.clone().into()), ..Properties::default() }),
        ("name of a user property", Properties { user: vec![(long.clone(), String::new())], ..Properties::default() }),
        ("value of a user property", Properties { user: vec![(String::new(), long.clone())], ..Properties::default() }),
    ] {
        let publication = publication("a", properties);
        let error = refused(ProtocolVersion::V5, |codec, out| codec.publish(out, 1, &publication));
        assert_eq!(error, too_long(part));
        // MQTT 3.1.1 leaves them out.
        written(ProtocolVersion::V311, |codec, out| codec.publish(out, 1, &publication));
    }
    for version in BOTH {
        let publication = publication(&long, Properties::default());
        assert_eq!(refused(version, |codec, out| codec.publish(out, 1, &publication)), too_long("topic"));
        let [filter] = &filters(&["a"])[..] else { panic!("one filter") };
        assert_eq!(refused(version, |codec, out| codec.watch(out, 1, &long)), too_long("topic filter"));
        written(version, |codec, out| codec.subscribe(out, 1, std::slice::from_ref(filter)));
        for (part, client_id, login, will) in [
            ("client id", long.as_str(), None, None),
            ("user name", "a", Some(Login { username: long.clone(), ..login() }), None),
            ("password", "a", Some(Login { password: long.clone().into(), ..login() }), None),
            ("Will's topic", "a", None, Some(Will { topic: long.clone(), ..will(true) })),
            ("Will's payload", "a", None, Some(Will { payload: long.clone().into(), ..will(true) })),
        ] {
            let connect = Connect { client_id, ..connect(login.as_ref(), will.as_ref()) };
            assert_eq!(refused(version, |codec, out| codec.connect(out, &connect)), too_long(part));
        }
    }
    let said = "the topic has 65536 bytes, and MQTT cannot say more than 65535; shorten it";
    assert_eq!(too_long("topic").to_string(), said);
}

#[test]
fn a_packet_that_mqtt_cannot_say_is_refused() {
    let payload = Bytes::from(vec![0; 268_435_455]);
    let publication = Publication { topic: "a", qos: Qos::AtMostOnce, is_retained: false, payload, properties: None };
    for (version, bytes) in [(ProtocolVersion::V5, 268_435_464), (ProtocolVersion::V311, 268_435_463)] {
        let error = refused(version, |codec, out| codec.publish(out, 0, &publication));
        assert_eq!(error, TooLong { part: "packet", bytes });
        assert!(error.to_string().contains("268435455"), "{error}");
    }
}
