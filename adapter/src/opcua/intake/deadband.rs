//! Whether a change counts, as a server would decide it (Part 4, 7.22.2): for polled tags, and where a server refuses
//! the filter.

use crate::{
    config::effective::Trigger,
    domain::{TagUpdate, TagValue},
};

/// Decides which values of one tag go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::opcua) struct Gate {
    /// Which change counts.
    pub(in crate::opcua) trigger: Trigger,
    /// A change of a number by no more than this does not; `None` without a deadband.
    pub(in crate::opcua) deadband: Option<f64>,
}

impl Gate {
    /// Whether `new` has to be sent after `last` was.
    pub(in crate::opcua) fn passes(self, last: &TagUpdate, new: &TagUpdate) -> bool {
        if last.status.without_info_bits() != new.status.without_info_bits() || new.flags.has_overflow {
            return true;
        }
        let differs = || differs(&last.value, &new.value, self.deadband.unwrap_or(0.0));
        match self.trigger {
            Trigger::Status => false,
            Trigger::StatusValue => differs(),
            Trigger::StatusValueTimestamp if self.deadband.is_some() => differs(),
            Trigger::StatusValueTimestamp => last.source_timestamp != new.source_timestamp || differs(),
        }
    }
}

/// Whether two values differ by more than `bound`: of an array any element; what is no number by any change.
fn differs(last: &TagValue, new: &TagValue, bound: f64) -> bool {
    if let (TagValue::Array(last), TagValue::Array(new)) = (last, new) {
        return last.element != new.element
            || last.dimensions != new.dimensions
            || last.values.len() != new.values.len()
            || last.values.iter().zip(&new.values).any(|(last, new)| differs(last, new, bound));
    }
    if last.data_type() != new.data_type() {
        return true;
    }
    if let (Some(last), Some(new)) = (integer(last), integer(new)) {
        return last.abs_diff(new) as f64 > bound;
    }
    match (last.as_number(), new.as_number()) {
        // Equal infinities have no difference, and NaN has none to anything.
        (Some(last), Some(new)) if last.is_finite() && new.is_finite() => (last - new).abs() > bound,
        (Some(last), Some(new)) => last.total_cmp(&new).is_ne() && !(last.is_nan() && new.is_nan()),
        _ => last != new,
    }
}

/// An integer in full: as a float, neighbours beyond 2^53 would be one.
fn integer(value: &TagValue) -> Option<i128> {
    Some(match *value {
        TagValue::SByte(value) => value.into(),
        TagValue::Byte(value) => value.into(),
        TagValue::Int16(value) => value.into(),
        TagValue::UInt16(value) => value.into(),
        TagValue::Int32(value) => value.into(),
        TagValue::UInt32(value) => value.into(),
        TagValue::Int64(value) => value.into(),
        TagValue::UInt64(value) => value.into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{DataType, StatusCode, TagId, Timestamp, UpdateFlags, value::ArrayValue};

    fn update(value: TagValue, status: u32, source: i64) -> TagUpdate {
        TagUpdate {
            tag: TagId(0),
            value,
            status: StatusCode(status),
            source_timestamp: Some(Timestamp::from_unix_millis(source)),
            server_timestamp: None,
            received_at: Timestamp::from_unix_millis(source),
            flags: UpdateFlags::default(),
        }
    }

    fn array(values: &[f64]) -> TagValue {
        let values = values.iter().copied().map(TagValue::Double).collect();
        TagValue::Array(Box::new(ArrayValue { element: Some(DataType::Double), values, dimensions: Vec::new() }))
    }

    #[track_caller]
    fn check(last: &TagValue, new: &TagValue, bound: f64, expected: bool) {
        assert_eq!(differs(last, new, bound), expected, "{last:?} {new:?} {bound}");
    }

    #[test]
    fn only_more_than_the_deadband_is_a_change() {
        check(&TagValue::Double(1.0), &TagValue::Double(1.5), 0.5, false);
        check(&TagValue::Double(1.0), &TagValue::Double(1.501), 0.5, true);
        check(&TagValue::Float(-1.0), &TagValue::Float(-1.0), 0.0, false);
        check(&TagValue::UInt64(u64::MAX), &TagValue::UInt64(u64::MAX - 1), 0.0, true);
        check(&TagValue::Int64(i64::MIN), &TagValue::Int64(i64::MAX), 1e18, true);
        check(&TagValue::Int32(5), &TagValue::Int32(3), 2.0, false);
    }

    #[test]
    fn numbers_that_are_none_change_when_they_come_and_go() {
        let number = TagValue::Double;
        check(&number(f64::NAN), &number(f64::NAN), 0.0, false);
        check(&number(1.0), &number(f64::NAN), 1e9, true);
        check(&number(f64::NAN), &number(1.0), 1e9, true);
        check(&number(f64::INFINITY), &number(f64::INFINITY), 0.0, false);
        check(&number(f64::INFINITY), &number(f64::NEG_INFINITY), 1e9, true);
        check(&number(f64::INFINITY), &number(1.0), 1e9, true);
    }

    #[test]
    fn of_an_array_one_element_is_enough() {
        check(&array(&[1.0, 2.0]), &array(&[1.1, 2.1]), 0.2, false);
        check(&array(&[1.0, 2.0]), &array(&[1.1, 2.3]), 0.2, true);
        check(&array(&[1.0]), &array(&[1.0, 1.0]), 9.0, true);
    }

    #[test]
    fn what_is_no_number_and_what_changes_its_type_has_no_deadband() {
        let text = |text: &str| TagValue::String(text.into());
        check(&text("a"), &text("a"), 9.0, false);
        check(&text("a"), &text("b"), 9.0, true);
        check(&TagValue::Boolean(false), &TagValue::Boolean(true), 9.0, true);
        check(&TagValue::Int32(1), &TagValue::Double(1.0), 9.0, true);
        check(&TagValue::Null, &TagValue::Null, 0.0, false);
    }

    #[test]
    fn the_trigger_says_which_change_counts() {
        let last = update(TagValue::Double(1.0), 0, 10);
        let value = update(TagValue::Double(2.0), 0, 10);
        let time = update(TagValue::Double(1.0), 0, 11);
        let status = update(TagValue::Double(1.0), 0x808C_0000, 10);
        let overflow = TagUpdate { flags: UpdateFlags { has_overflow: true, ..last.flags }, ..last.clone() };
        let same_with_bits = update(TagValue::Double(1.0), 0x0480, 10);
        let passes = |trigger, deadband| {
            let gate = Gate { trigger, deadband };
            [&last, &value, &time, &status, &overflow, &same_with_bits].map(|new| gate.passes(&last, new))
        };
        assert_eq!(passes(Trigger::Status, None), [false, false, false, true, true, false]);
        assert_eq!(passes(Trigger::StatusValue, None), [false, true, false, true, true, false]);
        assert_eq!(passes(Trigger::StatusValue, Some(1.0)), [false, false, false, true, true, false]);
        assert_eq!(passes(Trigger::StatusValueTimestamp, None), [false, true, true, true, true, false]);
        assert_eq!(passes(Trigger::StatusValueTimestamp, Some(0.5)), [false, true, false, true, true, false]);
    }

    proptest! {
        #[test]
        fn what_was_sent_last_is_never_further_away_than_the_deadband(
            values in proptest::collection::vec(-100.0..100.0_f64, 1..200),
            deadband in 0.001..50.0_f64,
        ) {
            let gate = Gate { trigger: Trigger::StatusValue, deadband: Some(deadband) };
            let mut last = update(TagValue::Double(values[0]), 0, 0);
            for value in values {
                let new = update(TagValue::Double(value), 0, 0);
                if gate.passes(&last, &new) {
                    prop_assert!((last.value.as_number().unwrap() - value).abs() > deadband);
                    last = new;
                } else {
                    prop_assert!((last.value.as_number().unwrap() - value).abs() <= deadband);
                }
            }
        }
    }
}
