//! The JSON form of a value: HiveMQ Edge's shape per OPC UA type where that is sound.
//!
//! Different from Edge on purpose: NaN and infinities are null (the metadata says which), matrices are nested arrays,
//! NodeIds are their text form, an enumeration is the same number wherever it stands, and a structure that could not be
//! decoded is flagged.

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use crate::{
    domain::{
        StatusCode, TagValue, Timestamp,
        value::{ArrayValue, StructureValue},
    },
    opcua::status_symbol,
};

/// Appends the JSON form of `value`.
pub fn write_value(out: &mut Vec<u8>, value: &TagValue) {
    match value {
        TagValue::Null => out.extend_from_slice(b"null"),
        TagValue::Boolean(value) => write_json(out, value),
        TagValue::SByte(value) => write_json(out, value),
        TagValue::Byte(value) => write_json(out, value),
        TagValue::Int16(value) => write_json(out, value),
        TagValue::UInt16(value) => write_json(out, value),
        TagValue::Int32(value) => write_json(out, value),
        TagValue::UInt32(value) => write_json(out, value),
        TagValue::Int64(value) => write_json(out, value),
        TagValue::UInt64(value) => write_json(out, value),
        // serde_json writes null for what is not finite.
        TagValue::Float(value) => write_json(out, value),
        TagValue::Double(value) => write_json(out, value),
        TagValue::String(text)
        | TagValue::Guid(text)
        | TagValue::XmlElement(text)
        | TagValue::NodeId(text)
        | TagValue::ExpandedNodeId(text) => write_json(out, text),
        TagValue::DateTime(time) => write_date_time(out, *time),
        TagValue::ByteString(bytes) => write_base64(out, bytes),
        TagValue::StatusCode(status) => write_status_code(out, *status),
        TagValue::QualifiedName { namespace_index, name } => {
            out.extend_from_slice(b"{\"name\":");
            write_json(out, name);
            if *namespace_index > 0 {
                out.extend_from_slice(b",\"namespaceIndex\":");
                write_json(out, namespace_index);
            }
            out.push(b'}');
        }
        TagValue::LocalizedText { locale, text } => {
            out.extend_from_slice(b"{\"locale\":");
            write_json(out, locale);
            out.extend_from_slice(b",\"text\":");
            write_json(out, text);
            out.push(b'}');
        }
        TagValue::Enumeration { name, .. } => write_json(out, &**name),
        TagValue::Structure(structure) => write_structure(out, structure),
        TagValue::Opaque(opaque) => write_base64(out, &opaque.body),
        TagValue::Array(array) => write_array(out, array),
    }
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    write_json(out, &format_args!("{}", Base64Display::new(bytes, &STANDARD)));
}

/// An object of the members that are there.
fn write_structure(out: &mut Vec<u8>, structure: &StructureValue) {
    out.push(b'{');
    for (index, (name, value)) in structure.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_json(out, name);
        out.push(b':');
        write_value(out, value);
    }
    out.push(b'}');
}

/// Appends `{"code":…,"symbol":"…"}`.
pub fn write_status_code(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"{\"code\":");
    write_json(out, &status.0);
    out.extend_from_slice(b",\"symbol\":");
    write_json(out, &status_symbol(status));
    out.push(b'}');
}

/// Appends anything that serialises without failing: numbers, text, options of them.
pub fn write_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("numbers and text always have a JSON form and a Vec takes all bytes");
}

/// ISO 8601 in UTC with as many fractional digits as the value needs (0, 3, 6 or 9).
fn write_date_time(out: &mut Vec<u8>, time: Timestamp) {
    let micros = time.unix_micros();
    let nanos = u32::try_from(time.opcua_ticks().rem_euclid(10_000_000) * 100).expect("below one second");
    match DateTime::from_timestamp(micros.div_euclid(1_000_000), nanos) {
        Some(date) => write_json(out, &date.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_array(out: &mut Vec<u8>, array: &ArrayValue) {
    match array.matrix() {
        Some(lengths) => write_dimension(out, &array.values, &lengths),
        None => write_list(out, &array.values, write_value),
    }
}

fn write_dimension(out: &mut Vec<u8>, values: &[TagValue], dimensions: &[usize]) {
    let Some((_, inner)) = dimensions.split_first().filter(|(_, inner)| !inner.is_empty()) else {
        return write_list(out, values, write_value);
    };
    let stride = inner.iter().product::<usize>().max(1);
    let rows: Vec<&[TagValue]> = values.chunks(stride).collect();
    write_list(out, &rows, |out, row| write_dimension(out, row, inner));
}

fn write_list<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::domain::{
        DataType,
        value::{OpaqueValue, StructureShape},
    };

    fn check(value: &TagValue, expected: &str) {
        let mut out = Vec::new();
        write_value(&mut out, value);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{value:?}");
    }

    fn array(element: DataType, values: Vec<TagValue>, dimensions: Vec<u32>) -> TagValue {
        TagValue::Array(Box::new(ArrayValue { element: Some(element), values, dimensions }))
    }

    #[test]
    fn numbers_keep_their_full_precision() {
        check(&TagValue::Int64(-9_007_199_254_740_993), "-9007199254740993");
        check(&TagValue::UInt64(u64::MAX), "18446744073709551615");
        check(&TagValue::Float(0.1), "0.1");
        check(&TagValue::Double(0.1), "0.1");
        check(&TagValue::Double(5.0), "5.0");
        check(&TagValue::Byte(255), "255");
    }

    #[test]
    fn what_is_not_finite_is_null() {
        check(&TagValue::Double(f64::NAN), "null");
        check(&TagValue::Float(f32::INFINITY), "null");
    }

    #[test]
    fn text_is_escaped() {
        check(&TagValue::String("grün \"q\" \n".into()), r#""grün \"q\" \n""#);
    }

    #[test]
    fn dates_are_iso_8601_with_the_digits_they_need() {
        // 2026-01-02T03:04:05Z in Unix milliseconds.
        let second = 1_767_323_045_000;
        let with_ticks = |ticks| {
            TagValue::DateTime(Timestamp::from_opcua_ticks(Timestamp::from_unix_millis(second).opcua_ticks() + ticks))
        };
        check(&with_ticks(0), "\"2026-01-02T03:04:05Z\"");
        check(&with_ticks(1_234_560), "\"2026-01-02T03:04:05.123456Z\"");
        check(&with_ticks(1), "\"2026-01-02T03:04:05.000000100Z\"");
        check(&TagValue::DateTime(Timestamp::from_opcua_ticks(0)), "\"1601-01-01T00:00:00Z\"");
        check(&TagValue::DateTime(Timestamp::from_opcua_ticks(-1)), "\"1600-12-31T23:59:59.999999900Z\"");
    }

    #[test]
    fn structured_scalars_have_edges_keys() {
        check(&TagValue::ByteString(Bytes::from_static(&[0, 1, 255])), "\"AAH/\"");
        check(
            &TagValue::LocalizedText { locale: Some("de".into()), text: Some("Hallo".into()) },
            r#"{"locale":"de","text":"Hallo"}"#,
        );
        check(
            &TagValue::QualifiedName { namespace_index: 2, name: "name".into() },
            r#"{"name":"name","namespaceIndex":2}"#,
        );
        check(&TagValue::QualifiedName { namespace_index: 0, name: "name".into() }, r#"{"name":"name"}"#);
        check(&TagValue::StatusCode(StatusCode(0x808C_0000)), r#"{"code":2156658688,"symbol":"BadSensorFailure"}"#);
        check(&TagValue::NodeId("ns=2;s=abc".into()), r#""ns=2;s=abc""#);
    }

    #[test]
    fn matrices_are_nested_arrays() {
        let numbers = (1..=6).map(TagValue::Int32).collect::<Vec<_>>();
        check(&array(DataType::Int32, numbers.clone(), vec![2, 3]), "[[1,2,3],[4,5,6]]");
        check(&array(DataType::Int32, numbers.clone(), vec![1, 2, 3]), "[[[1,2,3],[4,5,6]]]");
        check(&array(DataType::Int32, numbers, vec![]), "[1,2,3,4,5,6]");
        check(&array(DataType::Double, vec![TagValue::Double(1.5), TagValue::Double(f64::NAN)], vec![]), "[1.5,null]");
        check(&array(DataType::Double, vec![], vec![0, 3]), "[]");
    }

    #[test]
    fn dimensions_that_do_not_fit_the_elements_are_left_out() {
        let numbers = (1..=2).map(TagValue::Int32).collect::<Vec<_>>();
        check(&array(DataType::Int32, numbers.clone(), vec![2, 2]), "[1,2]");
        check(&array(DataType::Int32, numbers, vec![u32::MAX; 3]), "[1,2]");
        check(&array(DataType::Int32, vec![], vec![0, u32::MAX, u32::MAX, u32::MAX]), "[]");
    }

    fn structure(members: Vec<(&str, TagValue)>) -> TagValue {
        let names = members.iter().map(|(name, _)| (*name).into()).collect();
        let shape = Arc::new(StructureShape { name: "Probe".into(), members: names });
        let values = members.into_iter().map(|(_, value)| value).collect();
        TagValue::Structure(Box::new(StructureValue::whole(shape, values)))
    }

    #[test]
    fn a_structure_is_an_object_of_its_members() {
        let inner = structure(vec![("Cnt", TagValue::Int16(7)), ("at \"q\"", TagValue::Double(f64::NAN))]);
        let list = TagValue::Array(Box::new(ArrayValue::of(vec![inner.clone(), inner.clone()])));
        check(
            &structure(vec![("Speed", TagValue::Float(1.5)), ("Inner", inner), ("List", list)]),
            r#"{"Speed":1.5,"Inner":{"Cnt":7,"at \"q\"":null},"List":[{"Cnt":7,"at \"q\"":null},{"Cnt":7,"at \"q\"":null}]}"#,
        );
        check(&structure(Vec::new()), "{}");
    }

    #[test]
    fn an_absent_member_is_left_out() {
        let TagValue::Structure(mut optional) = structure(vec![("a", TagValue::Byte(1)), ("b", TagValue::Byte(2))])
        else {
            panic!("no structure")
        };
        optional.members.remove(0);
        check(&TagValue::Structure(optional), r#"{"b":2}"#);
    }

    #[test]
    fn names_of_enumerations_mixed_arrays_and_opaque_bodies_have_a_form() {
        check(&TagValue::Enumeration { number: 2, name: "Running".into() }, "\"Running\"");
        let mixed = vec![TagValue::Int16(1), TagValue::String("a".into()), TagValue::Null];
        check(&TagValue::Array(Box::new(ArrayValue::of(mixed))), r#"[1,"a",null]"#);
        let opaque = OpaqueValue { encoding: "ns=2;i=5".into(), body: Bytes::from_static(&[0, 1, 255]) };
        check(&TagValue::Opaque(Box::new(opaque)), "\"AAH/\"");
    }
}
