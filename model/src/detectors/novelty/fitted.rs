//! A fitted `novelty`.

use serde::{Deserialize, Serialize};

use super::codebook::{Codebook, MOST_CODEWORDS, Sighting};
use super::kind::NAME;
use crate::detectors::streams::{Refractory, Rhythm, complete, completed};
use crate::{Detector, RestoreError, State, Time, TrainingRows, encode};

/// Values are cut here, so that ranges and distances stay finite.
const LARGEST: f64 = 1e300;
/// More features than anybody has; bounds what a file can make.
const MOST_FEATURES: usize = 1 << 16;

/// Rows are counted exactly up to here.
const MOST_ROWS: f64 = 9_007_199_254_740_992.0;

/// How values are judged, the same for all features.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rules {
    pub(super) values: Codebook,
    /// For the deviations from the rhythm of the day.
    pub(super) deviations: Codebook,
    pub(super) rhythm: Option<Rhythm>,
    /// What a new deviation counts beside a new value.
    pub(super) slot_weight: f64,
    pub(super) refractory: Refractory,
    /// Rows without a score at the beginning.
    pub(super) warm_up: u32,
}

/// A fitted `novelty`. Its state is the number of rows seen, and then for each feature the memories of the refractory
/// time, of the codebook, and, where there is a rhythm, of the rhythm and of its codebook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Novelty {
    rules: Rules,
    width: usize,
    /// The state after the training rows.
    trained: Box<[f64]>,
}

impl Rules {
    /// Numbers that are remembered of a feature.
    fn memory(&self) -> usize {
        let daily = if self.rhythm.is_some() { Rhythm::MEMORY + self.deviations.memory() } else { 0 };
        Refractory::MEMORY + self.values.memory() + daily
    }

    /// What a value of a feature looks like, and its deviation from the rhythm, if any.
    fn look(&self, memory: &[f64], value: f64, slot: usize) -> (Sighting, Option<(f64, Sighting)>) {
        let seen = self.values.look(&memory[Refractory::MEMORY..], value);
        let daily = self.rhythm.map(|_| {
            let (rhythm, deviations) = memory[Refractory::MEMORY + self.values.memory()..].split_at(Rhythm::MEMORY);
            let deviation = Rhythm::deviation(rhythm, slot, value);
            (deviation, self.deviations.look(deviations, deviation))
        });
        (seen, daily)
    }

    fn novelty(&self, seen: Sighting, daily: Option<(f64, Sighting)>) -> f64 {
        seen.novelty() + daily.map_or(0.0, |(_, seen)| self.slot_weight * seen.novelty())
    }

    fn take_in(
        &self,
        memory: &mut [f64],
        row: f64,
        value: f64,
        slot: usize,
        (seen, daily): (Sighting, Option<(f64, Sighting)>),
    ) {
        let (values, rest) = memory[Refractory::MEMORY..].split_at_mut(self.values.memory());
        self.values.take_in(values, row, value, seen);
        if let Some((deviation, seen)) = daily {
            let (rhythm, deviations) = rest.split_at_mut(Rhythm::MEMORY);
            Rhythm::take_in(rhythm, slot, value);
            self.deviations.take_in(deviations, row, deviation, seen);
        }
    }

    fn slot(&self, t: Time) -> usize {
        self.rhythm.map_or(0, |rhythm| rhythm.slot(t))
    }

    fn is_warm(&self, row: f64) -> bool {
        row >= f64::from(self.warm_up)
    }
}

impl Novelty {
    pub(super) fn fit(rules: Rules, rows: &TrainingRows) -> Self {
        let mut detector = Self { rules, width: rows.width(), trained: Box::default() };
        let mut state = detector.blank_state();
        for segment in rows.segments() {
            detector.break_off(&mut state);
            for index in segment {
                detector.advance(&mut state, rows.row(index), rows.time(index));
            }
        }
        detector.break_off(&mut state);
        detector.trained = state.values().into();
        detector
    }

    /// Whether its numbers belong together; they may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        let rules = &self.rules;
        let is_codebook = |codebook: &Codebook| {
            (1..=MOST_CODEWORDS).contains(&codebook.size)
                && (0.0..=1.0).contains(&codebook.radius)
                && (0.0..=1.0).contains(&codebook.forgetting)
                && (0.0..=LARGEST).contains(&codebook.range)
        };
        let are_rules = is_codebook(&rules.values)
            && is_codebook(&rules.deviations)
            && (0.0..=1.0).contains(&rules.slot_weight)
            && (1..=MOST_FEATURES).contains(&self.width);
        if !are_rules {
            return Err(RestoreError::new("the rules of the codebooks make no sense"));
        }
        let is_memory = self.trained.len() == self.state_length()
            && (0.0..=MOST_ROWS).contains(&self.trained[0])
            && self.trained.iter().all(|number| number.abs() <= 4.0 * LARGEST);
        if is_memory { Ok(()) } else { Err(RestoreError::new("the memory does not fit the features")) }
    }

    fn state_length(&self) -> usize {
        1 + self.width * self.rules.memory()
    }

    /// What comes next does not follow what came before.
    fn break_off(&self, state: &mut State) {
        if self.rules.rhythm.is_some() {
            for memory in state.values_mut()[1..].chunks_exact_mut(self.rules.memory()) {
                Rhythm::break_off(&mut memory[Refractory::MEMORY + self.rules.values.memory()..]);
            }
        }
    }
}

/// The value as the codebooks see it.
fn cut(value: f64) -> f64 {
    value.clamp(-LARGEST, LARGEST)
}

impl Detector for Novelty {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.width
    }

    fn initial_state(&self) -> State {
        State::new(self.trained.clone())
    }

    fn blank_state(&self) -> State {
        State::zeros(self.state_length())
    }

    fn score(&self, state: &State, x: &[f64], t: Time) -> Option<f64> {
        let (rules, slot) = (&self.rules, self.rules.slot(t));
        let state = completed(state, self.state_length());
        let row = state[0];
        let passed = |(memory, &value): (&[f64], &f64)| {
            let (seen, daily) = rules.look(memory, cut(value), slot);
            rules.refractory.pass(memory, row, rules.novelty(seen, daily))
        };
        let features = state[1..].chunks_exact(rules.memory()).zip(x);
        rules.is_warm(row).then(|| features.map(passed).fold(0.0, f64::max))
    }

    fn advance(&self, state: &mut State, x: &[f64], t: Time) {
        self.observe(state, x, t);
    }

    fn observe(&self, state: &mut State, x: &[f64], t: Time) -> Option<f64> {
        let (rules, slot) = (&self.rules, self.rules.slot(t));
        let state = complete(state, self.state_length());
        let row = state[0];
        let mut largest = 0.0;
        for (memory, &value) in state[1..].chunks_exact_mut(rules.memory()).zip(x) {
            let value = cut(value);
            let (seen, daily) = rules.look(memory, value, slot);
            if rules.is_warm(row) {
                let passed = rules.refractory.pass(memory, row, rules.novelty(seen, daily));
                Refractory::take_in(memory, row, passed);
                largest = f64::max(largest, passed);
            }
            rules.take_in(memory, row, value, slot, (seen, daily));
        }
        state[0] = row + 1.0;
        rules.is_warm(row).then_some(largest)
    }

    fn attribute(&self, state: &State, x: &[f64], t: Time, shares: &mut [f64]) {
        let (rules, slot) = (&self.rules, self.rules.slot(t));
        let state = completed(state, self.state_length());
        let features = state[1..].chunks_exact(rules.memory()).zip(x);
        for ((memory, &value), share) in features.zip(shares) {
            let (seen, daily) = rules.look(memory, cut(value), slot);
            *share = rules.novelty(seen, daily);
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
