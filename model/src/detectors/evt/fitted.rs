//! A fitted `evt`.

use serde::{Deserialize, Serialize};

use super::chart::{Chart, LARGEST, Pace, fit_prediction};
use super::kind::NAME;
use crate::detectors::streams::{Refractory, complete, completed};
use crate::scaler::StandardScaler;
use crate::{Detector, FitError, RestoreError, State, Time, TrainingRows, encode};

/// A fitted `evt`. Its state is the number of rows seen, and then for each feature the memories of the refractory time and
/// of the chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Evt {
    standardise: StandardScaler,
    charts: Box<[Chart]>,
    pace: Pace,
    refractory: Refractory,
    /// The state after the training rows.
    trained: Box<[f64]>,
}

impl Evt {
    pub(super) fn fit(pace: Pace, refractory: Refractory, rows: &TrainingRows) -> Result<Self, FitError> {
        let standardise = StandardScaler::fit(&rows.view())?;
        let mut detector = Self { standardise, charts: Box::default(), pace, refractory, trained: Box::default() };
        detector.charts = (0..rows.width()).map(|feature| detector.fit_chart(feature, rows)).collect();
        let mut state = detector.blank_state();
        for segment in rows.segments() {
            detector.break_off(&mut state);
            for index in segment {
                detector.advance(&mut state, rows.row(index), rows.time(index));
            }
        }
        detector.break_off(&mut state);
        // Nothing that training told silences the first live rows.
        for memory in state.values_mut()[1..].chunks_exact_mut(detector.memory()) {
            memory[..Refractory::MEMORY].fill(0.0);
        }
        detector.trained = state.values().into();
        Ok(detector)
    }

    fn fit_chart(&self, feature: usize, rows: &TrainingRows) -> Chart {
        let series: Vec<f64> = rows.column(feature).map(|value| self.scale(feature, value)).collect();
        Chart::fit(fit_prediction(&series, rows.segments()), self.pace, |see| {
            let mut memory = vec![0.0; self.pace.memory()];
            Pace::begin(&mut memory);
            for segment in rows.segments() {
                self.pace.break_off(&mut memory);
                for index in segment {
                    let slot = self.slot(rows.time(index));
                    see(&memory, slot, series[index]);
                    self.pace.take_in(&mut memory, slot, series[index]);
                }
            }
        })
    }

    /// Whether its numbers belong together; they may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        self.standardise.check(self.charts.len())?;
        self.charts.iter().try_for_each(Chart::check)?;
        if !(self.pace.adaptation >= 0.0 && self.pace.adaptation <= 1.0) {
            return Err(RestoreError::new("adaptation must be a share"));
        }
        let is_memory =
            self.trained.len() == self.state_length() && self.trained.iter().all(|number| number.abs() <= 1e18);
        if is_memory { Ok(()) } else { Err(RestoreError::new("the memory does not fit the features")) }
    }

    fn scale(&self, feature: usize, value: f64) -> f64 {
        self.standardise.scale(feature, value).clamp(-LARGEST, LARGEST)
    }

    fn slot(&self, t: Time) -> usize {
        self.pace.rhythm.map_or(0, |rhythm| rhythm.slot(t))
    }

    /// Numbers that are remembered of a feature.
    fn memory(&self) -> usize {
        Refractory::MEMORY + self.pace.memory()
    }

    fn state_length(&self) -> usize {
        1 + self.width() * self.memory()
    }

    fn break_off(&self, state: &mut State) {
        for memory in state.values_mut()[1..].chunks_exact_mut(self.memory()) {
            self.pace.break_off(&mut memory[Refractory::MEMORY..]);
        }
    }

    /// How rare a standardised value is.
    fn rarity(&self, feature: usize, memory: &[f64], slot: usize, value: f64) -> f64 {
        self.charts[feature].rarity(self.pace, &memory[Refractory::MEMORY..], slot, value)
    }
}

impl Detector for Evt {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.standardise.width()
    }

    fn initial_state(&self) -> State {
        State::new(self.trained.clone())
    }

    fn blank_state(&self) -> State {
        let mut state = State::zeros(self.state_length());
        for memory in state.values_mut()[1..].chunks_exact_mut(self.memory()) {
            Pace::begin(&mut memory[Refractory::MEMORY..]);
        }
        state
    }

    fn score(&self, state: &State, x: &[f64], t: Time) -> Option<f64> {
        let slot = self.slot(t);
        let state = completed(state, self.state_length());
        let features = state[1..].chunks_exact(self.memory()).zip(x).enumerate();
        let passed = features.map(|(feature, (memory, &value))| {
            self.refractory.pass(memory, state[0], self.rarity(feature, memory, slot, self.scale(feature, value)))
        });
        Some(passed.fold(0.0, f64::max))
    }

    fn advance(&self, state: &mut State, x: &[f64], t: Time) {
        self.observe(state, x, t);
    }

    fn observe(&self, state: &mut State, x: &[f64], t: Time) -> Option<f64> {
        let slot = self.slot(t);
        let (length, memory) = (self.state_length(), self.memory());
        let state = complete(state, length);
        let row = state[0];
        let mut largest = 0.0;
        for (feature, (memory, &value)) in state[1..].chunks_exact_mut(memory).zip(x).enumerate() {
            let value = self.scale(feature, value);
            let passed = self.refractory.pass(memory, row, self.rarity(feature, memory, slot, value));
            Refractory::take_in(memory, row, passed);
            largest = f64::max(largest, passed);
            self.pace.take_in(&mut memory[Refractory::MEMORY..], slot, value);
        }
        state[0] = row + 1.0;
        Some(largest)
    }

    fn attribute(&self, state: &State, x: &[f64], t: Time, shares: &mut [f64]) {
        let slot = self.slot(t);
        let state = completed(state, self.state_length());
        let features = state[1..].chunks_exact(self.memory()).zip(x).enumerate();
        for ((feature, (memory, &value)), share) in features.zip(shares) {
            *share = self.rarity(feature, memory, slot, self.scale(feature, value));
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
