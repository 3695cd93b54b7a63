use serde::{Deserialize, Serialize};

use super::kernel::Kernel;
use super::solver::solve;
use crate::detectors::table::{LANES, Table, any_below, evenly_spaced};
use crate::{Detector, RestoreError, State, Time, TrainingRows, decode, encode};

pub(super) const NAME: &str = "ocsvm";

/// exp is 0 below the negative of this, even as a denormal number.
const VANISHING: f64 = 746.0;

/// A fitted `ocsvm`. Of the training rows only the support vectors are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ocsvm {
    gamma: f64,
    rho: f64,
    support: Table,
    /// Weight of each support vector, above 0 and at most 1.
    alphas: Box<[f64]>,
}

impl Ocsvm {
    /// Of at most so many of the rows.
    pub(super) fn fit(rows: &TrainingRows, most: usize, gamma: f64, nu: f64, tolerance: f64) -> Self {
        let picked: Vec<&[f64]> = evenly_spaced(rows.count(), most).map(|index| rows.row(index)).collect();
        let table = Table::of(rows.width(), picked.iter().copied());
        let solution = solve(&mut Kernel::new(&table, gamma), nu, tolerance);
        let weighted = || picked.iter().zip(&solution.alphas).filter(|(_, alpha)| **alpha > 0.0);
        let support: Vec<&[f64]> = weighted().map(|(row, _)| *row).collect();
        Self {
            gamma,
            rho: solution.rho,
            support: Table::of(rows.width(), support.into_iter()),
            alphas: weighted().map(|(_, alpha)| *alpha).collect(),
        }
    }

    pub(super) fn restore(bytes: &[u8]) -> Result<Self, RestoreError> {
        let detector: Self = decode(bytes)?;
        if detector.alphas.len() != detector.support.count() {
            let counts = (detector.alphas.len(), detector.support.count());
            return Err(RestoreError::new(format!("{} weights for {} support vectors", counts.0, counts.1)));
        }
        let is_sound = detector.gamma.is_finite()
            && detector.gamma > 0.0
            && detector.rho.is_finite()
            && detector.alphas.iter().all(|alpha| *alpha > 0.0 && *alpha <= 1.0);
        if is_sound { Ok(detector) } else { Err(RestoreError::new("gamma, rho and the weights must be finite")) }
    }
}

impl Detector for Ocsvm {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.support.width()
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        let limit = VANISHING / self.gamma;
        let mut sum = 0.0;
        for (block, alphas) in self.alphas.chunks(LANES).enumerate() {
            let squares = self.support.squared_distances(block, x, limit);
            if any_below(&squares, limit) {
                for (alpha, square) in alphas.iter().zip(squares) {
                    sum += alpha * libm::exp(-self.gamma * square);
                }
            }
        }
        Some(self.rho - sum)
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
