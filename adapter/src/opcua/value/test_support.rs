//! Bytes of values, well formed and malformed, for the tests of this folder.

use bytes::Bytes;
use opcua::types::{BinaryEncodable, ContextOwned, DataValue};

use crate::opcua::value::{raw::RawValue, reader::Reader};

impl RawValue {
    /// A DataValue as it is when the library has encoded it.
    pub(in crate::opcua) fn of_library(value: &DataValue) -> Self {
        let body = Bytes::from(value.encode_to_vec(&ContextOwned::default().context()));
        Self::read(&mut Reader::new(&body), &body).unwrap_or_else(Self::unreadable)
    }
}

/// A String, or anything else with a length in front.
pub(super) fn counted(bytes: &[u8]) -> Vec<u8> {
    [&i32::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat()
}

/// `TÜR` as a controller in western Europe writes it.
pub(super) const LATIN_1: [u8; 3] = [b'T', 0xDC, b'R'];
/// The same as it is read.
pub(super) const LOSSY: &str = "T\u{FFFD}R";

/// A DataValue of nothing but a Variant.
pub(super) fn value_only(variant: &[u8]) -> Vec<u8> {
    [&[0x01], variant].concat()
}

/// A good DataValue, with every part that there can be.
pub(super) fn good(number: f64) -> Vec<u8> {
    let mut bytes = vec![0x3F, 11];
    bytes.extend(number.to_le_bytes());
    bytes.extend(0x4096_0000_u32.to_le_bytes());
    bytes.extend(134_398_709_210_823_571_i64.to_le_bytes());
    bytes.extend(7_u16.to_le_bytes());
    bytes.extend(134_398_709_210_823_572_i64.to_le_bytes());
    bytes.extend(8_u16.to_le_bytes());
    bytes
}

/// An array of Doubles with these dimensions, whatever they are.
pub(super) fn matrix(elements: &[f64], dimensions: &[i32]) -> Vec<u8> {
    let mut bytes = vec![0xCB];
    bytes.extend(i32::try_from(elements.len()).unwrap().to_le_bytes());
    bytes.extend(elements.iter().flat_map(|element| element.to_le_bytes()));
    bytes.extend(i32::try_from(dimensions.len()).unwrap().to_le_bytes());
    bytes.extend(dimensions.iter().flat_map(|length| length.to_le_bytes()));
    bytes
}

/// A structure in a Variant, with the length of its body, or without one.
pub(super) fn structure(encoding: u16, body: &[u8], has_length: bool) -> Vec<u8> {
    let mut bytes = vec![22, 1, 0];
    bytes.extend(encoding.to_le_bytes());
    bytes.push(1);
    if has_length {
        bytes.extend(counted(body));
    } else {
        bytes.extend((-1_i32).to_le_bytes());
        bytes.extend(body);
    }
    bytes
}

/// Variants that cannot be decoded, and whose end can be found all the same.
pub(super) fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = vec![
        ("an empty array of six elements", matrix(&[], &[3, 2])),
        ("dimensions of other elements", matrix(&[1.0, 2.0, 3.0], &[2, 2])),
        ("one dimension of other elements", matrix(&[1.0, 2.0, 3.0], &[2])),
        ("a dimension of no elements", matrix(&[1.0, 2.0, 3.0], &[0, 3])),
        ("negative dimensions", matrix(&[1.0, 2.0, 3.0], &[-1, -3])),
        ("dimensions that overflow", matrix(&[1.0], &[i32::MAX; 8])),
        ("dimensions that overflow to the right number", matrix(&[], &[1 << 16; 16])),
        ("an array of nothing", vec![0x80, 2, 0, 0, 0]),
    ];
    for number in 26..=31 {
        all.push(("a type that does not exist yet", [&[number][..], &counted(&[1, 2, 3])].concat()));
        all.push(("an array of them", [&[number | 0x80, 1, 0, 0, 0][..], &counted(&[1, 2, 3])].concat()));
    }
    all
}

/// Variants whose end nobody can know.
pub(super) fn endless() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a structure without its length", structure(5001, &[1, 2, 3], false)),
        ("a structure in a third encoding", vec![22, 1, 0, 7, 0, 3, 0, 0, 0, 0]),
        ("a NodeId in a seventh encoding", vec![17, 9, 0, 0, 0, 0]),
        ("a type that can never be", vec![32, 0, 0, 0, 0]),
        ("dimensions of what is no array", vec![0x4B, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("Variants in one another", vec![24; 1000]),
        ("a text that is longer than the message", vec![12, 0xFF, 0xFF, 0xFF, 0x7F, 1]),
        ("more elements than the message", vec![0x8B, 0xFF, 0xFF, 0xFF, 0x7F, 1]),
    ]
}

/// Variants that are odd and have a value all the same.
pub(super) fn lenient() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("an empty array with a dimension of none", matrix(&[], &[0, 3])),
        ("dimensions that are null", [&matrix(&[], &[])[..5], &[0xFF; 4]].concat()),
        ("a length below -1 of an array", vec![0x8B, 0xFE, 0xFF, 0xFF, 0xFF]),
        ("a length below -1 of a text", vec![12, 0xFE, 0xFF, 0xFF, 0xFF]),
        ("a length below -1 of a ByteString", vec![15, 0, 0, 0, 0x80]),
        ("a Boolean that is 2", vec![1, 2]),
    ]
}
