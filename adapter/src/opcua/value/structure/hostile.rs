//! What a server could send, as bytes: the way in for fuzz targets, and for nothing else.

use std::sync::Arc;

use bytes::Bytes;
use opcua::types::NodeId;

use super::{
    decode::Decoder,
    types::{Kind, Known, Layout, Member, Names, Rank, StructureType, Types},
};
use crate::domain::{TagValue, Timestamp, value::StructureShape};
use crate::opcua::value::{
    attributes::{data_values, raw_values},
    notification::{Notification, Part},
    raw::{RawValue, Wire},
    reader::Reader,
};

/// Structures that a definition may consist of.
const MAX_STRUCTURES: usize = 8;
/// Members of each.
const MAX_MEMBERS: usize = 40;
/// How many results are asked for.
const MOST_RESULTS: usize = 1_000;

/// The values of a NotificationMessage, with structures that are defined by bytes, too; `None` where not even its number
/// can be had.
pub fn values_of_notification(definition: &[u8], bytes: &[u8]) -> Option<Vec<TagValue>> {
    let types = types(definition);
    let body = Bytes::copy_from_slice(bytes);
    let message = Notification::read(&mut Reader::new(&body).knowing(&types), &body, Timestamp::now()).ok()?;
    let items = message.parts.into_iter().flat_map(|part| match part {
        Part::DataChange { items, .. } => items,
        Part::StatusChange(_) | Part::Other => Vec::new(),
    });
    Some(items.map(|item| value_of(item.value, &types)).collect())
}

/// The values of the results of a Read, with structures that are defined by bytes, too.
pub fn values_of_read(definition: &[u8], bytes: &[u8]) -> Vec<TagValue> {
    let types = types(definition);
    let body = Bytes::copy_from_slice(bytes);
    let values =
        raw_values(&mut Reader::new(&body).knowing(&types), &body, MOST_RESULTS).unwrap_or_else(|(values, _)| values);
    values.into_iter().map(|value| value_of(value, &types)).collect()
}

/// How many results a Read of attributes has; `None` where the end of one cannot be found.
pub fn attributes_of_read(bytes: &[u8]) -> Option<usize> {
    data_values(&mut Reader::new(bytes), MOST_RESULTS).ok().map(|values| values.len())
}

fn value_of(raw: RawValue, types: &Types) -> TagValue {
    match raw.value {
        Wire::Plain(value) => value,
        Wire::Unreadable(_) => TagValue::Null,
        Wire::Encoded(bytes) => {
            let mut decoder = Decoder::new(types, true).forced(true);
            decoder.whole(&bytes).map_or(TagValue::Null, |(value, _)| value)
        }
    }
}

/// The value of the Variant that these bytes begin with, decoded without any types; `None` for bytes that are none.
pub fn value_of_variant(bytes: &[u8]) -> Option<TagValue> {
    let types = Types::default();
    let mut decoder = Decoder::new(&types, true).forced(true);
    decoder.variant(&mut Reader::of_value(bytes)).ok()
}

/// The value of a structure's body under a definition that is made of bytes, too: any members, nested in any way.
pub fn value_of_structure(definition: &[u8], body: &[u8]) -> Option<TagValue> {
    let types = types(definition);
    let mut decoder = Decoder::new(&types, true).forced(true);
    decoder.extension_object(&mut Reader::of_value(body), &encoding(0), body).ok()
}

fn encoding(index: usize) -> NodeId {
    NodeId::new(1, u32::try_from(index).unwrap_or(u32::MAX))
}

/// Each structure is a byte for its layout and one for its length, then two bytes a member.
fn types(definition: &[u8]) -> Types {
    let mut types = Types::default();
    let mut bytes = definition.iter().copied();
    let count = usize::from(bytes.next().unwrap_or(0)) % MAX_STRUCTURES + 1;
    let names = Arc::new(Names::new([(0, "Off".into()), (1, "On \"\n".into())]));
    let indices: Vec<_> = (0..count).map(|ahead| types.next(ahead)).collect();
    let mut structures = Vec::with_capacity(count);
    for number in 0..count {
        let layout = match bytes.next().unwrap_or(0) % 3 {
            0 => Layout::Plain,
            1 => Layout::Optional,
            _ => Layout::Union,
        };
        let length = usize::from(bytes.next().unwrap_or(0)) % MAX_MEMBERS;
        let mut members = Vec::with_capacity(length);
        for _ in 0..length {
            let (kind, form) = (bytes.next().unwrap_or(0), bytes.next().unwrap_or(0));
            let kind = match kind % 30 {
                number @ 1..=25 => Kind::BuiltIn(number),
                0 => Kind::Enumeration(Arc::clone(&names)),
                _ => Kind::Structure(indices[usize::from(kind) % count]),
            };
            let rank = match form % 3 {
                0 => Rank::Scalar,
                1 => Rank::List,
                _ => Rank::Matrix,
            };
            members.push(Member { kind, rank, is_optional: form & 0x80 != 0 });
        }
        let names = (0..length).map(|member| format!("m{member}").into()).collect();
        let shape = Arc::new(StructureShape { name: format!("T{number}").into(), members: names });
        structures.push(StructureType { shape, layout, members });
    }
    types.extend(structures);
    for (number, index) in indices.into_iter().enumerate() {
        types.note(encoding(number), Known::Structure(index));
    }
    types
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::northbound::value_json::write_value;

    /// A value of a message of so many bytes.
    fn check(value: &TagValue, bytes: usize) {
        let mut out = Vec::new();
        write_value(&mut out, value);
        serde_json::from_slice::<serde_json::Value>(&out).expect("valid JSON");
        assert!(value.heap_bytes() <= bytes * 512 + 8_192, "{} bytes of {bytes}", value.heap_bytes());
    }

    #[test]
    fn what_nests_too_deep_is_refused_before_it_becomes_json() {
        // The library bounds how deep Variants lie, and not DiagnosticInfos.
        const DIAGNOSTIC_INFO: u8 = 25;
        const HAS_INNER: u8 = 0x40;
        let nested = |levels: usize| [&[DIAGNOSTIC_INFO][..], &vec![HAS_INNER; levels], &[0]].concat();
        check(&value_of_variant(&nested(60)).expect("60 levels are few enough"), 62);
        assert_eq!(value_of_variant(&nested(90)), None);
    }

    proptest! {
        #[test]
        fn whatever_a_message_holds_becomes_valid_json(
            definition in prop::collection::vec(any::<u8>(), 0..32),
            rest in prop::collection::vec(prop_oneof![Just(0_u8), 0..4_u8, 0..26_u8, any::<u8>()], 0..256),
        ) {
            // One part with four items.
            let front = [&[0; 12][..], &[1, 0, 0, 0, 1, 0, 0x2B, 3, 1, 0xFF, 0xFF, 0xFF, 0xFF, 4, 0, 0, 0]].concat();
            let whole = [front, rest.clone()].concat();
            for value in values_of_notification(&definition, &whole).unwrap() {
                check(&value, whole.len());
            }
            let front = vec![4, 0, 0, 0];
            let whole = [front, rest].concat();
            for value in values_of_read(&definition, &whole) {
                check(&value, whole.len());
            }
            attributes_of_read(&whole);
        }

        #[test]
        fn whatever_a_body_holds_becomes_valid_json(
            definition in prop::collection::vec(any::<u8>(), 0..64),
            body in prop::collection::vec(prop_oneof![Just(0_u8), 0..4_u8, any::<u8>()], 0..256),
        ) {
            if let Some(value) = value_of_structure(&definition, &body) {
                check(&value, body.len());
            }
        }

        #[test]
        fn whatever_a_variant_holds_becomes_valid_json(
            kind in 0..26_u8,
            shape in prop_oneof![Just(0_u8), Just(0x80), Just(0xC0)],
            rest in prop::collection::vec(prop_oneof![Just(0_u8), 0..4_u8, any::<u8>()], 0..256),
        ) {
            let mut bytes = vec![kind | shape];
            bytes.extend(rest);
            if let Some(value) = value_of_variant(&bytes) {
                check(&value, bytes.len());
            }
        }
    }
}
