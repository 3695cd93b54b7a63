//! The two control charts on whitened innovations, each measured by what it does on normal rows.

use serde::{Deserialize, Serialize};

use crate::codec::RestoreError;
use crate::quantile::quantile;

/// The value that a chart exceeds in one of a hundred normal rows counts as 1.
const QUANTILE: f64 = 0.99;

/// Far beyond what a chart reads on any row of z-scores.
const LARGEST: f64 = 1e60;

/// Which charts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Choice {
    /// The one that stands out more.
    Both,
    /// Averaged squared length alone.
    Energy,
    /// Squared length of the average alone.
    Shift,
}

/// The values of the charts on one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Readings {
    pub(super) energy: f64,
    pub(super) shift: f64,
}

/// What the charts read in training, out of sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Charts {
    choice: Choice,
    smoothing: f64,
    /// The energy chart's median: where it begins.
    usual_energy: f64,
    /// The quantiles that both are divided by, above 0.
    high_energy: f64,
    high_shift: f64,
}

impl Charts {
    /// Learns from the readings on normal rows; `width` is that of the innovations.
    pub(super) fn calibrate(choice: Choice, smoothing: f64, width: usize, readings: &[Readings]) -> Self {
        let energies: Vec<f64> = readings.iter().map(|readings| readings.energy).collect();
        let shifts = readings.iter().map(|readings| readings.shift).collect();
        // White noise would read `width` and this share of it; far below that lie only channels that never moved.
        let least = 0.01 * width as f64;
        Self {
            choice,
            smoothing,
            usual_energy: quantile(energies.clone(), 0.5),
            high_energy: quantile(energies, QUANTILE).max(least),
            high_shift: quantile(shifts, QUANTILE).max(least * smoothing / (2.0 - smoothing)),
        }
    }

    pub(super) fn usual_energy(&self) -> f64 {
        self.usual_energy
    }

    /// What the charts read once a whitened innovation has been taken in.
    pub(super) fn read(&self, energy: f64, averages: &mut [f64], whitened: &[f64]) -> Readings {
        read(self.smoothing, energy, averages, whitened)
    }

    /// The reading that counts, in units of what is high for normal rows, and whether it is the shift's.
    pub(super) fn decide(&self, readings: Readings) -> (f64, bool) {
        let (energy, shift) = (readings.energy / self.high_energy, readings.shift / self.high_shift);
        match self.choice {
            Choice::Both => (energy.max(shift), shift > energy),
            Choice::Energy => (energy, false),
            Choice::Shift => (shift, true),
        }
    }

    /// Whether it can be worked with; it may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        let is_high = |value: f64| (1e-12..=LARGEST).contains(&value);
        let is_sound = self.smoothing > 0.0
            && self.smoothing <= 1.0
            && (0.0..=LARGEST).contains(&self.usual_energy)
            && is_high(self.high_energy)
            && is_high(self.high_shift);
        if is_sound { Ok(()) } else { Err(RestoreError::new("the charts' numbers make no sense")) }
    }
}

/// What charts of this smoothing read once a whitened innovation has been taken in. `energy` is the reading before;
/// `averages` holds the averages before, and then those after.
pub(super) fn read(smoothing: f64, energy: f64, averages: &mut [f64], whitened: &[f64]) -> Readings {
    let (mut squared, mut shift) = (0.0, 0.0);
    for (average, value) in averages.iter_mut().zip(whitened) {
        *average += smoothing * (value - *average);
        squared += value * value;
        shift += *average * *average;
    }
    Readings { energy: energy + smoothing * (squared - energy), shift }
}
