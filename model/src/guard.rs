//! The out-of-range guard: what lies far outside anything seen in training is anomalous, whatever the detector says.
//!
//! A forest gives 5 and 50 the same score when it was trained on 0 to 4. The guard keeps each feature's training range
//! and allows a margin beyond either end, in training ranges: with many features "outside what training saw" is nearly
//! always true somewhere, so the bare minimum and maximum would break the threshold's promise.

use serde::{Deserialize, Serialize};

use crate::TrainingRows;
use crate::codec::RestoreError;

/// Excesses are cut here; what is a million ranges away is far enough.
const LARGEST_EXCESS: f64 = 1e6;

/// How far outside its training range each feature may lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Guard {
    /// In training ranges beyond either end.
    margin: f64,
    lows: Box<[f64]>,
    highs: Box<[f64]>,
}

impl Guard {
    /// Learns the range of every feature.
    pub(crate) fn fit(margin: f64, rows: &TrainingRows) -> Self {
        let extreme = |pick: fn(f64, f64) -> f64, start: f64| {
            (0..rows.width()).map(|column| rows.column(column).fold(start, pick)).collect()
        };
        Self { margin, lows: extreme(f64::min, f64::INFINITY), highs: extreme(f64::max, f64::NEG_INFINITY) }
    }

    /// How far a row lies beyond the margin at its worst feature, in training ranges; 0 for rows within.
    pub(crate) fn excess(&self, x: &[f64]) -> f64 {
        x.iter().enumerate().map(|(feature, &value)| self.excess_of(feature, value)).fold(0.0, f64::max)
    }

    /// How far a feature lies beyond the margin, in training ranges.
    pub(crate) fn excess_of(&self, feature: usize, value: f64) -> f64 {
        let (low, high) = (self.lows[feature], self.highs[feature]);
        let outside = (value - high).max(low - value);
        if outside <= 0.0 {
            return 0.0;
        }
        (outside / unit(low, high) - self.margin).clamp(0.0, LARGEST_EXCESS)
    }

    /// Whether it fits rows of `width` features, and can be trusted not to yield nonsense.
    pub(crate) fn check(&self, width: usize) -> Result<(), RestoreError> {
        let is_sound = self.margin >= 0.0
            && self.lows.len() == width
            && self.highs.len() == width
            && self.lows.iter().zip(&self.highs).all(|(low, high)| low.is_finite() && high.is_finite() && low <= high);
        if is_sound { Ok(()) } else { Err(RestoreError::new("the guard's ranges do not fit the features")) }
    }
}

/// The training range; for a feature that was constant, a thousandth of its magnitude, since any range is as good as any
/// other there, and a setpoint that was never moved may yet be rounded differently.
fn unit(low: f64, high: f64) -> f64 {
    let range = high - low;
    if range > 0.0 { range } else { (low.abs() * 1e-3).max(f64::MIN_POSITIVE) }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;
    use proptest::prelude::*;

    use super::*;

    fn guard() -> Guard {
        Guard::fit(1.0, &arr2(&[[0.0, 5.0, -2.0], [4.0, 5.0, 0.0]]).view().into())
    }

    #[test]
    fn one_training_range_beyond_either_end_is_allowed() {
        let check = |value: f64, expected: f64| {
            let found = guard().excess(&[value, 5.0, 0.0]);
            assert!((found - expected).abs() < 1e-12, "{value}: {found}");
        };
        check(2.0, 0.0);
        check(8.0, 0.0);
        check(-4.0, 0.0);
        check(10.0, 0.5);
        check(-8.0, 1.0);
        check(f64::MAX, LARGEST_EXCESS);
    }

    #[test]
    fn any_real_change_of_a_constant_feature_is_out_of_range() {
        assert!(guard().excess(&[0.0, 5.02, 0.0]) > 0.0);
        assert!(guard().excess(&[0.0, 5.004, 0.0]) <= 0.0);
        assert!(Guard::fit(1.0, &arr2(&[[0.0], [0.0]]).view().into()).excess(&[1e-9]) > 1.0);
    }

    #[test]
    fn ranges_of_another_width_or_upside_down_are_refused() {
        assert!(guard().check(3).is_ok());
        assert!(guard().check(2).is_err());
        assert!(Guard { lows: [9.0, 5.0, 0.0].into(), ..guard() }.check(3).is_err());
        assert!(Guard { margin: f64::NAN, ..guard() }.check(3).is_err());
    }

    proptest! {
        #[test]
        fn the_excess_is_a_finite_number_that_grows_with_the_distance(
            ends in prop::array::uniform2(any::<f64>().prop_filter("finite", |x| x.is_finite())),
            value in any::<f64>().prop_filter("finite", |x| x.is_finite()),
        ) {
            let guard = Guard::fit(0.5, &arr2(&[[ends[0]], [ends[1]]]).view().into());
            let excess = guard.excess(&[value]);
            prop_assert!((0.0..=LARGEST_EXCESS).contains(&excess));
            let further = if value >= ends[0] { value.next_up() } else { value.next_down() };
            prop_assert!(!further.is_finite() || guard.excess(&[further]) >= excess);
        }
    }
}
