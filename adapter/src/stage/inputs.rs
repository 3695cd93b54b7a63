//! The row of inputs that an instance sees: its own tag's value, and the latest values of the other tags that its
//! features name.

use super::Unscored;
use crate::domain::TagUpdate;

/// The inputs of one instance. The first is the mapping's own tag; the row is complete when that one arrives.
#[derive(Debug)]
pub(super) struct Inputs {
    row: Box<[f64]>,
    /// Of every other input: why it has no value, if it has none.
    missing: Box<[Option<Unscored>]>,
}

impl Inputs {
    /// Inputs that nobody has seen yet, so many besides the own one.
    pub(super) fn new(others: usize) -> Self {
        Self { row: vec![0.0; others + 1].into(), missing: vec![Some(Unscored::WarmingUp); others].into() }
    }

    /// Takes note of a value of another tag.
    pub(super) fn note(&mut self, input: usize, update: &TagUpdate) {
        let Some(missing) = input.checked_sub(1).and_then(|other| self.missing.get_mut(other)) else { return };
        match usable_number(update) {
            Ok(value) => {
                self.row[input] = value;
                *missing = None;
            }
            Err(reason) => *missing = Some(reason),
        }
    }

    /// The row with a value of the own tag, or why it cannot be complete.
    pub(super) fn complete(&mut self, value: f64) -> Result<&[f64], Unscored> {
        self.row[0] = value;
        match self.missing.iter().flatten().next() {
            Some(reason) => Err(*reason),
            None => Ok(&self.row),
        }
    }
}

/// The value as a number that can be scored, or why it is none.
pub(super) fn usable_number(update: &TagUpdate) -> Result<f64, Unscored> {
    if update.flags.is_stale {
        return Err(Unscored::Stale);
    }
    if !update.status.is_good() {
        return Err(Unscored::BadQuality);
    }
    update.value.as_number().filter(|value| value.is_finite()).ok_or(Unscored::NotNumeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{StatusCode, TagValue},
        stage::test_support::update,
    };

    #[test]
    fn a_row_is_complete_once_every_other_tag_has_a_good_value() {
        let mut inputs = Inputs::new(2);
        assert_eq!(inputs.complete(1.0), Err(Unscored::WarmingUp));
        inputs.note(1, &update(TagValue::Int32(7), 0));
        inputs.note(2, &update(TagValue::Double(9.5), 0));
        assert_eq!(inputs.complete(1.0), Ok(&[1.0, 7.0, 9.5][..]));
    }

    #[test]
    fn a_bad_value_of_another_tag_makes_the_row_bad_until_a_good_one_comes() {
        let mut inputs = Inputs::new(1);
        let mut bad = update(TagValue::Double(1.0), 0);
        bad.status = StatusCode(0x808C_0000);
        inputs.note(1, &bad);
        assert_eq!(inputs.complete(1.0), Err(Unscored::BadQuality));
        inputs.note(1, &update(TagValue::String("x".into()), 0));
        assert_eq!(inputs.complete(1.0), Err(Unscored::NotNumeric));
        inputs.note(1, &update(TagValue::Double(2.0), 0));
        assert!(inputs.complete(1.0).is_ok());
    }

    #[test]
    fn inputs_that_there_are_not_are_passed_over() {
        let mut inputs = Inputs::new(0);
        inputs.note(0, &update(TagValue::Double(5.0), 0));
        inputs.note(3, &update(TagValue::Double(5.0), 0));
        assert_eq!(inputs.complete(1.0), Ok(&[1.0][..]));
    }
}
