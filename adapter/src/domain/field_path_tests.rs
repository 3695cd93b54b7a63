//! Tests of `field_path`.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::{DataType, value::StructureShape};

fn path(text: &str) -> FieldPath {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn structure(name: &str, members: &[(&str, TagValue)]) -> TagValue {
    let shape = StructureShape { name: name.into(), members: members.iter().map(|(name, _)| (*name).into()).collect() };
    let values = members.iter().map(|(_, value)| value.clone()).collect();
    TagValue::Structure(Box::new(StructureValue::whole(Arc::new(shape), values)))
}

fn machine() -> TagValue {
    let pressure = structure("Pressure", &[("inlet", TagValue::Double(2.5)), ("a.b", TagValue::Boolean(true))]);
    let numbers = (1..=6).map(TagValue::Int32).collect();
    let matrix = ArrayValue { element: Some(DataType::Int32), values: numbers, dimensions: vec![2, 3] };
    let list = ArrayValue::of(vec![pressure.clone(), pressure.clone()]);
    structure(
        "Machine",
        &[
            ("pressure", pressure),
            ("matrix", TagValue::Array(Box::new(matrix))),
            ("list", TagValue::Array(Box::new(list))),
        ],
    )
}

#[test]
fn members_and_elements_are_found() {
    let check = |text: &str, expected: TagValue| assert_eq!(path(text).pick(machine()), Ok(expected), "{text}");
    check("pressure.inlet", TagValue::Double(2.5));
    check("list[1].inlet", TagValue::Double(2.5));
    check("pressure.\"a.b\"", TagValue::Boolean(true));
    check("matrix[1][2]", TagValue::Int32(6));
    let row = vec![TagValue::Int32(4), TagValue::Int32(5), TagValue::Int32(6)];
    check("matrix[1]", TagValue::Array(Box::new(ArrayValue::of(row))));
    assert_eq!(
        path("[0]").pick(TagValue::Array(Box::new(ArrayValue::of(vec![TagValue::Byte(7)])))),
        Ok(TagValue::Byte(7))
    );
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let check = |text: &str, expected: &str| {
        assert_eq!(path(text).pick(machine()).unwrap_err().to_string(), expected, "{text}");
    };
    check("pressure.outlet", "`Pressure` has no member `outlet`; it has inlet, a.b");
    check("list[2]", "the array has 2 elements, and [2] is not among them");
    check("matrix[2]", "the array has 2 elements, and [2] is not among them");
    check("list.inlet", "`inlet` is a member of a structure, and an array is there");
    check("pressure[0]", "[0] is an element of an array, and a structure `Pressure` is there");
    check("pressure.inlet.x", "`x` is a member of a structure, and a Double is there");
}

#[test]
fn null_and_absent_members_are_null_without_being_missing() {
    assert_eq!(path("a.b").pick(TagValue::Null), Ok(TagValue::Null));
    let TagValue::Structure(mut optional) = machine() else { panic!("no structure") };
    optional.members.remove(0);
    let value = TagValue::Structure(optional);
    assert_eq!(path("pressure.inlet").pick(value.clone()), Ok(TagValue::Null));
    assert_eq!(path("matrix[0][0]").pick(value), Ok(TagValue::Int32(1)));
}

#[test]
fn a_text_that_is_no_path_is_explained() {
    let check = |text: &str, expected: &str| {
        assert_eq!(text.parse::<FieldPath>().unwrap_err().to_string(), expected, "{text}");
    };
    check("", "a member's name is due at its beginning");
    check("a..b", "a member's name is due after 2 bytes");
    check("a.", "a member's name is due after 2 bytes");
    check("a[x]", "an element is written as `[0]`, `[1]` and so on; that is not what stands after 1 bytes");
    check("a[-1]", "an element is written as `[0]`, `[1]` and so on; that is not what stands after 1 bytes");
    check("a[99999999999]", "an element is written as `[0]`, `[1]` and so on; that is not what stands after 1 bytes");
    check("\"a", "the quotation mark at its beginning is not closed");
    check("a[0]b", "a member's name is due after 4 bytes");
    check("a.[0]", "a member's name is due after 2 bytes");
    check(&format!("{}a", "a.".repeat(16)), "it has more than 16 steps");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_what_was_read_survives_its_own_text(text in "[a-c.\"\\[\\]0-9ü ]{0,24}") {
        if let Ok(path) = text.parse::<FieldPath>() {
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }
}
