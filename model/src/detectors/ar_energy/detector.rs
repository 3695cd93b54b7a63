//! The fitted detector: one autoregression per channel, and the average of its squared residuals.

use serde::{Deserialize, Serialize};

use super::kind::{NAME, ORDERS};
use crate::detectors::autoregression::Autoregression;
use crate::scaler::StandardScaler;
use crate::{Detector, RestoreError, State, Time, TrainingRows, encode};

/// Residuals are not taken to be more exact than this, in squared training deviations: a channel that was predicted
/// perfectly must not make a rounding error the event of the year.
const LEAST_UNIT: f64 = 1e-4;
/// Far beyond the square of any residual that z-scores can have.
const LARGEST_ENERGY: f64 = 1e60;

/// How the channels' energies become one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Combine {
    /// Their mean: faults that show in many channels.
    Mean,
    /// The largest: faults that show in one.
    Max,
}

/// What the energies are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// The channel's variance in training.
    Channel,
    /// The residual's mean square in training.
    Residual,
}

/// What the parameters say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) order: usize,
    pub(super) smoothing: f64,
    pub(super) adaptation: f64,
    pub(super) combine: Combine,
}

/// A fitted `ar_energy`. Its state is the number of rows seen, up to the order; the energy of each channel; and the last
/// z-scores of each channel, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ArEnergy {
    standardise: StandardScaler,
    channels: Box<[Autoregression]>,
    /// Mean squared residual of each channel in training: where its energy begins, so that the first rows are judged
    /// neither by a single residual nor by a memory of silence.
    usual: Box<[f64]>,
    /// What the energy of each channel is divided by.
    units: Box<[f64]>,
    settings: Settings,
}

/// The parts of a state.
struct Memory<'a> {
    seen: f64,
    energies: &'a [f64],
    lags: &'a [f64],
}

impl ArEnergy {
    pub(super) fn fit(
        settings: Settings,
        standardise: StandardScaler,
        rows: &TrainingRows,
        ridge: f64,
        unit: Unit,
    ) -> Self {
        let order = settings.order;
        let (mut channels, mut usual) = (Vec::with_capacity(rows.width()), Vec::with_capacity(rows.width()));
        for channel in 0..rows.width() {
            let series: Vec<f64> = rows.column(channel).map(|value| standardise.z_score(channel, value)).collect();
            let fitted = Autoregression::fit(&series, rows.segments(), order, ridge);
            let (mut sum, mut count) = (0.0, 0_u32);
            for index in rows.segments().flat_map(|segment| segment.skip(order)) {
                let residual = series[index] - fitted.predict(series[index - order..index].iter().rev().copied());
                sum += residual * residual;
                count += 1;
            }
            usual.push(sum / f64::from(count.max(1)));
            channels.push(fitted);
        }
        let units = match unit {
            Unit::Channel => vec![1.0; usual.len()],
            Unit::Residual => usual.iter().map(|energy: &f64| energy.max(LEAST_UNIT)).collect(),
        };
        Self { standardise, channels: channels.into(), usual: usual.into(), units: units.into(), settings }
    }

    /// Whether it can be worked with; it may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        let Settings { order, smoothing, adaptation, .. } = self.settings;
        self.standardise.check(self.width())?;
        if self.width() == 0
            || self.usual.len() != self.width()
            || self.units.len() != self.width()
            || !ORDERS.contains(&order)
        {
            return Err(RestoreError::new("channels, energies and order do not fit each other"));
        }
        self.channels.iter().try_for_each(|channel| channel.check(order))?;
        let are_energies = self.usual.iter().all(|energy| (0.0..=LARGEST_ENERGY).contains(energy))
            && self.units.iter().all(|unit| (LEAST_UNIT..=LARGEST_ENERGY).contains(unit));
        if !are_energies {
            return Err(RestoreError::new("energies and their units must be numbers that leave room for averages"));
        }
        if smoothing > 0.0 && smoothing <= 1.0 && (0.0..=1.0).contains(&adaptation) {
            Ok(())
        } else {
            Err(RestoreError::new("smoothing and adaptation must be shares"))
        }
    }

    /// A state of another model holds nothing that counts here.
    fn memory<'a>(&self, state: &'a State) -> Option<Memory<'a>> {
        let (seen, rest) = state.values().split_first()?;
        let (energies, lags) = rest.split_at_checked(self.width())?;
        (lags.len() == self.width() * self.settings.order).then_some(Memory { seen: *seen, energies, lags })
    }

    /// Whether as many rows were seen as a prediction needs.
    fn is_warm(&self, seen: f64) -> bool {
        seen >= self.settings.order as f64
    }

    /// The energy of a channel once a residual has been taken in.
    fn next_energy(&self, residual: f64, energy: f64) -> f64 {
        energy + self.settings.smoothing * (residual * residual - energy)
    }

    /// The energy of each channel once the row has been taken in.
    fn next_energies<'a>(&'a self, memory: &'a Memory<'_>, x: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let channels = self.channels.iter().zip(memory.lags.chunks_exact(self.settings.order));
        channels.zip(memory.energies).zip(x).enumerate().map(|(place, (((channel, lags), energy), value))| {
            let z = self.standardise.z_score(place, *value);
            self.next_energy(z - channel.predict(lags.iter().copied()), *energy)
        })
    }

    fn combine(&self, energies: impl Iterator<Item = f64>) -> f64 {
        let energies = energies.zip(&self.units).map(|(energy, unit)| energy / unit);
        match self.settings.combine {
            Combine::Mean => energies.sum::<f64>() / self.width() as f64,
            Combine::Max => energies.fold(0.0, f64::max),
        }
    }
}

impl Detector for ArEnergy {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.channels.len()
    }

    fn initial_state(&self) -> State {
        let mut state = State::zeros(1 + self.width() * (1 + self.settings.order));
        state.values_mut()[1..=self.width()].copy_from_slice(&self.usual);
        state
    }

    fn score(&self, state: &State, x: &[f64], _: Time) -> Option<f64> {
        let memory = self.memory(state).filter(|memory| self.is_warm(memory.seen))?;
        Some(self.combine(self.next_energies(&memory, x)))
    }

    fn advance(&self, state: &mut State, x: &[f64], t: Time) {
        self.observe(state, x, t);
    }

    fn observe(&self, state: &mut State, x: &[f64], _: Time) -> Option<f64> {
        self.memory(state)?;
        let (seen, rest) = state.values_mut().split_first_mut()?;
        let (energies, lags) = rest.split_at_mut(self.width());
        let is_warm = self.is_warm(*seen);
        let channels = self.channels.iter().zip(lags.chunks_exact_mut(self.settings.order));
        for (place, (((channel, lags), energy), value)) in channels.zip(&mut *energies).zip(x).enumerate() {
            let z = self.standardise.z_score(place, *value);
            let residual = z - channel.predict_and_shift(lags, z);
            if is_warm {
                *energy = self.next_energy(residual, *energy);
            }
        }
        if is_warm {
            return Some(self.combine(energies.iter().copied()));
        }
        *seen += 1.0;
        None
    }

    fn adapts(&self) -> bool {
        self.settings.adaptation > 0.0
    }

    fn learn(&mut self, x: &[f64], _: Time) {
        self.standardise.follow(x, self.settings.adaptation);
    }

    fn attribute(&self, state: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        shares.fill(0.0);
        if let Some(memory) = self.memory(state) {
            let energies = self.next_energies(&memory, x).zip(&self.units);
            shares.iter_mut().zip(energies).for_each(|(share, (energy, unit))| *share = energy / unit);
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
