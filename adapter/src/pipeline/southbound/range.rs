//! The mapping's `range`, held against the value as the node will have it.

use std::fmt;

use super::answer::Rejection;
use crate::{
    config::effective::Range,
    domain::{DataType, RejectReason, TagValue},
};

/// Why no value of this type can be within `range`; `None` where one can, and without a range.
pub fn misfit(range: Range, data_type: DataType) -> Option<String> {
    if range == Range::default() {
        return None;
    }
    let Some((least, most)) = limits(data_type) else {
        return Some(format!(
            "the mapping has a `range` and the node is of the type {data_type}, which is no number; take the range away"
        ));
    };
    let (min, max) = (range.min.unwrap_or(least), range.max.unwrap_or(most));
    (max < least || min > most).then(|| {
        format!("no {data_type} is within the mapping's `range` ({min} to {max}); its values are {least} to {most}")
    })
}

#[expect(clippy::cast_precision_loss, reason = "the ends of 64-bit types to the nearest Double, as a range has them")]
fn limits(data_type: DataType) -> Option<(f64, f64)> {
    Some(match data_type {
        DataType::SByte => (i8::MIN.into(), i8::MAX.into()),
        DataType::Byte => (u8::MIN.into(), u8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::UInt16 => (u16::MIN.into(), u16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::UInt32 => (u32::MIN.into(), u32::MAX.into()),
        DataType::Int64 => (i64::MIN as f64, i64::MAX as f64),
        DataType::UInt64 => (0.0, u64::MAX as f64),
        DataType::Float => (f32::MIN.into(), f32::MAX.into()),
        DataType::Double => (f64::MIN, f64::MAX),
        _ => return None,
    })
}

/// Whether one of these ranges allows the value, as that of one mapping is enough.
///
/// # Errors
/// Why the first does not, in a sentence.
pub fn allow(value: &TagValue, ranges: &[Range]) -> Result<(), String> {
    let mut refused = ranges.iter().map_while(|range| check(value, *range).err());
    match refused.next() {
        Some(first) if refused.count() + 1 == ranges.len() => Err(first.message),
        _ => Ok(()),
    }
}

/// Refuses what lies outside `range`; with a range, only numbers and arrays of them can be written.
pub(super) fn check(value: &TagValue, range: Range) -> Result<(), Rejection> {
    if range == Range::default() {
        return Ok(());
    }
    match value {
        TagValue::Array(array) => array.values.iter().try_for_each(|element| check(element, range)),
        scalar => check_scalar(scalar, range),
    }
}

fn check_scalar(value: &TagValue, range: Range) -> Result<(), Rejection> {
    let Some(number) = Number::of(value) else {
        let message = "the mapping has a `range` and the node is no number; take the range away to write it";
        return Err(Rejection::new(RejectReason::WrongType, message));
    };
    if let Some(min) = range.min.filter(|&min| number.is_below(min)) {
        let message = format!("{number} is below the mapping's range, at least {min} is allowed");
        return Err(Rejection::new(RejectReason::OutOfRange, message));
    }
    if let Some(max) = range.max.filter(|&max| number.is_above(max)) {
        let message = format!("{number} is above the mapping's range, at most {max} is allowed");
        return Err(Rejection::new(RejectReason::OutOfRange, message));
    }
    Ok(())
}

/// Compared in full: a 64-bit integer is not rounded to a Double, and the ends of a Float's range are Floats too, so
/// that 0.1 is within a range that ends at 0.1.
#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    Float(f32),
    Double(f64),
}

#[expect(clippy::cast_possible_truncation, reason = "whole and saturating for integers, the nearest Float for Floats")]
impl Number {
    fn of(value: &TagValue) -> Option<Self> {
        Some(match *value {
            TagValue::SByte(value) => Self::Integer(value.into()),
            TagValue::Byte(value) => Self::Integer(value.into()),
            TagValue::Int16(value) => Self::Integer(value.into()),
            TagValue::UInt16(value) => Self::Integer(value.into()),
            TagValue::Int32(value) => Self::Integer(value.into()),
            TagValue::UInt32(value) => Self::Integer(value.into()),
            TagValue::Int64(value) => Self::Integer(value.into()),
            TagValue::UInt64(value) => Self::Integer(value.into()),
            TagValue::Float(value) => Self::Float(value),
            TagValue::Double(value) => Self::Double(value),
            _ => return None,
        })
    }

    fn is_below(self, min: f64) -> bool {
        match self {
            Self::Integer(value) => value < min.ceil() as i128,
            Self::Float(value) => value < min as f32,
            Self::Double(value) => value < min,
        }
    }

    fn is_above(self, max: f64) -> bool {
        match self {
            Self::Integer(value) => value > max.floor() as i128,
            Self::Float(value) => value > max as f32,
            Self::Double(value) => value > max,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(formatter),
            Self::Float(value) => value.fmt(formatter),
            Self::Double(value) => value.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::value::ArrayValue;

    #[track_caller]
    fn expect(value: &TagValue, min: Option<f64>, max: Option<f64>, expected: Option<RejectReason>) {
        let checked = check(value, Range { min, max });
        assert_eq!(checked.err().map(|rejection| rejection.reason), expected, "{value:?} in {min:?} to {max:?}");
    }

    #[test]
    fn both_ends_belong_to_the_range() {
        let out = Some(RejectReason::OutOfRange);
        expect(&TagValue::Int16(0), Some(0.0), Some(3000.0), None);
        expect(&TagValue::Int16(3000), Some(0.0), Some(3000.0), None);
        expect(&TagValue::Int16(3001), Some(0.0), Some(3000.0), out);
        expect(&TagValue::Int16(-1), Some(0.0), None, out);
        expect(&TagValue::Int16(2), Some(1.5), Some(2.5), None);
        expect(&TagValue::Int16(1), Some(1.5), None, out);
        expect(&TagValue::Int16(3), None, Some(2.5), out);
        expect(&TagValue::Double(0.1), Some(0.1), Some(0.1), None);
        expect(&TagValue::Double(0.100_000_000_000_000_1), None, Some(0.1), out);
    }

    #[test]
    fn a_range_that_no_value_of_the_type_meets_is_told() {
        let of = |min, max, data_type| misfit(Range { min, max }, data_type);
        assert!(of(Some(0.0), Some(5.0), DataType::String).unwrap().contains("String"));
        assert!(of(Some(300.0), Some(500.0), DataType::Byte).unwrap().contains("0 to 255"));
        assert!(of(None, Some(-1.0), DataType::UInt32).is_some());
        for fits in [of(Some(200.0), Some(500.0), DataType::Byte), of(None, None, DataType::String)] {
            assert_eq!(fits, None);
        }
        assert_eq!(of(Some(0.0), None, DataType::Double), None);
    }

    #[test]
    fn one_range_of_several_is_enough() {
        let range = |max| Range { min: None, max: Some(max) };
        let allowed = |ranges: &[Range]| allow(&TagValue::Int16(50), ranges);
        assert_eq!(allowed(&[]), Ok(()));
        assert_eq!(allowed(&[range(10.0), range(100.0)]), Ok(()));
        assert_eq!(allowed(&[range(100.0), range(10.0)]), Ok(()));
        assert_eq!(
            allowed(&[range(10.0), range(20.0)]),
            Err("50 is above the mapping's range, at most 10 is allowed".into())
        );
    }

    #[test]
    fn nothing_is_rounded_into_the_range() {
        let two_to_53 = 9_007_199_254_740_992.0;
        expect(&TagValue::Int64(9_007_199_254_740_993), None, Some(two_to_53), Some(RejectReason::OutOfRange));
        expect(&TagValue::UInt64(u64::MAX), None, Some(u64::MAX as f64), None);
        expect(&TagValue::UInt64(u64::MAX), None, Some(f64::MAX), None);
        expect(&TagValue::Float(0.1), Some(0.1), Some(0.1), None);
        expect(&TagValue::Float(0.7), Some(0.7), Some(0.7), None);
        expect(&TagValue::Float(0.100_000_01), None, Some(0.1), Some(RejectReason::OutOfRange));
    }

    #[test]
    fn every_element_of_an_array_must_be_in_range() {
        let array = |values: &[i16]| {
            let values = values.iter().copied().map(TagValue::Int16).collect();
            TagValue::Array(Box::new(ArrayValue { element: Some(DataType::Int16), values, dimensions: Vec::new() }))
        };
        expect(&array(&[1, 2]), None, Some(2.0), None);
        expect(&array(&[1, 3]), None, Some(2.0), Some(RejectReason::OutOfRange));
    }

    #[test]
    fn what_is_no_number_cannot_be_in_a_range() {
        expect(&TagValue::Boolean(true), None, None, None);
        expect(&TagValue::Boolean(true), Some(0.0), None, Some(RejectReason::WrongType));
        expect(&TagValue::String("5".into()), None, Some(9.0), Some(RejectReason::WrongType));
    }
}
