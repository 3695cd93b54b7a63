//! The limits of one feature, and how near to them a row comes.

use serde::{Deserialize, Serialize};

use crate::{RestoreError, Time, TrainingRows};

/// Ratios are cut here, so that scores stay finite.
const LARGEST_RATIO: f64 = 1e9;
/// A flat line has to last longer than this to be learned as one: noise repeats a value now and then.
const LEAST_FLAT_ROWS: f64 = 10.0;
const MICROSECONDS: f64 = 1e6;

/// Places in the memory: whether there was a row; the value and the time that the stretch began with, and the rows since
/// then; the last value and its time. All zeros is the memory before the first row.
const IS_BEGUN: usize = 0;
const ANCHOR: usize = 1;
const BEGAN: usize = 2;
const UNCHANGED: usize = 3;
const LAST: usize = 4;
const LAST_TIME: usize = 5;
/// Numbers that are remembered of a feature.
pub(super) const MEMORY: usize = 6;

/// What the parameters say; 0, or equal ends of a range, leave a limit to be learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Configured {
    pub(super) tolerance: f64,
    pub(super) flat_rows: f64,
    /// Seconds.
    pub(super) flat_time: f64,
    pub(super) rate: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) factor: f64,
}

/// The limits of one feature; a missing one is never reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Limits {
    /// The largest change that is none.
    tolerance: f64,
    /// Rows without a change.
    flat_rows: Option<f64>,
    /// Seconds without a change.
    flat_time: Option<f64>,
    /// Change per step.
    rate: Option<f64>,
    /// The middle of the range and how far it reaches to either side.
    range: Option<(f64, f64)>,
}

/// The usual time between rows in seconds; `None` where steps are rows.
pub(super) fn usual_step(rows: &TrainingRows) -> Option<f64> {
    if !rows.has_times() {
        return None;
    }
    let steps = rows.segments().flat_map(|segment| {
        let times = segment.clone().zip(segment.skip(1));
        times.map(|(before, after)| seconds(micros(rows.time(before)), micros(rows.time(after))))
    });
    let mut steps: Vec<f64> = steps.filter(|step| *step > 0.0).collect();
    steps.sort_unstable_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied()
}

impl Limits {
    /// What is configured, and for the rest what a feature did in training, times the factor.
    pub(super) fn fit(configured: Configured, rows: &TrainingRows, feature: usize, step: Option<f64>) -> Self {
        let given = |value: f64| (value > 0.0).then_some(value);
        let mut limits = Self {
            tolerance: configured.tolerance,
            flat_rows: given(configured.flat_rows),
            flat_time: given(configured.flat_time),
            rate: given(configured.rate),
            range: range(configured.low, configured.high, 1.0),
        };
        let seen = limits.measure(rows, feature, step);
        let learned = |most: f64| (most > 0.0).then(|| (most * configured.factor).min(f64::MAX));
        if limits.flat_rows.is_none() && limits.flat_time.is_none() && seen.has_changed {
            limits.flat_rows = Some(LEAST_FLAT_ROWS.max(seen.unchanged * configured.factor));
        }
        limits.rate = limits.rate.or_else(|| learned(seen.rate));
        limits.range = limits.range.or_else(|| range(seen.low, seen.high, configured.factor));
        limits
    }

    /// The largest ratio of what a row does to its limit.
    pub(super) fn ratio(&self, memory: &[f64], value: f64, t: Time, step: Option<f64>) -> f64 {
        let measured = self.look(memory, value, micros(t), step);
        let to_limit = |measured: f64, limit: Option<f64>| limit.map_or(0.0, |limit| measured / limit);
        let range = self.range.map_or(0.0, |(middle, reach)| ((value - middle) / reach).abs());
        to_limit(measured.unchanged, self.flat_rows)
            .max(to_limit(measured.still_for, self.flat_time))
            .max(to_limit(measured.rate, self.rate))
            .max(range)
            .min(LARGEST_RATIO)
    }

    /// Takes in a row.
    pub(super) fn take_in(&self, memory: &mut [f64], value: f64, t: Time) {
        let t = micros(t);
        if self.stands_still(memory, value) {
            memory[UNCHANGED] += 1.0;
        } else {
            memory[ANCHOR] = value;
            memory[BEGAN] = t;
            memory[UNCHANGED] = 0.0;
        }
        memory[IS_BEGUN] = 1.0;
        memory[LAST] = value;
        memory[LAST_TIME] = t;
    }

    /// Whether its numbers can be worked with; they may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        let is_limit = |limit: Option<f64>| limit.is_none_or(|limit| limit > 0.0 && limit.is_finite());
        let are_sound = self.tolerance >= 0.0
            && self.tolerance.is_finite()
            && [self.flat_rows, self.flat_time, self.rate].into_iter().all(is_limit)
            && self.range.is_none_or(|(middle, reach)| middle.is_finite() && is_limit(Some(reach)));
        if are_sound { Ok(()) } else { Err(RestoreError::new("a limit makes no sense")) }
    }

    fn stands_still(&self, memory: &[f64], value: f64) -> bool {
        memory[IS_BEGUN] > 0.0 && (value - memory[ANCHOR]).abs() <= self.tolerance
    }

    fn look(&self, memory: &[f64], value: f64, t: f64, step: Option<f64>) -> Measured {
        let stands_still = self.stands_still(memory, value);
        let steps = step.map_or(1.0, |usual| f64::max(usual, seconds(memory[LAST_TIME], t)));
        Measured {
            unchanged: if stands_still { memory[UNCHANGED] + 1.0 } else { 0.0 },
            still_for: if stands_still { seconds(memory[BEGAN], t) } else { 0.0 },
            rate: if memory[IS_BEGUN] > 0.0 { (value - memory[LAST]).abs() / steps } else { 0.0 },
        }
    }

    /// The most that a feature did in training.
    fn measure(&self, rows: &TrainingRows, feature: usize, step: Option<f64>) -> Seen {
        let mut seen = Seen { low: f64::INFINITY, high: f64::NEG_INFINITY, ..Seen::default() };
        for segment in rows.segments() {
            let mut memory = [0.0; MEMORY];
            for index in segment {
                let (value, t) = (rows.row(index)[feature], rows.time(index));
                let measured = self.look(&memory, value, micros(t), step);
                seen.has_changed |= memory[IS_BEGUN] > 0.0 && !self.stands_still(&memory, value);
                seen.unchanged = seen.unchanged.max(measured.unchanged);
                seen.rate = seen.rate.max(measured.rate);
                seen.low = seen.low.min(value);
                seen.high = seen.high.max(value);
                self.take_in(&mut memory, value, t);
            }
        }
        seen
    }
}

/// What a row does.
struct Measured {
    unchanged: f64,
    still_for: f64,
    rate: f64,
}

#[derive(Default)]
struct Seen {
    has_changed: bool,
    unchanged: f64,
    rate: f64,
    low: f64,
    high: f64,
}

/// The middle of a range and how far it reaches, widened by a factor; `None` where it has no width. Halved first, so that
/// nothing overflows.
fn range(low: f64, high: f64, factor: f64) -> Option<(f64, f64)> {
    let reach = (high / 2.0 - low / 2.0) * factor;
    (reach > 0.0).then(|| (low / 2.0 + high / 2.0, reach.min(f64::MAX)))
}

/// Microseconds as a number: exact for some centuries around 1970.
fn micros(t: Time) -> f64 {
    t.0 as f64
}

/// Seconds between two times in microseconds; below 0 where the clock went back.
fn seconds(from: f64, to: f64) -> f64 {
    (to - from) / MICROSECONDS
}
