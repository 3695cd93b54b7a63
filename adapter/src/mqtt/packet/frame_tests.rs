//! The stream may come in any pieces, and be anything.

use bytes::BytesMut;
use proptest::prelude::*;

use super::{Codec, Received, Unreadable, hostile};
use crate::config::effective::ProtocolVersion;

/// What could stand behind a right fixed header: bytes that mean something more often than others.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => any::<u8>(),
        2 => prop::sample::select(vec![0, 1, 2, 3, 5, 0x80, 0xFF]),
        1 => prop::sample::select(vec![0x02, 0x08, 0x09, 0x0B, 0x12, 0x13, 0x1C, 0x1F, 0x21, 0x23, 0x24, 0x26, 0x27]),
    ];
    prop::collection::vec(byte, 0..40)
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let first = prop::sample::select(vec![0x20, 0x30, 0x32, 0x3B, 0x40, 0x90, 0xB0, 0xD0, 0xE0, 0xF0]);
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..40),
        9 => (first, body()).prop_map(|(first, body)| {
            let length = u8::try_from(body.len()).unwrap();
            [&[first, length][..], &body].concat()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn whatever_comes_in_whatever_pieces_is_read_the_same_and_never_panics(
        packets in prop::collection::vec(packet(), 0..6),
        sizes in prop::collection::vec(1_u8..20, 1..8),
        is_5: bool,
    ) {
        let bytes = packets.concat();
        let whole = hostile::read(is_5, &bytes, &[]);
        prop_assert_eq!(&hostile::read(is_5, &bytes, &sizes), &whole);
        prop_assert_eq!(&hostile::read(is_5, &bytes, &[1]), &whole);
    }
}

fn codec(max_incoming_bytes: usize) -> Codec {
    Codec::new(ProtocolVersion::V5, max_incoming_bytes)
}

#[test]
fn packets_come_one_by_one_and_the_rest_stays() {
    let mut buffer = BytesMut::from(&[0xD0, 0, 0x40, 2, 1, 2, 0xE0][..]);
    assert_eq!(codec(100).take(&mut buffer), Ok(Some(Received::Pong)));
    assert!(matches!(codec(100).take(&mut buffer), Ok(Some(Received::Puback { id: 258, .. }))));
    assert_eq!(codec(100).take(&mut buffer), Ok(None));
    assert_eq!(&buffer[..], [0xE0]);
}

#[test]
fn there_is_room_for_a_packet_that_is_announced_and_not_too_large() {
    let mut buffer = BytesMut::from(&[0x30, 0xE4, 0x01][..]);
    assert_eq!(codec(231).take(&mut buffer), Ok(None));
    assert!(buffer.capacity() >= 231, "{}", buffer.capacity());
    assert_eq!(buffer.len(), 3);
}

#[test]
fn a_packet_that_is_too_large_is_refused_before_there_is_room_for_it() {
    let mut buffer = BytesMut::from(&[0x30, 0xE4, 0x01][..]);
    assert_eq!(codec(230).take(&mut buffer), Err(Unreadable::TooLarge { bytes: 231 }));
    let mut buffer = BytesMut::from(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F][..]);
    let room = buffer.capacity();
    assert_eq!(codec(1 << 20).take(&mut buffer), Err(Unreadable::TooLarge { bytes: 268_435_455 + 5 }));
    assert_eq!(buffer.capacity(), room);
}

#[test]
fn a_length_of_five_bytes_is_malformed_as_soon_as_it_is_there() {
    let mut buffer = BytesMut::from(&[0x30, 0x80, 0x80, 0x80][..]);
    assert_eq!(codec(100).take(&mut buffer), Ok(None));
    buffer.extend_from_slice(&[0x80]);
    let error = codec(100).take(&mut buffer).unwrap_err();
    assert_eq!(error.to_string(), "a PUBLISH has a length of more than four bytes");
}
