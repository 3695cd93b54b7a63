//! What a server could send, as bytes: the way in for fuzz targets, and for nothing else.

use std::sync::Arc;

use opcua::types::{BinaryDecodable, ContextOwned, DecodingOptions, NamespaceMap, NodeId, Variant};

use super::{
    convert::convert,
    decode::Decoder,
    raw_bodies::type_loaders,
    types::{Kind, Known, Layout, Member, Names, Rank, StructureType, Types},
};
use crate::domain::{TagValue, value::StructureShape};
use crate::opcua::value::reader::Reader;

/// Structures that a definition may consist of.
const MAX_STRUCTURES: usize = 8;
/// Members of each.
const MAX_MEMBERS: usize = 40;
/// The bound on arrays and texts in a Variant, smaller than a session's so that a run stays quick.
const MAX_LENGTH: usize = 65_536;

/// The value of a Variant in OPC UA Binary, decoded by the library and converted as one that came in a Publish response;
/// `None` where the library refuses the bytes.
pub fn value_of_variant(bytes: &[u8]) -> Option<TagValue> {
    let options = DecodingOptions {
        max_array_length: MAX_LENGTH,
        max_string_length: MAX_LENGTH,
        max_byte_string_length: MAX_LENGTH,
        ..DecodingOptions::default()
    };
    let context = ContextOwned::new(NamespaceMap::new(), type_loaders(), options);
    let mut rest = bytes;
    let variant = Variant::decode(&mut rest, &context.context()).ok()?;
    convert(&mut Decoder::new(&Types::default(), true).forced(true), &variant).ok()
}

/// The value of a structure's body under a definition that is made of bytes, too: any members, nested in any way.
pub fn value_of_structure(definition: &[u8], body: &[u8]) -> Option<TagValue> {
    let types = types(definition);
    let mut decoder = Decoder::new(&types, true).forced(true);
    decoder.extension_object(&mut Reader::new(&[]), &encoding(0), body).ok()
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

    fn check(value: &TagValue) {
        let mut out = Vec::new();
        write_value(&mut out, value);
        serde_json::from_slice::<serde_json::Value>(&out).expect("valid JSON");
        // Texts, elements and members are counted; what is not is small.
        assert!(value.heap_bytes() < 100_000_000);
    }

    #[test]
    fn what_nests_too_deep_is_refused_before_it_becomes_json() {
        // The library bounds how deep Variants lie, and not DiagnosticInfos.
        const DIAGNOSTIC_INFO: u8 = 25;
        const HAS_INNER: u8 = 0x40;
        let nested = |levels: usize| [&[DIAGNOSTIC_INFO][..], &vec![HAS_INNER; levels], &[0]].concat();
        check(&value_of_variant(&nested(60)).expect("60 levels are few enough"));
        assert_eq!(value_of_variant(&nested(90)), None);
    }

    proptest! {
        #[test]
        fn whatever_a_body_holds_becomes_valid_json(
            definition in prop::collection::vec(any::<u8>(), 0..64),
            body in prop::collection::vec(prop_oneof![Just(0_u8), 0..4_u8, any::<u8>()], 0..256),
        ) {
            if let Some(value) = value_of_structure(&definition, &body) {
                check(&value);
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
                check(&value);
            }
        }
    }
}
