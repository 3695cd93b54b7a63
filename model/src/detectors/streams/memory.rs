//! Memories of the right length, whatever a caller hands over.

use std::borrow::Cow;

use crate::State;

/// The numbers of a state, with zeros for those that are missing and without those that are too many. Only the state of
/// another model has to be copied for this.
pub(in crate::detectors) fn completed(state: &State, length: usize) -> Cow<'_, [f64]> {
    let values = state.values();
    if values.len() == length {
        Cow::Borrowed(values)
    } else {
        Cow::Owned(values.iter().copied().chain(std::iter::repeat(0.0)).take(length).collect())
    }
}

/// The numbers of a state, to be moved on, after the state itself was given the right length.
pub(in crate::detectors) fn complete(state: &mut State, length: usize) -> &mut [f64] {
    if state.values().len() != length {
        *state = State::new(completed(state, length).into_owned());
    }
    state.values_mut()
}

/// A count that lies in the memory as a number, at most `most`. 0 for what is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of floats saturate, and NaN becomes 0"
)]
pub(in crate::detectors) fn count(value: f64, most: usize) -> usize {
    (value as usize).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_zero_and_what_is_too_much_is_left_out() {
        let check = |values: &[f64], expected: [f64; 3]| {
            let mut state = State::new(values);
            assert_eq!(*completed(&state, 3), expected);
            assert_eq!(complete(&mut state, 3), expected);
            assert_eq!(state, State::new(expected));
        };
        check(&[], [0.0; 3]);
        check(&[1.0], [1.0, 0.0, 0.0]);
        check(&[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]);
        check(&[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_number_that_is_no_count_counts_as_the_nearest() {
        let counts = [3.0, 9.0, f64::INFINITY, -2.0, f64::NAN].map(|value| count(value, 8));
        assert_eq!(counts, [3, 8, 8, 0, 0]);
    }
}
