//! The smallest and the largest value of a stretch.

use super::sliding::Summary;

/// The smallest and the largest value of a stretch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extremes {
    smallest: f64,
    largest: f64,
}

impl Extremes {
    /// The largest absolute value.
    pub(super) fn peak(&self) -> f64 {
        self.largest.abs().max(self.smallest.abs())
    }

    /// The largest less the smallest value, which may be infinite.
    pub(super) fn peak_to_peak(&self) -> f64 {
        self.largest - self.smallest
    }
}

impl Summary for Extremes {
    fn of(value: f64) -> Self {
        Self { smallest: value, largest: value }
    }

    fn append(&mut self, value: f64) {
        *self = Self::join(self, &Self::of(value));
    }

    fn prepend(&mut self, value: f64) {
        self.append(value);
    }

    fn join(older: &Self, newer: &Self) -> Self {
        // Comparisons, because which zero `f64::min` takes of 0 and −0 is left to the platform.
        Self {
            smallest: if newer.smallest < older.smallest { newer.smallest } else { older.smallest },
            largest: if newer.largest > older.largest { newer.largest } else { older.largest },
        }
    }
}
