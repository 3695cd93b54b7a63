//! One row for each type, its extremes, and what lies just beyond them.

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::domain::{RejectReason, Timestamp};

/// Parses first, as what a number's text becomes is part of what is tested.
#[track_caller]
fn check(data_type: DataType, text: &str, expected: &TagValue) {
    let json = serde_json::from_str(text).unwrap();
    assert_eq!(scalar(&json, data_type).as_ref(), Ok(expected), "{text} as {data_type}");
}

#[track_caller]
fn check_refused(data_type: DataType, expected: RejectReason, texts: &[&str]) {
    for text in texts {
        let json = serde_json::from_str(text).unwrap();
        let error = scalar(&json, data_type).expect_err(text);
        assert_eq!(error.reason(), expected, "{text} as {data_type}: {error}");
    }
}

const ALL: [DataType; 21] = [
    DataType::Boolean,
    DataType::SByte,
    DataType::Byte,
    DataType::Int16,
    DataType::UInt16,
    DataType::Int32,
    DataType::UInt32,
    DataType::Int64,
    DataType::UInt64,
    DataType::Float,
    DataType::Double,
    DataType::String,
    DataType::DateTime,
    DataType::Guid,
    DataType::ByteString,
    DataType::XmlElement,
    DataType::NodeId,
    DataType::ExpandedNodeId,
    DataType::StatusCode,
    DataType::QualifiedName,
    DataType::LocalizedText,
];

#[test]
fn null_and_arrays_are_no_scalar_of_any_type() {
    for data_type in ALL {
        check_refused(data_type, RejectReason::WrongType, &["null", "[]", "[1]", "[\"a\"]", "{}", "{\"value\":1}"]);
    }
}

#[test]
fn a_boolean_is_true_or_false_and_nothing_else() {
    check(DataType::Boolean, "true", &TagValue::Boolean(true));
    check(DataType::Boolean, "false", &TagValue::Boolean(false));
    check_refused(DataType::Boolean, RejectReason::WrongType, &["0", "1", "\"true\"", "\"\""]);
}

#[test]
fn integers_fit_to_their_last_value() {
    check(DataType::SByte, "-128", &TagValue::SByte(i8::MIN));
    check(DataType::SByte, "127", &TagValue::SByte(i8::MAX));
    check(DataType::Byte, "255", &TagValue::Byte(u8::MAX));
    check(DataType::Int16, "-32768", &TagValue::Int16(i16::MIN));
    check(DataType::UInt16, "65535", &TagValue::UInt16(u16::MAX));
    check(DataType::Int32, "-2147483648", &TagValue::Int32(i32::MIN));
    check(DataType::UInt32, "4294967295", &TagValue::UInt32(u32::MAX));
    check(DataType::Int64, "-9223372036854775808", &TagValue::Int64(i64::MIN));
    check(DataType::Int64, "9223372036854775807", &TagValue::Int64(i64::MAX));
    check(DataType::UInt64, "18446744073709551615", &TagValue::UInt64(u64::MAX));
    check(DataType::StatusCode, "2150891520", &TagValue::StatusCode(StatusCode(0x8034_0000)));
}

#[test]
fn integers_end_where_their_type_ends() {
    let out = RejectReason::OutOfRange;
    check_refused(DataType::SByte, out, &["-129", "128", "1e300", "-1e300"]);
    check_refused(DataType::Byte, out, &["-1", "256"]);
    check_refused(DataType::Int16, out, &["-32769", "32768", "4e4"]);
    check_refused(DataType::UInt16, out, &["-1", "65536"]);
    check_refused(DataType::Int32, out, &["-2147483649", "2147483648"]);
    check_refused(DataType::UInt32, out, &["-1", "4294967296"]);
    check_refused(DataType::Int64, out, &["-9223372036854775809", "9223372036854775808", "9223372036854775807.0"]);
    check_refused(DataType::UInt64, out, &["-1", "18446744073709551616"]);
    check_refused(DataType::StatusCode, out, &["-1", "4294967296"]);
}

#[test]
fn a_whole_number_may_be_written_as_a_float() {
    check(DataType::Int16, "5.0", &TagValue::Int16(5));
    check(DataType::Int16, "1e3", &TagValue::Int16(1000));
    check(DataType::Int16, "-0.0", &TagValue::Int16(0));
    check(DataType::UInt16, "-0", &TagValue::UInt16(0));
    check(DataType::Int64, "9007199254740991.0", &TagValue::Int64((1 << 53) - 1));
    check_refused(DataType::Int64, RejectReason::OutOfRange, &["9007199254740992.0", "9007199254740993.0", "1e17"]);
    check_refused(DataType::Int16, RejectReason::WrongType, &["5.5", "1e-3", "\"5\"", "true"]);
}

#[test]
fn a_float_is_the_nearest_one_and_never_infinite() {
    check(DataType::Float, "0.1", &TagValue::Float(0.1));
    check(DataType::Float, "-3.4028235e38", &TagValue::Float(f32::MIN));
    check(DataType::Float, "16777217", &TagValue::Float(16_777_216.0));
    check(DataType::Float, "1e-45", &TagValue::Float(f32::from_bits(1)));
    check(DataType::Float, "0", &TagValue::Float(0.0));
    check_refused(DataType::Float, RejectReason::OutOfRange, &["3.5e38", "-1e39", "1e-60"]);
    check_refused(DataType::Float, RejectReason::WrongType, &["\"1\"", "\"NaN\"", "false"]);
}

#[test]
fn a_double_takes_every_number() {
    check(DataType::Double, "1.7976931348623157e308", &TagValue::Double(f64::MAX));
    check(DataType::Double, "5e-324", &TagValue::Double(f64::from_bits(1)));
    check(DataType::Double, "3", &TagValue::Double(3.0));
    check(DataType::Double, "18446744073709551615", &TagValue::Double(u64::MAX as f64));
    check_refused(DataType::Double, RejectReason::WrongType, &["\"1\"", "true"]);
}

#[test]
fn a_string_is_a_text_and_no_number_in_disguise() {
    check(DataType::String, "\"grün\\u0000\"", &TagValue::String("grün\0".into()));
    check(DataType::XmlElement, "\"<a/>\"", &TagValue::XmlElement("<a/>".into()));
    check_refused(DataType::String, RejectReason::WrongType, &["5", "true"]);
    check_refused(DataType::XmlElement, RejectReason::WrongType, &["5"]);
}

#[test]
fn a_date_time_has_an_offset_and_lies_within_opc_ua_s_years() {
    let at = |ticks| TagValue::DateTime(Timestamp::from_opcua_ticks(ticks));
    check(DataType::DateTime, "\"1601-01-01T00:00:00Z\"", &at(0));
    check(DataType::DateTime, "\"1970-01-01T01:00:00.0000001+01:00\"", &at(116_444_736_000_000_001));
    check(DataType::DateTime, "\"1970-01-01T00:00:00.000000199Z\"", &at(116_444_736_000_000_001));
    check(DataType::DateTime, "\"9999-12-31T23:59:59Z\"", &at(2_650_467_743_990_000_000));
    let out = ["\"1600-12-31T23:59:59Z\"", "\"9999-12-31T23:59:59-01:00\"", "\"0000-01-01T00:00:00Z\""];
    check_refused(DataType::DateTime, RejectReason::OutOfRange, &out);
    let wrong = ["\"2026-01-31T08:30:00\"", "\"2026-02-30T00:00:00Z\"", "\"31.1.2026\"", "1767225600000"];
    check_refused(DataType::DateTime, RejectReason::WrongType, &wrong);
}

#[test]
fn a_guid_is_kept_in_lower_case() {
    let guid = TagValue::Guid("72962b91-fa75-4ae6-8d28-b404dc7daf63".into());
    check(DataType::Guid, "\"72962B91-FA75-4AE6-8D28-B404DC7DAF63\"", &guid);
    let wrong = [
        "\"\"",
        "\"{72962B91-FA75-4AE6-8D28-B404DC7DAF63}\"",
        "\"72962B91FA754AE68D28B404DC7DAF63\"",
        "\"72962B9g-FA75-4AE6-8D28-B404DC7DAF63\"",
        "5",
    ];
    check_refused(DataType::Guid, RejectReason::WrongType, &wrong);
}

#[test]
fn a_byte_string_is_base64_with_padding() {
    check(DataType::ByteString, "\"AP8=\"", &TagValue::ByteString(Bytes::from_static(&[0, 255])));
    check(DataType::ByteString, "\"\"", &TagValue::ByteString(Bytes::new()));
    check_refused(
        DataType::ByteString,
        RejectReason::WrongType,
        &["\"AP8\"", "\"A-8=\"", "\"hello world\"", "[0,255]"],
    );
}

#[test]
fn node_ids_are_checked_as_text() {
    for text in
        ["i=0", "ns=3;i=4294967295", "ns=65535;s=a;b=c", "g=72962b91-fa75-4ae6-8d28-b404dc7daf63", "ns=1;b=AP8="]
    {
        check(DataType::NodeId, &json!(text).to_string(), &TagValue::NodeId(text.into()));
        check(DataType::ExpandedNodeId, &json!(text).to_string(), &TagValue::ExpandedNodeId(text.into()));
    }
    for text in ["nsu=urn:plant;s=Pump", "svr=1;ns=2;i=5", "svr=4294967295;nsu=urn:x;i=5"] {
        check(DataType::ExpandedNodeId, &json!(text).to_string(), &TagValue::ExpandedNodeId(text.into()));
        check_refused(DataType::NodeId, RejectReason::WrongType, &[&json!(text).to_string()]);
    }
    let wrong = [
        "\"\"",
        "\"i=+5\"",
        "\"i=4294967296\"",
        "\"ns=65536;i=5\"",
        "\"s=\"",
        "\"b=\"",
        "\"ns=;i=5\"",
        "\"nsu=;i=5\"",
        "\"Pump\"",
        "85",
    ];
    check_refused(DataType::NodeId, RejectReason::WrongType, &wrong);
    check_refused(DataType::ExpandedNodeId, RejectReason::WrongType, &wrong);
}

#[test]
fn names_and_texts_take_their_short_and_their_long_form() {
    let name = |namespace_index, name: &str| TagValue::QualifiedName { namespace_index, name: name.into() };
    check(DataType::QualifiedName, "\"Pump\"", &name(0, "Pump"));
    check(DataType::QualifiedName, r#"{"name":"Pump","namespaceIndex":3}"#, &name(3, "Pump"));
    check(DataType::QualifiedName, r#"{"name":"Pump"}"#, &name(0, "Pump"));
    let wrong = [
        r#"{"namespaceIndex":3}"#,
        r#"{"name":null}"#,
        r#"{"name":"a","ns":3}"#,
        r#"{"name":"a","namespaceIndex":"3"}"#,
    ];
    check_refused(DataType::QualifiedName, RejectReason::WrongType, &wrong);
    check_refused(DataType::QualifiedName, RejectReason::OutOfRange, &[r#"{"name":"a","namespaceIndex":65536}"#]);

    let text = |locale: Option<&str>, text: Option<&str>| TagValue::LocalizedText {
        locale: locale.map(Into::into),
        text: text.map(Into::into),
    };
    check(DataType::LocalizedText, "\"läuft\"", &text(None, Some("läuft")));
    check(DataType::LocalizedText, r#"{"locale":"de","text":"läuft"}"#, &text(Some("de"), Some("läuft")));
    check(DataType::LocalizedText, r#"{"locale":null,"text":""}"#, &text(None, Some("")));
    check_refused(DataType::LocalizedText, RejectReason::WrongType, &[r#"{"text":5}"#, r#"{"txt":"a"}"#, "5"]);
}
