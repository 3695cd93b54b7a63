//! What a broker sends: no bytes make reading them panic or take memory that they do not pay for, and in pieces they are
//! the same packets as at once.
//!
//! The bytes are tried as a stream, and as bodies of packets behind a right head: each begins with a byte for its kind and
//! one for its length.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::mqtt::hostile::read;

/// CONNACK, PUBLISH with and without an id, PUBACK, SUBACK, UNSUBACK, DISCONNECT and AUTH.
const FIRST_BYTES: [u8; 8] = [0x20, 0x30, 0x3B, 0x40, 0x90, 0xB0, 0xE0, 0xF0];

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&framed(bytes));
});

fn check(stream: &[u8]) {
    for is_5 in [true, false] {
        let whole = read(is_5, stream, &[]);
        assert_eq!(whole, read(is_5, stream, &[1]));
        assert_eq!(whole, read(is_5, stream, &[2, 1, 7, 3]));
        assert!(whole.len() <= stream.len() / 2 + 1, "{} packets in {} bytes", whole.len(), stream.len());
    }
}

fn framed(mut bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    while let [kind, length, rest @ ..] = bytes {
        let length = length & 0x7F;
        let (body, rest) = rest.split_at(usize::from(length).min(rest.len()));
        bytes = rest;
        stream.extend_from_slice(&[FIRST_BYTES[usize::from(*kind) % FIRST_BYTES.len()], body.len() as u8]);
        stream.extend_from_slice(body);
    }
    stream
}
