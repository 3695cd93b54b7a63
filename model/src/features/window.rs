//! Statistics of the last values of an input.

use serde::{Deserialize, Serialize};

use super::Statistic;
use super::extremes::Extremes;
use super::moments::Moments;
use super::ring::Ring;
use super::sliding::Sliding;

/// The last values of an input, with what their statistics are made from.
///
/// Memory: 8 bytes per value of the window, 64 more if a statistic is made from moments, 16 more if one is made from
/// extremes. A `push` takes constant time, but for every `size`-th, which takes a time proportional to `size`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(super) struct Window {
    ring: Ring,
    moments: Option<Sliding<Moments>>,
    extremes: Option<Sliding<Extremes>>,
}

impl Window {
    /// A window of `size` zeros for these statistics.
    pub(super) fn new(size: usize, statistics: &[Statistic]) -> Self {
        Self::from(Written {
            ring: Ring::new(size),
            moments: statistics.iter().any(|statistic| statistic.needs_moments()),
            extremes: statistics.iter().any(|statistic| statistic.needs_extremes()),
        })
    }

    /// Whether the window is what `new` would make, up to its values.
    pub(super) fn fits(&self, size: usize, statistics: &[Statistic]) -> bool {
        self.ring.size() == size
            && self.moments.is_some() == statistics.iter().any(|statistic| statistic.needs_moments())
            && self.extremes.is_some() == statistics.iter().any(|statistic| statistic.needs_extremes())
    }

    /// Takes in a value; the oldest one leaves.
    pub(super) fn push(&mut self, value: f64) {
        self.ring.push(value);
        if let Some(moments) = &mut self.moments {
            moments.push(value, self.ring.values(), self.ring.next());
        }
        if let Some(extremes) = &mut self.extremes {
            extremes.push(value, self.ring.values(), self.ring.next());
        }
    }

    /// Writes the statistics, which must be those that the window was made for, into as many places.
    pub(super) fn write(&self, statistics: &[Statistic], out: &mut [f64]) {
        let next = self.ring.next();
        let moments = self.moments.as_ref().map(|moments| moments.summary(next));
        let extremes = self.extremes.as_ref().map(|extremes| extremes.summary(next));
        for (statistic, out) in statistics.iter().zip(out) {
            // Only the cut of the largest floats: nothing here is NaN for finite values.
            *out = compute(*statistic, moments.as_ref(), extremes.as_ref()).clamp(f64::MIN, f64::MAX);
        }
    }
}

/// Not inlined, because the compiler would then work out all statistics before the loop, with all their divisions and roots,
/// though one may be asked for: 40 ns more for a row that wants its peak only.
#[inline(never)]
fn compute(statistic: Statistic, moments: Option<&Moments>, extremes: Option<&Extremes>) -> f64 {
    let moments = || moments.expect("invariant: kept for every statistic that needs them");
    let extremes = || extremes.expect("invariant: kept for every statistic that needs them");
    match statistic {
        Statistic::Mean => moments().mean(),
        Statistic::StandardDeviation => moments().standard_deviation(),
        Statistic::Rms => moments().rms(),
        Statistic::Peak => extremes().peak(),
        Statistic::PeakToPeak => extremes().peak_to_peak(),
        Statistic::Kurtosis => moments().kurtosis(),
        Statistic::Skewness => moments().skewness(),
        Statistic::CrestFactor => {
            let (peak, rms) = (extremes().peak(), moments().rms());
            // A peak below the RMS is rounding, and a window of zeros counts as any other constant one.
            if rms > 0.0 { (peak / rms).max(1.0) } else { 1.0 }
        }
        Statistic::Slope => moments().slope(),
    }
}

/// The summaries follow from the values.
impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.ring == other.ring
            && self.moments.is_some() == other.moments.is_some()
            && self.extremes.is_some() == other.extremes.is_some()
    }
}

/// What is saved of a window: its values, from which the summaries are made again, equal to the bit.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    ring: Ring,
    moments: bool,
    extremes: bool,
}

impl From<Window> for Written {
    fn from(window: Window) -> Self {
        Self { ring: window.ring, moments: window.moments.is_some(), extremes: window.extremes.is_some() }
    }
}

impl From<Written> for Window {
    fn from(Written { ring, moments, extremes }: Written) -> Self {
        let (values, next) = (ring.values(), ring.next());
        Self {
            moments: moments.then(|| Sliding::new(values, next)),
            extremes: extremes.then(|| Sliding::new(values, next)),
            ring,
        }
    }
}

#[cfg(test)]
mod tests;
