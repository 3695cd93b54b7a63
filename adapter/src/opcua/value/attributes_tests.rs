//! Tests of `attributes`: what the library encodes comes out as what it was, and what is malformed costs only itself.

use opcua::types::{
    BinaryEncodable, ContextOwned, EUInformation, EnumDefinition, EnumField, EnumValueType, ExpandedNodeId, NodeId,
    ObjectId, Range, StructureDefinition, StructureField, StructureType,
};

use super::*;
use crate::opcua::value::test_support::{
    LATIN_1, LOSSY, counted, endless, good, lenient, structure, unreadable, value_only,
};

fn read(values: &[Vec<u8>]) -> Result<Vec<DataValue>, Malformed> {
    let bytes = [&i32::try_from(values.len()).unwrap().to_le_bytes()[..], &values.concat()].concat();
    let mut reader = Reader::new(&bytes);
    let values = data_values(&mut reader, values.len()).map_err(|(_, malformed)| malformed)?;
    assert_eq!(reader.end(), Ok(()));
    Ok(values)
}

fn encode(value: &DataValue) -> Vec<u8> {
    value.encode_to_vec(&ContextOwned::default().context())
}

fn check(value: impl Into<Variant>) {
    let value = DataValue::value_only(value.into());
    assert_eq!(read(&[encode(&value), good(2.0)]).unwrap()[0], value);
}

fn definition() -> StructureDefinition {
    let field = StructureField {
        name: "Speed".into(),
        description: LocalizedText::new("de", "Drehzahl"),
        data_type: NodeId::new(3, "Speed"),
        value_rank: 2,
        array_dimensions: Some(vec![2, 3]),
        max_string_length: 7,
        is_optional: true,
    };
    StructureDefinition {
        default_encoding_id: NodeId::new(3, 5_u32),
        base_data_type: NodeId::new(0, 22_u32),
        structure_type: StructureType::StructureWithOptionalFields,
        fields: Some(vec![field.clone(), field]),
    }
}

#[test]
fn attributes_are_those_of_the_library() {
    check(NodeId::new(3, "Motor"));
    check(Variant::from(ExpandedNodeId::new_with_namespace("urn:x", 7_u32)));
    check(-1_i32);
    check(5_u8);
    check(7_u32);
    check("text");
    check(vec!["a".to_owned(), "b".to_owned()]);
    check(QualifiedName::new(3, "Motor"));
    check(LocalizedText::new("de", "Motor"));
    check(DateTime::from(134_398_709_210_823_571_i64));
    check(Variant::from(vec![1.5_f64, 2.5]));
    check(Variant::Empty);
    check(StatusCode::BadTimeout);
    let matrix = Array::new_multi(VariantScalarTypeId::Byte, vec![Variant::Byte(1); 6], vec![2, 3]).unwrap();
    check(Variant::Array(Box::new(matrix)));
    let whole = DataValue {
        status: Some(StatusCode::UncertainInitialValue),
        source_timestamp: Some(DateTime::from(134_398_709_210_823_571_i64)),
        source_picoseconds: Some(1),
        server_timestamp: Some(DateTime::from(134_398_709_210_823_572_i64)),
        server_picoseconds: Some(2),
        ..DataValue::value_only(1.5)
    };
    assert_eq!(read(&[encode(&whole)]), Ok(vec![whole]));
}

#[test]
fn structures_of_opc_ua_are_those_of_the_library() {
    let name = || LocalizedText::new("en", "Name");
    check(ExtensionObject::from_message(definition()));
    let field = EnumField { value: -5, display_name: name(), description: name(), name: "Running".into() };
    check(ExtensionObject::from_message(EnumDefinition { fields: Some(vec![field]) }));
    let value = EnumValueType { value: 5, display_name: name(), description: LocalizedText::null() };
    let values = vec![Variant::from(ExtensionObject::from_message(value))];
    check(Variant::Array(Box::new(Array::new(VariantScalarTypeId::ExtensionObject, values).unwrap())));
    let unit = EUInformation {
        namespace_uri: "urn:units".into(),
        unit_id: 7,
        display_name: name(),
        description: LocalizedText::null(),
    };
    check(ExtensionObject::from_message(unit));
    check(ExtensionObject::from_message(Range { low: -1.0, high: 1.0 }));
    check(ExtensionObject::null());
    let raw = ByteStringBody::new(ByteString::from(vec![1, 2, 3]), NodeId::new(3, 5001_u32));
    let read = read(&[encode(&DataValue::value_only(Variant::from(ExtensionObject::new(raw))))]).unwrap();
    let Some(Variant::ExtensionObject(object)) = &read[0].value else { panic!("{read:?}") };
    assert_eq!(object.inner_as::<ByteStringBody>().unwrap().raw_body().as_ref(), [1, 2, 3]);
}

#[test]
fn a_body_that_is_wrong_stays_as_it_is_and_one_without_its_length_is_read_by_its_type() {
    let range = u16::try_from(ObjectId::Range_Encoding_DefaultBinary as u32).unwrap();
    let object = |value: &DataValue| match &value.value {
        Some(Variant::ExtensionObject(object)) => object.clone(),
        other => panic!("{other:?}"),
    };
    for length in [0, 15, 17] {
        let read = read(&[value_only(&structure(range, &vec![0; length], true)), good(2.0)]).unwrap();
        assert_eq!(object(&read[0]).inner_as::<ByteStringBody>().unwrap().raw_body().as_ref().len(), length);
    }
    let read = read(&[value_only(&structure(range, &[0; 16], false)), good(2.0)]).unwrap();
    assert_eq!(object(&read[0]).inner_as::<Range>(), Some(&Range { low: 0.0, high: 0.0 }));
    assert_eq!(read[1].value, Some(Variant::Double(2.0)));
}

#[test]
fn text_in_another_code_page_is_read() {
    let text = counted(&LATIN_1);
    let display_name = value_only(&[&[21, 2][..], &text].concat());
    let browse_name = value_only(&[&[20, 3, 0][..], &text].concat());
    let namespaces = value_only(&[&[0x8C, 2, 0, 0, 0][..], &counted(b"urn:x"), &text].concat());
    let node = value_only(&[&[17, 3, 3, 0][..], &text].concat());
    let read = read(&[display_name, browse_name, namespaces, node, good(2.0)]).unwrap();
    let value = |position: usize| read[position].value.clone().unwrap();
    assert_eq!(value(0), Variant::from(LocalizedText { locale: UAString::null(), text: LOSSY.into() }));
    assert_eq!(value(1), Variant::from(QualifiedName::new(3, LOSSY)));
    assert_eq!(value(2), Variant::from(vec!["urn:x".to_owned(), LOSSY.to_owned()]));
    assert_eq!(value(3), Variant::from(NodeId::new(3, LOSSY)));
    assert_eq!(value(4), Variant::Double(2.0));
}

#[test]
fn names_in_a_definition_may_be_in_another_code_page() {
    let mut body = definition().encode_to_vec(&ContextOwned::default().context());
    let place = body.windows(5).position(|bytes| bytes == b"Speed").unwrap();
    body[place] = 0xFC;
    let number = u16::try_from(ObjectId::StructureDefinition_Encoding_DefaultBinary as u32).unwrap();
    let read = read(&[value_only(&structure(number, &body, true))]).unwrap();
    let Some(Variant::ExtensionObject(object)) = &read[0].value else { panic!("{read:?}") };
    let found = object.inner_as::<StructureDefinition>().unwrap();
    assert_eq!(found.fields.as_ref().unwrap()[0].name.as_ref(), "\u{FFFD}peed");
}

#[test]
fn what_cannot_be_decoded_costs_only_itself() {
    for (what, variant) in unreadable() {
        let read = read(&[good(1.0), value_only(&variant), good(2.0)]).unwrap();
        assert_eq!(read[1], DataValue { status: Some(StatusCode::BadDecodingError), ..DataValue::default() }, "{what}");
        assert_eq!(read[2].value, Some(Variant::Double(2.0)), "{what}");
    }
    for (what, variant) in lenient() {
        let read = read(&[good(1.0), value_only(&variant), good(2.0)]).unwrap();
        assert!(read[1].value.is_some() && read[1].status.is_none(), "{what}");
        assert_eq!(read[2].value, Some(Variant::Double(2.0)), "{what}");
    }
    for (what, variant) in endless() {
        assert!(read(&[good(1.0), value_only(&variant), good(2.0)]).is_err(), "{what}");
    }
}
