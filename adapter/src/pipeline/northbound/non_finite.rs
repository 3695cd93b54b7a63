//! `metadata.number`: what the numbers are that JSON cannot say and that stand as null in the value.

use super::value_json::write_json;
use crate::domain::{TagValue, field_path::member_text};

/// Numbers within arrays and structures that are named; more are only null.
const MAX_NAMED: usize = 100;

/// Appends `,"number":"NaN"` for a number, and for an array or structure an object with the way to each:
/// `,"number":{"[1]":"NaN","limits.high":"Infinity"}`. Nothing where all numbers are finite.
pub(super) fn write_non_finite(out: &mut Vec<u8>, value: &TagValue) {
    if let Some(name) = name_of(value) {
        out.extend_from_slice(b",\"number\":");
        write_json(out, name);
    } else if matches!(value, TagValue::Array(_) | TagValue::Structure(_)) {
        let mut list = List { out, path: String::new(), named: 0 };
        list.visit(value);
        if list.named > 0 {
            out.push(b'}');
        }
    }
}

/// `NaN`, `Infinity` or `-Infinity`.
pub fn name_of(value: &TagValue) -> Option<&'static str> {
    let number = match *value {
        TagValue::Float(value) => f64::from(value),
        TagValue::Double(value) => value,
        _ => return None,
    };
    match number {
        number if number.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

struct List<'a> {
    out: &'a mut Vec<u8>,
    /// As `field:` writes it.
    path: String,
    named: usize,
}

impl List<'_> {
    fn visit(&mut self, value: &TagValue) {
        if self.named == MAX_NAMED {
            return;
        }
        match value {
            TagValue::Array(array) => {
                let lengths = array.matrix().unwrap_or_else(|| vec![array.values.len()]);
                for (index, element) in array.values.iter().enumerate() {
                    if has_numbers(element) {
                        self.below(|path| push_indices(path, index, &lengths), element);
                    }
                }
            }
            TagValue::Structure(structure) => {
                for (name, member) in structure.iter().filter(|(_, member)| has_numbers(member)) {
                    let push = |path: &mut String| {
                        if !path.is_empty() {
                            path.push('.');
                        }
                        path.push_str(&member_text(name));
                    };
                    self.below(push, member);
                }
            }
            number => self.name(number),
        }
    }

    fn below(&mut self, push: impl FnOnce(&mut String), value: &TagValue) {
        let length = self.path.len();
        push(&mut self.path);
        self.visit(value);
        self.path.truncate(length);
    }

    fn name(&mut self, number: &TagValue) {
        let Some(name) = name_of(number) else { return };
        self.out.extend_from_slice(if self.named == 0 { b",\"number\":{" } else { b"," });
        self.named += 1;
        write_json(self.out, &*self.path);
        self.out.push(b':');
        write_json(self.out, name);
    }
}

/// Whether it is worth a look: finite numbers and texts need no path.
fn has_numbers(value: &TagValue) -> bool {
    matches!(value, TagValue::Array(_) | TagValue::Structure(_)) || name_of(value).is_some()
}

/// `[1]`, or `[1][2]` for an element of a matrix.
fn push_indices(path: &mut String, index: usize, lengths: &[usize]) {
    let mut stride = lengths.iter().product::<usize>().max(1);
    let mut rest = index;
    for length in lengths {
        stride = (stride / (*length).max(1)).max(1);
        path.push('[');
        path.push_str(&(rest / stride).to_string());
        path.push(']');
        rest %= stride;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{
        DataType,
        value::{ArrayValue, StructureShape, StructureValue},
    };

    fn check(value: &TagValue, expected: &str) {
        let mut out = Vec::new();
        write_non_finite(&mut out, value);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{value:?}");
    }

    fn doubles(values: &[f64], dimensions: Vec<u32>) -> TagValue {
        let values = values.iter().copied().map(TagValue::Double).collect();
        TagValue::Array(Box::new(ArrayValue { element: Some(DataType::Double), values, dimensions }))
    }

    #[test]
    fn a_number_is_named() {
        check(&TagValue::Float(f32::NEG_INFINITY), r#","number":"-Infinity""#);
        check(&TagValue::Double(f64::NAN), r#","number":"NaN""#);
        check(&TagValue::Double(1.0), "");
        check(&TagValue::String("NaN".into()), "");
    }

    #[test]
    fn elements_are_named_with_their_place() {
        check(&doubles(&[1.0, f64::NAN], vec![]), r#","number":{"[1]":"NaN"}"#);
        check(
            &doubles(&[f64::INFINITY, 1.0, 2.0, 3.0, 4.0, f64::NAN], vec![2, 3]),
            r#","number":{"[0][0]":"Infinity","[1][2]":"NaN"}"#,
        );
        check(&doubles(&[1.0, 2.0], vec![]), "");
    }

    #[test]
    fn members_are_named_with_their_way() {
        let shape = Arc::new(StructureShape { name: "S".into(), members: ["a.b".into(), "list".into()].into() });
        let inner = vec![TagValue::Double(f64::NAN), doubles(&[f64::NAN], vec![])];
        let inner = TagValue::Structure(Box::new(StructureValue::whole(Arc::clone(&shape), inner)));
        let outer = vec![TagValue::Int16(1), TagValue::Array(Box::new(ArrayValue::of(vec![inner])))];
        let outer = TagValue::Structure(Box::new(StructureValue::whole(shape, outer)));
        check(&outer, r#","number":{"list[0].\"a.b\"":"NaN","list[0].list[0]":"NaN"}"#);
    }

    #[test]
    fn their_number_is_bounded() {
        let mut out = Vec::new();
        write_non_finite(&mut out, &doubles(&[f64::NAN; 1000], vec![]));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("NaN").count(), MAX_NAMED);
        assert!(text.ends_with('}'));
    }
}
