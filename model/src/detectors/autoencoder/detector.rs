//! A trained autoencoder as a detector.

use serde::{Deserialize, Serialize};

use super::kind::NAME;
use super::network::Network;
use super::train::bounded;
use crate::{Detector, RestoreError, State, Time, encode};

/// How the differences between a row and its reconstruction become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReconstructionError {
    /// Their Euclidean norm: `PyOD`'s.
    #[default]
    Norm,
    /// Their mean square, which networks are usually trained to lower.
    MeanSquare,
    /// Their mean magnitude.
    MeanAbsolute,
}

/// A fitted `autoencoder`. It has no short memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Autoencoder {
    pub(super) network: Network,
    #[serde(default)]
    pub(super) error: ReconstructionError,
}

impl Autoencoder {
    pub(crate) fn new(network: Network, error: ReconstructionError) -> Self {
        Self { network, error }
    }

    /// For what may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        self.network.check()
    }

    /// Calls `f` with the differences between the row and what the network makes of it.
    fn with_differences<R>(&self, x: &[f64], f: impl FnOnce(&mut dyn Iterator<Item = f64>) -> R) -> R {
        crate::scratch::with_scratch(x.len(), |row| {
            row.iter_mut().zip(x).for_each(|(to, from)| *to = bounded(*from));
            self.network.with_output(row, |found| f(&mut row.iter().zip(found).map(|(wanted, found)| wanted - found)))
        })
    }
}

impl Detector for Autoencoder {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.network.width()
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        let count = x.len() as f64;
        let score = self.with_differences(x, |differences| match self.error {
            ReconstructionError::Norm => f64::sqrt(differences.map(|difference| difference * difference).sum()),
            ReconstructionError::MeanSquare => {
                differences.map(|difference| difference * difference).sum::<f64>() / count
            }
            ReconstructionError::MeanAbsolute => differences.map(f64::abs).sum::<f64>() / count,
        });
        // A network whose sums overflow on a row has certainly not learned to put it together.
        Some(if score.is_finite() { score } else { f64::MAX })
    }

    fn attribute(&self, _: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        self.with_differences(x, |differences| {
            shares.iter_mut().zip(differences).for_each(|(share, difference)| *share = difference * difference);
        });
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
