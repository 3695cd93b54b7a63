//! Tests of `raw`: whatever one value is, those around it are right.

use super::*;
use crate::domain::{DataType, value::ArrayValue};
use crate::opcua::value::{
    attributes::{data_values, raw_values},
    reader::Bodies,
    test_support::{LATIN_1, LOSSY, counted, endless, good, lenient, matrix, structure, unreadable, value_only},
};

fn read(bytes: Vec<u8>) -> Result<RawValue, Malformed> {
    let body = Bytes::from(bytes);
    let mut reader = Reader::new(&body);
    let value = RawValue::read(&mut reader, &body)?;
    assert_eq!(reader.end(), Ok(()));
    Ok(value)
}

/// The value of a Variant that is the only thing there is.
#[track_caller]
fn wire(variant: &[u8]) -> Wire {
    read(value_only(variant)).unwrap().value
}

fn plain(variant: &[u8]) -> TagValue {
    let Wire::Plain(value) = wire(variant) else { panic!("{:?}", wire(variant)) };
    value
}

/// This value between two good ones.
fn between(value: Vec<u8>) -> Result<Vec<RawValue>, (Vec<RawValue>, Malformed)> {
    let body = Bytes::from([3_i32.to_le_bytes().to_vec(), good(1.0), value, good(2.0)].concat());
    raw_values(&mut Reader::new(&body), &body, 3)
}

#[track_caller]
fn check_good(value: &RawValue, number: f64) {
    let expected = RawValue {
        value: Wire::Plain(TagValue::Double(number)),
        status: StatusCode(0x4096_0000),
        source_timestamp: Some(Timestamp::from_opcua_ticks(134_398_709_210_823_571)),
        server_timestamp: Some(Timestamp::from_opcua_ticks(134_398_709_210_823_572)),
        is_lossy: false,
    };
    assert_eq!(value, &expected);
}

fn doubles(values: &[f64], dimensions: &[u32]) -> TagValue {
    let values = values.iter().copied().map(TagValue::Double).collect();
    TagValue::Array(Box::new(ArrayValue { element: Some(DataType::Double), values, dimensions: dimensions.to_vec() }))
}

#[test]
fn a_value_comes_with_its_status_and_times() {
    check_good(&read(good(1.5)).unwrap(), 1.5);
    let nothing = read(vec![0]).unwrap();
    assert_eq!((nothing.value, nothing.status), (Wire::Plain(TagValue::Null), StatusCode::GOOD));
    assert_eq!((nothing.source_timestamp, nothing.server_timestamp), (None, None));
}

#[test]
fn what_cannot_be_decoded_costs_no_other_value() {
    for (what, variant) in unreadable() {
        assert!(matches!(wire(&variant), Wire::Unreadable(_)), "{what}: {:?}", wire(&variant));
        let values = between(value_only(&variant)).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        check_good(&values[0], 1.0);
        assert!(matches!(values[1].value, Wire::Unreadable(_)), "{what}");
        assert_eq!(values[1].status, StatusCode::GOOD, "{what}: the status is what was sent");
        check_good(&values[2], 2.0);
    }
}

#[test]
fn what_has_no_end_costs_what_stands_behind_it_and_nothing_before_it() {
    for (what, variant) in endless() {
        assert!(read(value_only(&variant)).is_err(), "{what}");
        let Err((values, malformed)) = between(value_only(&variant)) else { panic!("{what}") };
        assert_eq!(values.len(), 2, "{what}");
        check_good(&values[0], 1.0);
        assert_eq!(values[1], RawValue::unreadable(malformed), "{what}");
    }
}

#[test]
fn what_is_odd_has_a_value_all_the_same() {
    let expected = [
        doubles(&[], &[]),
        doubles(&[], &[]),
        doubles(&[], &[]),
        TagValue::Null,
        TagValue::Null,
        TagValue::Boolean(true),
    ];
    for ((what, variant), expected) in lenient().into_iter().zip(expected) {
        assert_eq!(plain(&variant), expected, "{what}");
        let values = between(value_only(&variant)).unwrap();
        assert_eq!(values[1].value, Wire::Plain(expected), "{what}");
        check_good(&values[2], 2.0);
    }
}

#[test]
fn text_in_another_code_page_is_a_value_and_says_so() {
    let text = counted(&LATIN_1);
    let string = TagValue::String(LOSSY.into());
    let list = |values| {
        TagValue::Array(Box::new(ArrayValue { element: Some(DataType::String), values, dimensions: Vec::new() }))
    };
    let all = [
        (vec![12], string.clone()),
        (vec![16], TagValue::XmlElement(LOSSY.into())),
        (vec![20, 3, 0], TagValue::QualifiedName { namespace_index: 3, name: LOSSY.into() }),
        (vec![21, 2], TagValue::LocalizedText { locale: None, text: Some(LOSSY.into()) }),
        (vec![17, 3, 3, 0], TagValue::NodeId(format!("ns=3;s={LOSSY}").into())),
        (vec![18, 3, 3, 0], TagValue::ExpandedNodeId(format!("ns=3;s={LOSSY}").into())),
        (vec![0x8C, 1, 0, 0, 0], list(vec![string.clone()])),
        (vec![0x8C, 2, 0, 0, 0, 0, 0, 0, 0], list(vec![TagValue::String("".into()), string.clone()])),
        (vec![24, 12], string),
    ];
    for (front, expected) in all {
        let variant = [front, text.clone()].concat();
        let values = between(value_only(&variant)).unwrap();
        check_good(&values[0], 1.0);
        assert_eq!((&values[1].value, values[1].is_lossy), (&Wire::Plain(expected), true));
        check_good(&values[2], 2.0);
    }
    // A character that is cut in the middle.
    assert_eq!(plain(&[&[12][..], &counted(&"Stö".as_bytes()[..3])].concat()), TagValue::String("St\u{FFFD}".into()));
}

#[test]
fn matrices_keep_their_dimensions() {
    let numbers = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    assert_eq!(plain(&matrix(&numbers, &[2, 3])), doubles(&numbers, &[2, 3]));
    assert_eq!(plain(&matrix(&numbers, &[6])), doubles(&numbers, &[]), "one dimension says no more than the length");
    assert_eq!(plain(&matrix(&numbers, &[])), doubles(&numbers, &[]));
    let null = [&matrix(&numbers, &[])[..53], &[0xFF; 4]].concat();
    assert_eq!(plain(&null), doubles(&numbers, &[]));
}

#[test]
fn booleans_are_true_for_any_byte_but_0() {
    for (byte, expected) in [(0, false), (1, true), (2, true), (255, true)] {
        assert_eq!(plain(&[1, byte]), TagValue::Boolean(expected));
        let list = TagValue::Array(Box::new(ArrayValue::of(vec![TagValue::Boolean(expected)])));
        assert_eq!(plain(&[0x81, 1, 0, 0, 0, byte]), list);
    }
}

#[test]
fn large_byte_strings_are_values_like_any_other() {
    let large = vec![7; 17 * 1024 * 1024];
    let values = between(value_only(&[&[15][..], &counted(&large)].concat())).unwrap();
    assert_eq!(values[1].value, Wire::Plain(TagValue::ByteString(Bytes::from(large))));
    check_good(&values[2], 2.0);
}

#[test]
fn more_elements_than_are_taken_cost_only_themselves() {
    let many = vec![1; 9 * 1024 * 1024];
    let variant = [&[0x83][..], &counted(&many)].concat();
    let values = between(value_only(&variant)).unwrap();
    assert_eq!(values[1].value, Wire::Unreadable(Malformed::TooMany));
    check_good(&values[2], 2.0);
}

#[test]
fn times_outside_the_calendar_are_none_and_values_stay_within_it() {
    for ticks in [0, -1, i64::MIN, 2_650_467_743_990_000_000, 2_650_467_744_000_000_000, i64::MAX] {
        let times = read([&[0x0C][..], &ticks.to_le_bytes(), &ticks.to_le_bytes()].concat()).unwrap();
        assert_eq!((times.source_timestamp, times.server_timestamp), (None, None));
        let clamped = Timestamp::from_opcua_ticks(ticks.clamp(0, 2_650_467_743_990_000_000));
        assert_eq!(plain(&[&[13][..], &ticks.to_le_bytes()].concat()), TagValue::DateTime(clamped));
        let list = TagValue::Array(Box::new(ArrayValue::of(vec![TagValue::DateTime(clamped)])));
        assert_eq!(plain(&[&[0x8D, 1, 0, 0, 0][..], &ticks.to_le_bytes()].concat()), list);
    }
}

#[test]
fn what_needs_types_is_left_as_it_is_with_its_whole_variant() {
    let diagnostics = [&[25][..], &[0x40; 500], &[0]].concat();
    let all = [
        structure(5001, &[1, 2, 3], true),
        [&[0x96, 2, 0, 0, 0][..], &structure(1, &[9], true)[1..], &[0, 0, 0]].concat(),
        vec![23, 0x01, 6, 1, 0, 0, 0],
        diagnostics,
        // An array of Variants, of which one is a structure.
        [&[0x98, 2, 0, 0, 0, 1, 1][..], &structure(1, &[], true)].concat(),
        // XML, and no body at all.
        [&[22, 0, 9, 2][..], &counted(b"<a/>")].concat(),
        vec![22, 0, 0, 0],
        [&[22, 0, 0, 1][..], &[0xFF; 4]].concat(),
    ];
    for variant in all {
        let values = between(value_only(&variant)).unwrap();
        assert_eq!(values[1].value, Wire::Encoded(Bytes::from(variant)));
        check_good(&values[2], 2.0);
    }
}

#[test]
fn what_is_left_as_it_is_shares_the_memory_of_the_message_until_it_is_detached() {
    let body = Bytes::from(value_only(&structure(5001, &[1, 2, 3], true)));
    let whole = body.as_ptr_range();
    let value = RawValue::read(&mut Reader::new(&body), &body).unwrap().value;
    let is_shared = |wire: &Wire| matches!(wire, Wire::Encoded(bytes) if whole.contains(&bytes.as_ptr()));
    assert!(is_shared(&value));
    let detached = value.clone().detached();
    assert!(!is_shared(&detached));
    assert_eq!(detached, value);
    // A reader of other bytes than the body is no reason for a panic.
    let other = RawValue::read(&mut Reader::new(&body), &Bytes::new()).unwrap().value;
    assert_eq!(other, value);
}

#[test]
fn a_structure_without_its_length_is_read_by_its_type() {
    struct ThreeBytes;
    impl Bodies for ThreeBytes {
        fn pass(&self, encoding: &opcua::types::NodeId, reader: &mut Reader<'_>) -> Option<Result<(), Malformed>> {
            (*encoding == opcua::types::NodeId::new(0, 5001_u32)).then(|| reader.bytes(3).map(drop))
        }
    }
    let read = |encoding| {
        let variant = structure(encoding, &[1, 2, 3], false);
        let body = Bytes::from([&2_i32.to_le_bytes()[..], &value_only(&variant), &good(2.0)].concat());
        (variant, raw_values(&mut Reader::new(&body).knowing(&ThreeBytes), &body, 2))
    };
    let (variant, values) = read(5001);
    let values = values.unwrap();
    assert_eq!(values[0].value, Wire::Encoded(Bytes::from(variant)));
    check_good(&values[1], 2.0);
    assert!(read(5002).1.is_err());
}

#[test]
fn no_more_results_are_read_than_were_asked_for() {
    let body = Bytes::from([&1_000_i32.to_le_bytes()[..], &[0; 1_000]].concat());
    assert_eq!(raw_values(&mut Reader::new(&body), &body, 2).map(|values| values.len()), Ok(2));
    assert_eq!(data_values(&mut Reader::new(&body), 2).map(|values| values.len()), Ok(2));
}

#[test]
fn what_ends_too_early_is_no_value() {
    let whole = good(1.0);
    for length in 0..whole.len() {
        assert_eq!(read(whole[..length].to_vec()), Err(Malformed::Short { length }));
    }
}
