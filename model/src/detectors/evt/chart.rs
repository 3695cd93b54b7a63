//! What is usual of one feature, and how a value looks beside it.

use serde::{Deserialize, Serialize};

use crate::RestoreError;
use crate::detectors::autoregression::Autoregression;
use crate::detectors::streams::Rhythm;
use crate::pareto::Tail;

pub(super) const ORDER: usize = 2;
/// Counts like so many rows of noise.
const RIDGE: f64 = 1.0;
/// Views of a value: its distance from the mean, the residual of its prediction, its deviation from the rhythm.
pub(super) const VIEWS: usize = 3;

/// Places in the memory: mean and variance of late, the two values before, how many of them there are; then the rhythm.
/// All but the mean and the variance begin as zeros.
const MEAN: usize = 0;
const VARIANCE: usize = 1;
const NEWER: usize = 2;
const OLDER: usize = 3;
const LAGS: usize = 4;
const RHYTHM: usize = 5;

/// Standardised values are cut here, so that everything stays finite.
pub(super) const LARGEST: f64 = 1e6;
/// What is taken in lies at most so many deviations from the mean.
const FURTHEST: f64 = 20.0;
/// The deviation of late never counts as less than this share of the one in training: a metric that stands still for a
/// day does not make the next day's noise a wonder.
const LEAST_DEVIATION: f64 = 1e-3;
/// Anything smaller, in standard deviations of training, is rounding.
const ROUNDING: f64 = 1e-9;
/// No view counts for more than this: 12 in −log10.
const LEAST_PROBABILITY: f64 = 1e-12;

/// What training taught about a feature. Values come standardised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Chart {
    prediction: Autoregression,
    /// Of each view, how its sizes are distributed.
    tails: [Tail; VIEWS],
}

/// How the memory moves, the same for all features.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace {
    /// Weight of the newest row in mean and variance.
    pub(super) adaptation: f64,
    pub(super) rhythm: Option<Rhythm>,
}

impl Pace {
    /// Numbers that are remembered.
    pub(super) fn memory(self) -> usize {
        RHYTHM + if self.rhythm.is_some() { Rhythm::MEMORY } else { 0 }
    }

    /// The views that there are.
    fn views(self) -> usize {
        if self.rhythm.is_some() { VIEWS } else { VIEWS - 1 }
    }

    /// The memory before the first row: standardised values have mean 0 and variance 1.
    pub(super) fn begin(memory: &mut [f64]) {
        memory[VARIANCE] = 1.0;
    }

    /// Takes in a value, or what is nearest to it within bounds.
    pub(super) fn take_in(self, memory: &mut [f64], slot: usize, value: f64) {
        let reach = FURTHEST * deviation(memory);
        let value = value.max(memory[MEAN] - reach).min(memory[MEAN] + reach);
        let distance = value - memory[MEAN];
        memory[MEAN] += self.adaptation * distance;
        memory[VARIANCE] = (1.0 - self.adaptation) * (memory[VARIANCE] + self.adaptation * distance * distance);
        memory[OLDER] = memory[NEWER];
        memory[NEWER] = value;
        memory[LAGS] = (memory[LAGS] + 1.0).min(ORDER as f64);
        if self.rhythm.is_some() {
            Rhythm::take_in(&mut memory[RHYTHM..], slot, value);
        }
    }

    /// Forgets the values just before, since the next one does not follow them.
    pub(super) fn break_off(self, memory: &mut [f64]) {
        memory[LAGS] = 0.0;
        if self.rhythm.is_some() {
            Rhythm::break_off(&mut memory[RHYTHM..]);
        }
    }
}

impl Chart {
    /// Learns from standardised values: `run` is to hand each of them to its first argument, with the memory before it and
    /// the slot, as they will be live.
    pub(super) fn fit(
        prediction: Autoregression,
        pace: Pace,
        run: impl FnOnce(&mut dyn FnMut(&[f64], usize, f64)),
    ) -> Self {
        let nothing = Tail::fit(&[0.0]);
        let mut chart = Self { prediction, tails: [nothing; VIEWS] };
        let mut sizes: [Vec<f64>; VIEWS] = Default::default();
        run(&mut |memory, slot, value| {
            let seen = chart.views(pace, memory, slot, value);
            sizes.iter_mut().zip(seen).for_each(|(sizes, size)| sizes.push(size));
        });
        for (tail, sizes) in chart.tails.iter_mut().zip(sizes).filter(|(_, sizes)| !sizes.is_empty()) {
            *tail = Tail::fit(&sizes);
        }
        chart
    }

    /// How rare a value is: the sum of −log10 of the probabilities of all views.
    pub(super) fn rarity(&self, pace: Pace, memory: &[f64], slot: usize, value: f64) -> f64 {
        let seen = self.views(pace, memory, slot, value);
        let rare = |(tail, size): (&Tail, f64)| -libm::log10(tail.probability(size).max(LEAST_PROBABILITY));
        self.tails.iter().zip(seen).take(pace.views()).map(rare).sum()
    }

    /// Whether its numbers can be worked with; they may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        self.prediction.check(ORDER)?;
        let are_sound = self.tails.iter().all(Tail::is_sound);
        if are_sound { Ok(()) } else { Err(RestoreError::new("a tail makes no sense")) }
    }

    /// The sizes of what each view sees; 0 for one that has not seen enough.
    fn views(&self, pace: Pace, memory: &[f64], slot: usize, value: f64) -> [f64; VIEWS] {
        let lags = [memory[NEWER] - memory[MEAN], memory[OLDER] - memory[MEAN]];
        let distance = value - memory[MEAN];
        // Residual and rhythm are measured by the deviation in training. By the one of late, every fault would hide the
        // next, and the benchmark's score would fall from 54 to 35.
        let residual =
            if memory[LAGS] >= ORDER as f64 { distance - self.prediction.predict(lags.into_iter()) } else { 0.0 };
        let off_rhythm = pace.rhythm.map_or(0.0, |_| Rhythm::deviation(&memory[RHYTHM..], slot, value));
        [distance / deviation(memory), residual, off_rhythm]
            .map(f64::abs)
            .map(|size| if size < ROUNDING { 0.0 } else { size })
    }
}

/// Weights for predicting standardised values.
pub(super) fn fit_prediction(series: &[f64], segments: impl Iterator<Item = std::ops::Range<usize>>) -> Autoregression {
    Autoregression::fit(series, segments, ORDER, RIDGE)
}

/// The standard deviation of late.
fn deviation(memory: &[f64]) -> f64 {
    f64::sqrt(memory[VARIANCE].max(0.0)).max(LEAST_DEVIATION)
}
