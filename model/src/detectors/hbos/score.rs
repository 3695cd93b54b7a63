//! A fitted `hbos`: looks each feature up in its histogram.

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use crate::{Detector, RestoreError, State, Time, encode};

pub(super) const NAME: &str = "hbos";

/// One table of scores per feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Hbos {
    /// How far outside a value may lie and still count to the outermost bin, in widths of that bin.
    pub(super) tolerance: f64,
    pub(super) features: Vec<Bins>,
}

/// What a feature's values score, bin by bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bins {
    /// Ascending, one more than there are bins.
    edges: Box<[f64]>,
    /// -log2(density + alpha).
    scores: Box<[f64]>,
    /// The greatest of the scores: what a value far outside gets.
    rarest: f64,
    /// The least of the scores.
    commonest: f64,
}

impl Bins {
    pub(super) fn of(histogram: Histogram, alpha: f64) -> Self {
        let scores: Box<[f64]> = histogram.densities().map(|density| -libm::log2(density + alpha)).collect();
        let rarest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let commonest = scores.iter().copied().fold(f64::INFINITY, f64::min);
        Self { edges: histogram.edges.into(), scores, rarest, commonest }
    }

    /// A value on an edge counts to the bin below it, other than when the bins were filled: that is how PyOD looks values
    /// up. The least training value thus lies outside the first bin, at a distance of 0.
    fn score(&self, value: f64, tolerance: f64) -> f64 {
        let (edges, last) = (&self.edges, self.scores.len());
        let beyond = |outside: f64, width: f64, bin: usize| {
            if outside <= width * tolerance { self.scores[bin] } else { self.rarest }
        };
        match edges.partition_point(|edge| *edge < value) {
            0 => beyond(edges[0] - value, edges[1] - edges[0], 0),
            bin if bin <= last => self.scores[bin - 1],
            _ => beyond(value - edges[last], edges[last] - edges[last - 1], last - 1),
        }
    }

    /// Whether a table from elsewhere can be worked with.
    fn is_sound(&self) -> bool {
        let scores = self.scores.iter().chain([&self.rarest, &self.commonest]);
        !self.scores.is_empty()
            && self.edges.len() == self.scores.len() + 1
            && self.edges.is_sorted()
            && self.edges.iter().chain(scores).all(|number| number.is_finite())
    }
}

impl Hbos {
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        if !(0.0..=1.0).contains(&self.tolerance) {
            return Err(RestoreError::new("the tolerance must be from 0 to 1"));
        }
        match self.features.iter().position(|bins| !bins.is_sound()) {
            Some(feature) => Err(RestoreError::new(format!("the histogram of feature {feature} makes no sense"))),
            None => Ok(()),
        }
    }
}

impl Detector for Hbos {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.features.len()
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        let scores = self.features.iter().zip(x).map(|(bins, value)| bins.score(*value, self.tolerance));
        Some(scores.sum::<f64>().clamp(f64::MIN, f64::MAX))
    }

    /// By how much each feature's bin is rarer than its most frequent one.
    fn attribute(&self, _: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        for ((bins, value), share) in self.features.iter().zip(x).zip(shares) {
            *share = (bins.score(*value, self.tolerance) - bins.commonest).max(0.0);
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
