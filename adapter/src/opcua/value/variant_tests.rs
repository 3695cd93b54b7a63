//! Every type both ways, at the edges of its range.

use opcua::types::{DataValue, ExtensionObject};

use super::*;

/// Goes out as `variant` and comes back as `value`.
#[track_caller]
fn check(value: &TagValue, variant: &Variant) {
    assert_eq!(into_variant(value.clone()).as_ref(), Some(variant));
    assert_eq!(from_variant(variant.clone()).as_ref(), Some(value));
}

fn array(element: DataType, values: impl Into<Vec<TagValue>>, dimensions: &[u32]) -> TagValue {
    TagValue::Array(Box::new(ArrayValue {
        element: Some(element),
        values: values.into(),
        dimensions: dimensions.to_vec(),
    }))
}

#[test]
fn numbers_keep_type_and_value_at_both_ends() {
    check(&TagValue::Boolean(true), &Variant::Boolean(true));
    check(&TagValue::SByte(i8::MIN), &Variant::SByte(i8::MIN));
    check(&TagValue::Byte(u8::MAX), &Variant::Byte(u8::MAX));
    check(&TagValue::Int16(i16::MIN), &Variant::Int16(i16::MIN));
    check(&TagValue::UInt16(u16::MAX), &Variant::UInt16(u16::MAX));
    check(&TagValue::Int32(i32::MIN), &Variant::Int32(i32::MIN));
    check(&TagValue::UInt32(u32::MAX), &Variant::UInt32(u32::MAX));
    check(&TagValue::Int64(i64::MIN), &Variant::Int64(i64::MIN));
    check(&TagValue::Int64(i64::MAX), &Variant::Int64(i64::MAX));
    check(&TagValue::UInt64(u64::MAX), &Variant::UInt64(u64::MAX));
    check(&TagValue::Float(f32::MIN_POSITIVE), &Variant::Float(f32::MIN_POSITIVE));
    check(&TagValue::Double(f64::MAX), &Variant::Double(f64::MAX));
    check(&TagValue::Double(f64::NEG_INFINITY), &Variant::Double(f64::NEG_INFINITY));
}

#[test]
fn nan_stays_nan() {
    assert!(matches!(from_variant(Variant::Double(f64::NAN)), Some(TagValue::Double(value)) if value.is_nan()));
    assert!(matches!(into_variant(TagValue::Float(f32::NAN)), Some(Variant::Float(value)) if value.is_nan()));
}

#[test]
fn texts_and_names_keep_what_they_say() {
    check(&TagValue::String("Prüfstand 🏭".into()), &Variant::from("Prüfstand 🏭"));
    check(&TagValue::String("".into()), &Variant::from(""));
    check(&TagValue::XmlElement("<a/>".into()), &Variant::XmlElement(XmlElement::from("<a/>")));
    check(
        &TagValue::QualifiedName { namespace_index: 3, name: "Vibration".into() },
        &Variant::QualifiedName(Box::new(QualifiedName::new(3, "Vibration"))),
    );
    check(
        &TagValue::LocalizedText { locale: Some("de".into()), text: Some("Schwingung".into()) },
        &Variant::LocalizedText(Box::new(LocalizedText::new("de", "Schwingung"))),
    );
    check(
        &TagValue::LocalizedText { locale: None, text: None },
        &Variant::LocalizedText(Box::new(LocalizedText { locale: UAString::null(), text: UAString::null() })),
    );
    check(&TagValue::ByteString(Bytes::from_static(&[0, 0xff])), &Variant::ByteString(ByteString::from(vec![0, 0xff])));
    check(
        &TagValue::StatusCode(crate::domain::StatusCode(0x808C_0000)),
        &Variant::StatusCode(StatusCode::BadSensorFailure),
    );
}

#[test]
fn guids_are_lower_case_with_hyphens() {
    let guid: Guid = "72962B91-FA75-4AE6-8D28-B404DC7DAF63".parse().unwrap();
    check(&TagValue::Guid("72962b91-fa75-4ae6-8d28-b404dc7daf63".into()), &Variant::Guid(Box::new(guid)));
}

#[test]
fn node_ids_take_their_text_form() {
    let check_node_id = |text: &str, id: NodeId| check(&TagValue::NodeId(text.into()), &Variant::NodeId(Box::new(id)));
    check_node_id("ns=2;s=abc", NodeId::new(2, "abc"));
    check_node_id("i=85", NodeId::new(0, 85_u32));
    check_node_id("ns=3;s=\"Machine\".\"Speed\"", NodeId::new(3, "\"Machine\".\"Speed\""));
    let check_expanded = |text: &str, id: ExpandedNodeId| {
        check(&TagValue::ExpandedNodeId(text.into()), &Variant::ExpandedNodeId(Box::new(id)));
    };
    check_expanded("nsu=urn:plc;s=abc", ExpandedNodeId::new_with_namespace("urn:plc", "abc"));
    check_expanded("ns=2;i=7", ExpandedNodeId::new(NodeId::new(2, 7_u32)));
    check_expanded("i=85", ExpandedNodeId::new(NodeId::new(0, 85_u32)));
    check_expanded("svr=1;ns=2;i=7", ExpandedNodeId { server_index: 1, ..ExpandedNodeId::new(NodeId::new(2, 7_u32)) });
}

#[test]
fn points_in_time_keep_their_100_nanoseconds() {
    let moment = Timestamp::from_opcua_ticks(134_398_709_210_823_571);
    check(&TagValue::DateTime(moment), &Variant::DateTime(Box::new(DateTime::from(134_398_709_210_823_571_i64))));
    let start = Timestamp::from_opcua_ticks(0);
    check(&TagValue::DateTime(start), &Variant::DateTime(Box::new(DateTime::null())));
}

#[test]
fn null_is_null_whatever_its_type_was() {
    for variant in [Variant::Empty, Variant::String(UAString::null()), Variant::ByteString(ByteString::null())] {
        assert_eq!(from_variant(variant), Some(TagValue::Null));
    }
    assert_eq!(into_variant(TagValue::Null), Some(Variant::Empty));
}

#[test]
fn arrays_keep_elements_and_dimensions() {
    let numbers = [1_i16, -2, 3, 4, 5, 6];
    let values = numbers.map(TagValue::Int16);
    let variants = numbers.map(Variant::Int16).to_vec();
    check(&array(DataType::Int16, values.clone(), &[]), &Variant::from(numbers.to_vec()));
    let matrix = Array::new_multi(VariantScalarTypeId::Int16, variants.clone(), vec![2, 3]).unwrap();
    check(&array(DataType::Int16, values.clone(), &[2, 3]), &Variant::Array(Box::new(matrix)));
    let cube = Array::new_multi(VariantScalarTypeId::Int16, variants, vec![1, 2, 3]).unwrap();
    check(&array(DataType::Int16, values, &[1, 2, 3]), &Variant::Array(Box::new(cube)));
}

#[test]
fn empty_arrays_know_their_type() {
    let empty = Array::new_multi(VariantScalarTypeId::Double, Vec::new(), Vec::new()).unwrap();
    assert_eq!(from_variant(Variant::Array(Box::new(empty))), Some(array(DataType::Double, [], &[])));
}

#[test]
fn one_dimension_is_a_plain_array() {
    let line = Array::new_multi(VariantScalarTypeId::Byte, vec![Variant::Byte(1), Variant::Byte(2)], vec![2]).unwrap();
    let plain = array(DataType::Byte, [TagValue::Byte(1), TagValue::Byte(2)], &[]);
    assert_eq!(from_variant(Variant::Array(Box::new(line))), Some(plain));
}

#[test]
fn null_strings_within_arrays_survive() {
    let strings = Array::new(
        VariantScalarTypeId::String,
        vec![Variant::String(UAString::null()), Variant::String(UAString::from("a"))],
    );
    check(
        &array(DataType::String, [TagValue::Null, TagValue::String("a".into())], &[]),
        &Variant::Array(Box::new(strings.unwrap())),
    );
}

#[test]
fn a_variant_within_a_variant_is_unwrapped() {
    let nested = Variant::Variant(Box::new(Variant::Variant(Box::new(Variant::Int32(7)))));
    assert_eq!(from_variant(nested), Some(TagValue::Int32(7)));
    let wrap = |value: Variant| Variant::Variant(Box::new(value));
    let same = vec![wrap(Variant::Byte(1)), wrap(Variant::Byte(2))];
    let same = Array { value_type: VariantScalarTypeId::Variant, values: same, dimensions: None };
    let expected = array(DataType::Byte, [TagValue::Byte(1), TagValue::Byte(2)], &[]);
    assert_eq!(from_variant(Variant::Array(Box::new(same))), Some(expected));
    let mixed = vec![wrap(Variant::Byte(1)), wrap(Variant::Boolean(true))];
    let mixed = Array { value_type: VariantScalarTypeId::Variant, values: mixed, dimensions: None };
    let expected = TagValue::Array(Box::new(ArrayValue::of(vec![TagValue::Byte(1), TagValue::Boolean(true)])));
    assert_eq!(from_variant(Variant::Array(Box::new(mixed))), Some(expected.clone()));
    assert_eq!(into_variant(expected), None);
}

#[test]
fn what_needs_a_type_is_left_to_the_structures() {
    let object = Variant::ExtensionObject(ExtensionObject::null());
    let objects = Array::new(VariantScalarTypeId::ExtensionObject, vec![object.clone()]).unwrap();
    assert_eq!(from_variant(object), None);
    assert_eq!(from_variant(Variant::Array(Box::new(objects))), None);
    assert_eq!(from_variant(Variant::DataValue(Box::new(DataValue::null()))), None);
}

#[test]
fn texts_that_are_no_id_are_refused_on_the_way_out() {
    assert_eq!(into_variant(TagValue::Guid("no guid".into())), None);
    assert_eq!(into_variant(TagValue::NodeId("ns=2".into())), None);
    assert_eq!(into_variant(TagValue::ExpandedNodeId("x".into())), None);
}
