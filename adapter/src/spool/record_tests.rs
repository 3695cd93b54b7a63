//! Records come back as they were written, whatever is in them, and nothing else passes for one.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    Position,
    hostile::{read_segment, record_twice},
    record::{self, HEADER_BYTES, MARKER, MAX_BODY, Parsed, Record},
    sample,
};
use crate::domain::{Epoch, OutboundMessage, Qos, Route, Sequence, TagName, Timestamp, TopicName};

/// The longest text that MQTT carries.
const LONGEST: usize = 65_535;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![8 => "\\PC{0,20}", 1 => Just(String::new()), 1 => Just("ü".repeat(LONGEST / 2)), 1 => Just("\0\u{e754}".to_owned())]
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((text(), text()), 0..4)
}

fn topic() -> impl Strategy<Value = TopicName> {
    prop_oneof![4 => "[a-zé/ ]{1,20}", 1 => Just("t".repeat(LONGEST))].prop_map(|text| TopicName::parse(&text).unwrap())
}

/// Every time that OPC UA can say, but for the one that stands for none.
fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(0), Just(i64::MAX), Just(-2), 0..i64::MAX].prop_map(Timestamp::from_opcua_ticks)
}

fn numbered() -> impl Strategy<Value = u64> {
    prop_oneof![Just(1), Just((1 << 63) - 1), 1..1_u64 << 63]
}

fn expiry() -> impl Strategy<Value = Option<Duration>> {
    prop::option::of(prop_oneof![Just(0), Just(u64::MAX - 1), 0..u64::MAX].prop_map(Duration::from_millis))
}

fn route() -> impl Strategy<Value = Route> {
    let tag_name = prop::option::of(text().prop_map(|name| TagName::new(&name)));
    let content_type = prop::option::of(text());
    (topic(), any::<bool>(), any::<bool>(), pairs(), expiry(), tag_name, content_type).prop_map(
        |(topic, is_sure, is_retained, user_properties, message_expiry, tag_name, content_type)| Route {
            topic,
            qos: if is_sure { Qos::AtLeastOnce } else { Qos::AtMostOnce },
            is_retained,
            user_properties,
            message_expiry,
            content_type,
            tag_name,
        },
    )
}

fn message() -> impl Strategy<Value = OutboundMessage> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..64);
    let payload = prop_oneof![8 => bytes(), 1 => Just(vec![0xE7; 1 << 17])];
    let times = (time(), prop::option::of(time()));
    (payload, prop::option::of(bytes()), prop::option::of(numbered()), pairs(), times).prop_map(
        |(payload, correlation, sequence, properties, (created_at, source_timestamp))| OutboundMessage {
            payload: payload.into(),
            correlation_data: correlation.map(Bytes::from),
            sequence: sequence.map(Sequence),
            user_properties: properties.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            source_timestamp,
            created_at,
            received_at: None,
            ..sample::message("a", 1)
        },
    )
}

/// What of a message its record holds.
fn told(message: &OutboundMessage) -> String {
    format!(
        "{:?}",
        (
            &message.payload,
            &message.correlation_data,
            message.sequence,
            &message.user_properties,
            message.source_timestamp,
            message.created_at
        )
    )
}

fn whole(bytes: &[u8]) -> Record {
    match record::parse(bytes) {
        Parsed::Whole(record, length) if length == bytes.len() => record,
        other => panic!("{other:?}"),
    }
}

fn written(message: &OutboundMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::write_message(&mut bytes, Position(1), 0, message);
    bytes
}

/// A record of this body, with a right header.
fn sealed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let checksum = crc32fast::hash(&[&length, body].concat()).to_le_bytes();
    [&MARKER, &length[..], &checksum, body].concat()
}

proptest! {
    #[test]
    fn a_message_comes_back_as_it_was(message in message(), position in numbered(), id in any::<u32>()) {
        let mut bytes = Vec::new();
        record::write_message(&mut bytes, Position(position), id, &message);
        let Record::Message(found) = whole(&bytes) else { panic!("another kind") };
        prop_assert_eq!((found.position, found.route), (Position(position), id));
        prop_assert_eq!(told(&found.with_route(&message.route, Epoch(1))), told(&message));
    }

    #[test]
    fn a_route_comes_back_as_it_was(route in route(), id in any::<u32>()) {
        let mut bytes = Vec::new();
        record::write_route(&mut bytes, id, &route);
        let Record::Route(found_id, found) = whole(&bytes) else { panic!("another kind") };
        prop_assert_eq!((found_id, format!("{found:?}")), (id, format!("{route:?}")));
    }

    #[test]
    fn a_record_that_is_cut_is_short_and_one_with_another_bit_is_none(
        message in message(), at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let mut bytes = written(&message);
        let at = at.index(bytes.len());
        prop_assert!(matches!(record::parse(&bytes[..at]), Parsed::Short(wanted) if wanted > at));
        bytes[at] ^= 1 << bit;
        prop_assert!(!matches!(record::parse(&bytes), Parsed::Whole(..)));
    }

    #[test]
    fn whatever_a_body_holds_is_told_the_same_once_it_was_written_again(
        kind in 0..5_u8,
        rest in prop::collection::vec(prop_oneof![Just(0_u8), 0..4_u8, Just(0xFF_u8), any::<u8>()], 0..128),
    ) {
        let body = [&[kind][..], &rest].concat();
        if let Some((first, second)) = record_twice(&sealed(&body)) {
            prop_assert_eq!(first, second);
        }
    }
}

#[test]
fn more_properties_than_sixteen_bits_count_are_all_kept() {
    let many = usize::from(u16::MAX) + 2;
    let properties: Vec<_> = (0..many).map(|number| ("n".into(), number.to_string())).collect();
    let message = OutboundMessage { user_properties: properties.clone(), ..sample::message("a", 1) };
    let Record::Message(found) = whole(&written(&message)) else { panic!("another kind") };
    assert_eq!(found.with_route(&message.route, Epoch(1)).user_properties, properties);

    let route = Route {
        user_properties: (0..many).map(|number| ("n".to_owned(), number.to_string())).collect(),
        topic: TopicName::parse("a").unwrap(),
        qos: Qos::AtLeastOnce,
        is_retained: false,
        message_expiry: None,
        content_type: None,
        tag_name: None,
    };
    let mut bytes = Vec::new();
    record::write_route(&mut bytes, 1, &route);
    let Record::Route(_, found) = whole(&bytes) else { panic!("another kind") };
    assert_eq!(found.user_properties, route.user_properties);
}

#[test]
fn the_time_whose_bits_stand_for_none_is_moved_and_not_lost() {
    let just_before_1601 = Some(Timestamp::from_opcua_ticks(-1));
    let message = OutboundMessage { source_timestamp: just_before_1601, ..sample::message("a", 1) };
    let Record::Message(found) = whole(&written(&message)) else { panic!("another kind") };
    let found = found.with_route(&message.route, Epoch(1));
    assert_eq!(found.source_timestamp, Some(Timestamp::from_opcua_ticks(-2)));
}

#[test]
fn lengths_and_numbers_that_cannot_be_are_refused() {
    let none = u32::MAX.to_le_bytes();
    // A route without a topic.
    let route = [&[1][..], &[0; 4], &[1, 0], &[0xFF; 8], &none, &none, &[0; 4]].concat();
    assert!(matches!(record::parse(&sealed(&route)), Parsed::Damaged));
    // A message with a position that no spool reaches, and one whose correlation data are longer than it.
    let message = |position: u64, correlation: u32| {
        let start = [&[2][..], &position.to_le_bytes(), &[0; 4], &[0; 8], &[0xFF; 8], &[0; 8]].concat();
        sealed(&[&start[..], &correlation.to_le_bytes(), &[0; 4]].concat())
    };
    assert!(matches!(record::parse(&message(1, u32::MAX)), Parsed::Whole(..)));
    assert!(matches!(record::parse(&message(1 << 63, u32::MAX)), Parsed::Damaged));
    assert!(matches!(record::parse(&message(1, u32::MAX - 1)), Parsed::Damaged));
    // A body that is longer than any.
    let length = u32::try_from(MAX_BODY + 1).unwrap().to_le_bytes();
    assert!(matches!(record::parse(&[&MARKER[..], &length, &[0; 4]].concat()), Parsed::Damaged));
}

#[test]
fn a_segment_of_markers_that_each_promise_the_rest_of_it_is_read_in_time_that_grows_with_its_length() {
    let mut file = [&b"TWSPOOL1"[..], &1_u64.to_le_bytes(), &0_u64.to_le_bytes()].concat();
    file.extend_from_slice(&crc32fast::hash(&file).to_le_bytes());
    // Without a bound each of these would be checked over half the file: some minutes in all.
    let (records, promised) = (200_000, 1_000_000_u32);
    for _ in 0..records {
        file.extend_from_slice(&MARKER);
        file.extend_from_slice(&promised.to_le_bytes());
        file.extend_from_slice(&[0; HEADER_BYTES - 6]);
    }
    // What stands behind is found all the same.
    let message = sample::message("a", 1);
    record::write_route(&mut file, 0, &message.route);
    file.extend_from_slice(&written(&message));
    assert_eq!(read_segment(&file).unwrap().read, 1);
}
