//! What is kept of a training column: its values in order of size, and its moments.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Skewness that rounding alone gives to a symmetric column; its sign means nothing.
const NO_SKEWNESS: f64 = 1e-12;

/// A training column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    /// Ascending: all values, or evenly spaced quantiles of them, from the least to the greatest.
    kept: Box<[f64]>,
    /// Of all values.
    mean: f64,
    /// What the moments are measured in: the greatest distance from the mean, so that cubes neither overflow nor vanish.
    unit: f64,
    /// Sum of squared distances from the mean, in squared units.
    squares: f64,
    /// Sum of cubed distances.
    cubes: f64,
}

/// A value's place in a column: how many training values lie at or below it, and how many at or above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) at_most: f64,
    pub(super) at_least: f64,
}

impl Column {
    /// Of at least one value; at most `most` of them are kept. `None` where the values lie so far apart that distances
    /// overflow.
    pub(super) fn of(mut values: Vec<f64>, most: usize) -> Option<Self> {
        let count = values.len();
        let mean = values.iter().map(|value| value / count as f64).sum::<f64>();
        let farthest = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
        if !farthest.is_finite() {
            return None;
        }
        let unit = if farthest > 0.0 { farthest } else { 1.0 };
        let power = |power: fn(f64) -> f64| values.iter().map(|value| power((value - mean) / unit)).sum();
        let (squares, cubes) =
            (power(|distance| distance * distance), power(|distance| distance * distance * distance));
        values.sort_unstable_by(f64::total_cmp);
        if count > most {
            values = (0..most).map(|place| values[rank(place, most, count)]).collect();
        }
        Some(Self { kept: values.into(), mean, unit, squares, cubes })
    }

    /// Where a value lies among the `count` training values. Exact as long as all of them are kept; between kept ones the
    /// values are taken to be evenly spread.
    pub(super) fn place(&self, value: f64, count: usize) -> Place {
        let below = self.kept.partition_point(|kept| *kept < value);
        // Most values of a live tag lie between training values, and then a second search would find the same place.
        let through = match self.kept.get(below) {
            Some(kept) if *kept <= value => below + self.kept[below..].partition_point(|kept| *kept <= value),
            _ => below,
        };
        let at_most = self.training_values(through, value, count);
        let smaller = if through == below { at_most } else { self.training_values(below, value, count) };
        Place { at_most, at_least: count as f64 - smaller }
    }

    /// How many training values stand for the first `kept` ones, as seen from a value that lies between them and the next.
    fn training_values(&self, kept: usize, value: f64, count: usize) -> f64 {
        let all = self.kept.len();
        if all == count {
            return kept as f64;
        }
        if kept == 0 || kept == all {
            return if kept == 0 { 0.0 } else { count as f64 };
        }
        let (low, high) = (self.kept[kept - 1], self.kept[kept]);
        let certain = rank(kept - 1, all, count) + 1;
        let between = rank(kept, all, count) - certain;
        // Halves, since the whole distance may overflow.
        let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        certain as f64 + between as f64 * if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The skewness of the training values, compared with 0.
    pub(super) fn skewness(&self, count: usize) -> Ordering {
        sign_of_skewness(count as f64, self.mean / self.unit, self.squares, self.cubes)
    }

    /// The same once a further value is among them. The moments are updated as Pébay (2008), Formulas for
    /// robust, one-pass parallel computation of covariances and arbitrary-order statistical moments, has it.
    pub(super) fn skewness_with(&self, value: f64, count: usize) -> Ordering {
        let n = count as f64;
        let distance = (value - self.mean) / self.unit;
        let step = distance / (n + 1.0);
        let squares = self.squares + distance * step * n;
        let cubes = self.cubes + distance * step * step * n * (n - 1.0) - 3.0 * step * self.squares;
        sign_of_skewness(n + 1.0, self.mean / self.unit + step, squares, cubes)
    }

    /// Whether a column from elsewhere can be worked with, when it claims to stand for `count` values.
    pub(super) fn is_sound(&self, count: usize) -> bool {
        let numbers = [self.mean, self.unit, self.squares, self.cubes];
        let is_whole = self.kept.len() == count || (self.kept.len() >= 2 && self.kept.len() < count);
        is_whole
            && count > 0
            && self.unit > 0.0
            && self.kept.is_sorted()
            && self.kept.iter().chain(&numbers).all(|number| number.is_finite())
    }
}

/// Among `count` sorted values, the place of the `place`-th of `kept` evenly spaced ones, the first and the last included.
fn rank(place: usize, kept: usize, count: usize) -> usize {
    // Counts fit 32 bits, so that no product of two overflows.
    let rank = place as u64 * (count as u64 - 1) / (kept as u64 - 1);
    usize::try_from(rank).expect("invariant: a rank is below the count")
}

/// As scipy's `skew` has it, which knows no skewness where the values differ by no more than rounding; PyOD takes 0 then.
/// That holds for infinite moments, too: next to one value so far away, no other matters.
fn sign_of_skewness(count: f64, mean: f64, squares: f64, cubes: f64) -> Ordering {
    let variance = squares / count;
    let (cube, rounding) = (cubes / count, f64::EPSILON * mean);
    // Both sides of the bound are squared, for want of a root that is not needed otherwise.
    let is_skewed = cube * cube > NO_SKEWNESS * NO_SKEWNESS * variance * variance * variance;
    if is_skewed && variance > rounding * rounding { cube.total_cmp(&0.0) } else { Ordering::Equal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_count_on_both_sides() {
        let column = Column::of(vec![3.0, 1.0, 2.0, 2.0], 100).unwrap();
        let check = |value: f64, at_most: f64, at_least: f64| {
            assert_eq!(column.place(value, 4), Place { at_most, at_least }, "{value}");
        };
        check(2.0, 3.0, 3.0);
        check(2.5, 3.0, 1.0);
        check(0.0, 0.0, 4.0);
        check(1.0, 1.0, 4.0);
        check(9.0, 4.0, 0.0);
    }

    #[test]
    fn evenly_spaced_quantiles_stand_for_all_values() {
        let values: Vec<f64> = (0..10_000).map(|place| f64::from(place) * f64::from(place)).collect();
        let (whole, few) = (Column::of(values.clone(), 10_000).unwrap(), Column::of(values, 500).unwrap());
        assert_eq!(few.kept.len(), 500);
        for value in [-1.0, 0.0, 7.0, 1e4, 5e7, 99_980_001.0, 1e8] {
            let (exact, close) = (whole.place(value, 10_000), few.place(value, 10_000));
            assert!((exact.at_most - close.at_most).abs() <= 10.0, "{value}: {exact:?} {close:?}");
            assert!((exact.at_least - close.at_least).abs() <= 10.0, "{value}: {exact:?} {close:?}");
        }
        assert_eq!(few.place(-1.0, 10_000), Place { at_most: 0.0, at_least: 10_000.0 });
        assert_eq!(few.place(1e8, 10_000), Place { at_most: 10_000.0, at_least: 0.0 });
    }

    #[test]
    fn the_sign_of_the_skewness_follows_a_further_value() {
        let column = Column::of(vec![-2.0, -1.0, 0.0, 1.0, 2.0], 100).unwrap();
        let signs = [column.skewness(5), column.skewness_with(9.0, 5), column.skewness_with(-9.0, 5)];
        assert_eq!(signs, [Ordering::Equal, Ordering::Greater, Ordering::Less]);
        assert_eq!(column.skewness_with(0.0, 5), Ordering::Equal);
        assert_eq!(column.skewness_with(f64::MAX, 5), Ordering::Equal, "beyond all numbers, as in numpy");
    }

    #[test]
    fn a_constant_has_no_skewness_and_overflow_is_refused() {
        for constant in [0.0, -7.25e8, 1e300, 1e-300] {
            let column = Column::of(vec![constant; 30], 100).unwrap();
            assert_eq!(column.skewness(30), Ordering::Equal, "{constant}");
        }
        assert_eq!(Column::of(vec![f64::MIN, f64::MAX, f64::MAX], 100), None);
    }

    #[test]
    fn an_updated_skewness_has_the_sign_of_one_computed_anew() {
        let values: Vec<f64> = (0..40).map(|place| f64::from(place * place % 37)).collect();
        let column = Column::of(values.clone(), 100).unwrap();
        for further in -20..60 {
            let value = f64::from(further);
            let anew = Column::of([values.as_slice(), &[value]].concat(), 100).unwrap();
            assert_eq!(column.skewness_with(value, 40), anew.skewness(41), "{value}");
        }
    }
}
