//! Tests of `plain`: what the library encodes comes out as what it was.

use opcua::types::{
    Array, BinaryDecodable, BinaryEncodable, ByteString, ContextOwned, DateTime, ExpandedNodeId, Guid, LocalizedText,
    NodeId, QualifiedName, StatusCode as Code, UAString, Variant, VariantScalarTypeId, XmlElement,
};
use proptest::prelude::*;

use super::*;
use crate::opcua::value::variant::from_variant;

fn text() -> impl Strategy<Value = UAString> {
    prop_oneof![Just(UAString::null()), Just(UAString::from("")), ".{0,12}".prop_map(UAString::from)]
}

fn node_id() -> impl Strategy<Value = NodeId> {
    prop_oneof![
        (any::<u16>(), any::<u32>()).prop_map(|(namespace, number)| NodeId::new(namespace, number)),
        (any::<u16>(), any::<u8>()).prop_map(|(namespace, number)| NodeId::new(namespace, u32::from(number))),
        (any::<u16>(), ".{0,12}").prop_map(|(namespace, text)| NodeId::new(namespace, text)),
        (any::<u16>(), any::<[u8; 16]>()).prop_map(|(namespace, guid)| NodeId::new(namespace, Guid::from_bytes(guid))),
        (any::<u16>(), prop::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(namespace, bytes)| NodeId::new(namespace, ByteString::from(bytes))),
    ]
}

fn expanded_node_id() -> impl Strategy<Value = ExpandedNodeId> {
    (node_id(), text(), any::<u32>()).prop_map(|(node_id, namespace_uri, server_index)| ExpandedNodeId {
        node_id,
        // An empty one travels as none.
        namespace_uri: if namespace_uri.is_empty() { UAString::null() } else { namespace_uri },
        server_index,
    })
}

/// A value of the built-in type with this number.
fn scalar_of(number: u8) -> BoxedStrategy<Variant> {
    match number {
        1 => any::<bool>().prop_map(Variant::Boolean).boxed(),
        2 => any::<i8>().prop_map(Variant::SByte).boxed(),
        3 => any::<u8>().prop_map(Variant::Byte).boxed(),
        4 => any::<i16>().prop_map(Variant::Int16).boxed(),
        5 => any::<u16>().prop_map(Variant::UInt16).boxed(),
        6 => any::<i32>().prop_map(Variant::Int32).boxed(),
        7 => any::<u32>().prop_map(Variant::UInt32).boxed(),
        8 => any::<i64>().prop_map(Variant::Int64).boxed(),
        9 => any::<u64>().prop_map(Variant::UInt64).boxed(),
        10 => any::<f32>().prop_map(Variant::Float).boxed(),
        11 => any::<f64>().prop_map(Variant::Double).boxed(),
        12 => text().prop_map(Variant::String).boxed(),
        13 => (0..2_650_467_743_990_000_000_i64)
            .prop_map(|ticks| Variant::DateTime(Box::new(DateTime::from(ticks))))
            .boxed(),
        14 => any::<[u8; 16]>().prop_map(|bytes| Variant::Guid(Box::new(Guid::from_bytes(bytes)))).boxed(),
        15 => prop::option::of(prop::collection::vec(any::<u8>(), 0..9))
            .prop_map(|value| Variant::ByteString(ByteString { value }))
            .boxed(),
        16 => ".{0,12}".prop_map(|text| Variant::XmlElement(XmlElement::from(text))).boxed(),
        17 => node_id().prop_map(|id| Variant::NodeId(Box::new(id))).boxed(),
        18 => expanded_node_id().prop_map(|id| Variant::ExpandedNodeId(Box::new(id))).boxed(),
        19 => any::<u32>().prop_map(|code| Variant::StatusCode(Code::from(code))).boxed(),
        20 => (any::<u16>(), text())
            .prop_map(|(namespace_index, name)| {
                Variant::QualifiedName(Box::new(QualifiedName { namespace_index, name }))
            })
            .boxed(),
        _ => (text(), text())
            .prop_map(|(locale, text)| Variant::LocalizedText(Box::new(LocalizedText { locale, text })))
            .boxed(),
    }
}

fn array_of(number: u8) -> impl Strategy<Value = Variant> {
    let value_type = VariantScalarTypeId::from_encoding_mask(number).unwrap();
    let elements = |count| prop::collection::vec(scalar_of(number), count);
    let list = elements(0..9).prop_map(|values| (values, None));
    let matrix = prop::collection::vec(1..4_u32, 2..4).prop_flat_map(move |dimensions| {
        let count = dimensions.iter().product::<u32>() as usize;
        prop::collection::vec(scalar_of(number), count).prop_map(move |values| (values, Some(dimensions.clone())))
    });
    prop_oneof![list, matrix]
        .prop_map(move |(values, dimensions)| Variant::Array(Box::new(Array { value_type, values, dimensions })))
}

fn scalars() -> impl Strategy<Value = Variant> {
    (1..=21_u8).prop_flat_map(scalar_of)
}

fn variants_of_variants() -> impl Strategy<Value = Variant> {
    let wrap = |value| Variant::Variant(Box::new(value));
    let array = (1..=21_u8).prop_flat_map(array_of).prop_map(wrap);
    // Null texts have no type of their own in an array.
    let number = (1..=11_u8).prop_flat_map(scalar_of).prop_map(wrap);
    let list = prop::collection::vec(number.clone(), 1..6).prop_map(|values| {
        Variant::Array(Box::new(Array { value_type: VariantScalarTypeId::Variant, values, dimensions: None }))
    });
    prop_oneof![array, number, list]
}

fn encode(variant: &Variant) -> Vec<u8> {
    variant.encode_to_vec(&ContextOwned::default().context())
}

/// As JSON, where NaN is itself, and by what it says of itself.
fn check(found: &TagValue, expected: &TagValue) {
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
}

proptest! {
    #[test]
    fn what_the_library_encodes_is_what_it_was(
        variant in prop_oneof![
            Just(Variant::Empty),
            scalars(),
            (1..=21_u8).prop_flat_map(array_of),
            variants_of_variants(),
        ],
    ) {
        let bytes = encode(&variant);
        let mut reader = Reader::new(&bytes);
        let decoded = Variant::decode(&mut bytes.as_slice(), &ContextOwned::default().context()).unwrap();
        check(&super::variant(&mut reader).unwrap(), &from_variant(decoded).unwrap());
        prop_assert_eq!(reader.end(), Ok(()));
        prop_assert!(!reader.is_lossy());
        let mut skipped = Reader::new(&bytes);
        crate::opcua::value::skip::variant(&mut skipped).unwrap();
        prop_assert_eq!(skipped.end(), Ok(()));
    }
}

#[test]
fn arrays_of_arrays_nest_no_deeper_than_json_may() {
    let nested = |levels: usize| [[0x98, 1, 0, 0, 0].repeat(levels), vec![1, 1]].concat();
    assert!(variant(&mut Reader::new(&nested(60))).is_ok());
    assert_eq!(variant(&mut Reader::new(&nested(70))), Err(Malformed::TooDeep.into()));
}
