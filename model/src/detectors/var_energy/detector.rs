//! The fitted detector: innovations, and the charts on them.

use serde::{Deserialize, Serialize};

use super::charts::{Charts, Choice, Readings, read};
use super::innovations::Innovations;
use super::kind::{NAME, ORDERS};
use crate::calibration::{Split, default_folds, drop_unsettled, split};
use crate::scratch::with_scratch;
use crate::{Detector, FitError, RestoreError, State, Time, TrainingRows, encode};

/// What the parameters say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) order: usize,
    pub(super) ridge: f64,
    pub(super) smoothing: f64,
    pub(super) charts: Choice,
    pub(super) adaptation: f64,
}

/// A fitted `var_energy`. Its state is the number of rows seen, up to the order; the energy chart; the average of the
/// whitened innovations; and the last z-scores, row after row, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct VarEnergy {
    innovations: Innovations,
    charts: Charts,
    adaptation: f64,
}

/// The parts of a state.
struct Memory<'a> {
    seen: f64,
    energy: f64,
    averages: &'a [f64],
    lags: &'a [f64],
}

impl VarEnergy {
    pub(super) fn fit(settings: Settings, rows: &TrainingRows) -> Result<Self, FitError> {
        let Settings { order, ridge, smoothing, charts, adaptation } = settings;
        let readings = unseen_readings(rows, order, ridge, smoothing)?;
        let innovations = Innovations::fit(rows, order, ridge)?;
        let Some(innovations) = innovations.filter(|_| !readings.is_empty()) else {
            let reason = format!("hardly a row has {order} rows before it; give longer stretches without gaps");
            return Err(FitError::Detector { kind: NAME, reason });
        };
        let charts = Charts::calibrate(charts, smoothing, rows.width(), &readings);
        Ok(Self { innovations, charts, adaptation })
    }

    /// Whether it can be worked with; it may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        self.innovations.check()?;
        self.charts.check()?;
        if self.width() > 0 && ORDERS.contains(&self.innovations.order()) && (0.0..=1.0).contains(&self.adaptation) {
            Ok(())
        } else {
            Err(RestoreError::new("width, order or adaptation is out of range"))
        }
    }

    /// A state of another model holds nothing that counts here.
    fn memory<'a>(&self, state: &'a State) -> Option<Memory<'a>> {
        let (&[seen, energy], rest) = state.values().split_first_chunk()?;
        let (averages, lags) = rest.split_at_checked(self.width())?;
        let is_ours = lags.len() == self.width() * self.innovations.order();
        is_ours.then_some(Memory { seen, energy, averages, lags })
    }

    /// Whether as many rows were seen as a prediction needs.
    fn is_warm(&self, seen: f64) -> bool {
        seen >= self.innovations.order() as f64
    }
}

/// What the charts read on the rows when each block is predicted by weights that have not seen it; the charts run on from
/// block to block.
fn unseen_readings(rows: &TrainingRows, order: usize, ridge: f64, smoothing: f64) -> Result<Vec<Readings>, FitError> {
    let mut averages = vec![0.0; rows.width()];
    let mut energy = rows.width() as f64;
    let mut unseen = Vec::with_capacity(rows.count());
    for Split { others, run, skip } in split(rows, default_folds().min(rows.count()), true) {
        if let Some(fold) = Innovations::fit(&others, order, ridge)? {
            fold.replay(&run, skip, |whitened| {
                let readings = read(smoothing, energy, &mut averages, whitened);
                energy = readings.energy;
                unseen.push(readings);
            });
        }
    }
    drop_unsettled(&mut unseen);
    Ok(unseen)
}

impl Detector for VarEnergy {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.innovations.width()
    }

    fn initial_state(&self) -> State {
        let mut state = State::zeros(2 + self.width() * (1 + self.innovations.order()));
        state.values_mut()[1] = self.charts.usual_energy();
        state
    }

    fn score(&self, state: &State, x: &[f64], _: Time) -> Option<f64> {
        let memory = self.memory(state).filter(|memory| self.is_warm(memory.seen))?;
        with_scratch(self.width(), |whitened| {
            self.innovations.whitened(x, memory.lags, whitened);
            with_scratch(self.width(), |averages| {
                averages.copy_from_slice(memory.averages);
                Some(self.charts.decide(self.charts.read(memory.energy, averages, whitened)).0)
            })
        })
    }

    fn advance(&self, state: &mut State, x: &[f64], t: Time) {
        self.observe(state, x, t);
    }

    fn observe(&self, state: &mut State, x: &[f64], _: Time) -> Option<f64> {
        self.memory(state)?;
        let width = self.width();
        let ([seen, energy], rest) = state.values_mut().split_first_chunk_mut()?;
        let (averages, lags) = rest.split_at_mut(width);
        let score = if self.is_warm(*seen) {
            with_scratch(width, |whitened| {
                self.innovations.whitened(x, lags, whitened);
                let readings = self.charts.read(*energy, averages, whitened);
                *energy = readings.energy;
                Some(self.charts.decide(readings).0)
            })
        } else {
            *seen += 1.0;
            None
        };
        lags.copy_within(..lags.len() - width, width);
        for (channel, (lag, value)) in lags.iter_mut().zip(x).enumerate() {
            *lag = self.innovations.z_score(channel, *value);
        }
        score
    }

    fn adapts(&self) -> bool {
        self.adaptation > 0.0
    }

    fn learn(&mut self, x: &[f64], _: Time) {
        self.innovations.follow(x, self.adaptation);
    }

    /// By the chart that decides: the channels' parts in the row's own innovation for energy, in the averaged one for shift.
    fn attribute(&self, state: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        let Some(memory) = self.memory(state).filter(|memory| self.is_warm(memory.seen)) else {
            return shares.fill(0.0);
        };
        with_scratch(self.width(), |whitened| {
            self.innovations.whitened(x, memory.lags, whitened);
            with_scratch(self.width(), |averages| {
                averages.copy_from_slice(memory.averages);
                let (_, is_shift) = self.charts.decide(self.charts.read(memory.energy, averages, whitened));
                self.innovations.contributions(if is_shift { averages } else { whitened }, shares);
            });
        });
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
