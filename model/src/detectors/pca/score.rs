//! A fitted `pca`: where a row lies relative to the principal components.

use serde::{Deserialize, Serialize};

use super::components::Components;
use crate::quantile::quantile;
use crate::scratch::with_scratch;
use crate::{Detector, RestoreError, State, Time, TrainingRows, encode};

pub(super) const NAME: &str = "pca";

/// Values are cut here, so that no square of theirs overflows.
const LARGEST_VALUE: f64 = 1e100;

/// Components whose variance is a smaller share of the whole are rounding.
pub(super) const LEAST_SHARE: f64 = 1e-12;

/// The quantile of the training rows that T² and Q are divided by before they are added up.
const LIMIT_QUANTILE: f64 = 0.99;

/// What the score is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Statistic {
    Pyod,
    T2,
    Q,
    Combined,
}

/// A row against the components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pca {
    statistic: Statistic,
    /// Of each feature in training.
    means: Box<[f64]>,
    /// One direction of length 1 after another.
    directions: Box<[f64]>,
    /// What a direction's part is divided by: with `pyod` a share of the variance or 1, otherwise the variance.
    scales: Box<[f64]>,
    /// What T² and Q are divided by; 1 unless they are combined.
    limits: [f64; 2],
}

impl Pca {
    /// The first `kept` components, of which `chosen` in the end take part, with PyOD's statistic.
    pub(super) fn pyod(components: Components, kept: usize, chosen: usize, by_variance: bool) -> Self {
        let width = components.means.len();
        let total: f64 = components.variances.iter().sum();
        let significant = components.variances.iter().filter(|variance| **variance > LEAST_SHARE * total).count();
        // Where nothing varies every direction is as good as any other, and there are no shares to divide by.
        let (kept, by_variance) = if significant == 0 { (kept, false) } else { (kept.min(significant), by_variance) };
        let kept = kept.min(components.variances.len());
        let first = kept - chosen.min(kept);
        let share = |variance: &f64| if by_variance { variance / total } else { 1.0 };
        Self {
            statistic: Statistic::Pyod,
            means: components.means.into(),
            directions: components.directions[first * width..kept * width].into(),
            scales: components.variances[first..kept].iter().map(share).collect(),
            limits: [1.0; 2],
        }
    }

    /// The first `kept` components, with a statistic that splits a row's distance into a part along them and the rest.
    pub(super) fn split(statistic: Statistic, components: Components, kept: usize, rows: &TrainingRows) -> Self {
        let width = components.means.len();
        let total: f64 = components.variances.iter().sum();
        let significant = components.variances.iter().filter(|variance| **variance > LEAST_SHARE * total).count();
        let kept = kept.min(significant);
        let mut pca = Self {
            statistic,
            means: components.means.into(),
            directions: components.directions[..kept * width].into(),
            scales: components.variances[..kept].into(),
            limits: [1.0; 2],
        };
        if statistic == Statistic::Combined {
            let both: Vec<[f64; 2]> = rows.rows().map(|row| pca.t2_and_q(row)).collect();
            // Features that depend on each other exactly leave no residual but rounding, and that is no yardstick.
            let least = [0.0, LEAST_SHARE * total];
            for part in [0, 1] {
                let limit = quantile(both.iter().map(|both| both[part]).collect(), LIMIT_QUANTILE).max(least[part]);
                pca.limits[part] = if limit > 0.0 { limit } else { 1.0 };
            }
        }
        pca
    }

    /// Of components from elsewhere, one direction after another, each with what its part is divided by.
    ///
    /// # Errors
    /// Numbers that cannot be worked with, or that do not fit each other.
    pub(crate) fn from_parts(
        statistic: Statistic,
        means: Vec<f64>,
        directions: Vec<f64>,
        scales: Vec<f64>,
    ) -> Result<Self, RestoreError> {
        let pca = Self {
            statistic,
            means: means.into(),
            directions: directions.into(),
            scales: scales.into(),
            limits: [1.0; 2],
        };
        pca.check()?;
        Ok(pca)
    }

    fn directions(&self) -> impl Iterator<Item = (&[f64], f64)> {
        self.directions.chunks_exact(self.means.len().max(1)).zip(self.scales.iter().copied())
    }

    /// PyOD's: distances from the ends of the directions.
    fn pyod_score(&self, x: &[f64]) -> f64 {
        let distance = |direction: &[f64]| {
            let parts = x.iter().zip(direction).map(|(value, end)| value.clamp(-LARGEST_VALUE, LARGEST_VALUE) - end);
            f64::sqrt(parts.map(|part| part * part).sum())
        };
        self.directions().map(|(direction, share)| distance(direction) / share).sum()
    }

    /// Hotelling's T² along the directions, and the squared length Q of what they leave of the row.
    fn t2_and_q(&self, x: &[f64]) -> [f64; 2] {
        with_scratch(x.len(), |rest| {
            self.centre(x, rest);
            let mut t2 = 0.0;
            // The directions are orthogonal, so that what one takes away changes nothing along the others.
            for (direction, variance) in self.directions() {
                let along = take_away(rest, direction);
                t2 += along * along / variance;
            }
            [t2, rest.iter().map(|part| part * part).sum()]
        })
    }

    fn centre(&self, x: &[f64], centred: &mut [f64]) {
        for ((centred, value), mean) in centred.iter_mut().zip(x).zip(&self.means) {
            *centred = (value - mean).clamp(-LARGEST_VALUE, LARGEST_VALUE);
        }
    }

    /// How the statistics split over the features: for Q the squared residuals, for T² the complete contributions
    /// (Westerhuis et al., 2000), of which the negative ones lessen T² and are no reason for it.
    fn contribute(&self, x: &[f64], shares: &mut [f64]) {
        shares.fill(0.0);
        let (has_t2, has_q) = (self.statistic != Statistic::Q, self.statistic != Statistic::T2);
        with_scratch(x.len(), |centred| {
            self.centre(x, centred);
            with_scratch(x.len(), |rest| {
                rest.copy_from_slice(centred);
                for (direction, variance) in self.directions() {
                    let along = take_away(rest, direction);
                    if has_t2 {
                        for ((share, part), end) in shares.iter_mut().zip(&*centred).zip(direction) {
                            *share += along * end * part / variance / self.limits[0];
                        }
                    }
                }
                for (share, part) in shares.iter_mut().zip(rest) {
                    *share = share.max(0.0) + if has_q { *part * *part / self.limits[1] } else { 0.0 };
                }
            });
        });
    }

    /// How the distances split over the features: each is the sum of its squared parts, divided by itself.
    fn split_distances(&self, x: &[f64], shares: &mut [f64]) {
        shares.fill(0.0);
        with_scratch(x.len(), |parts| {
            for (direction, scale) in self.directions() {
                for ((part, value), end) in parts.iter_mut().zip(x).zip(direction) {
                    *part = value.clamp(-LARGEST_VALUE, LARGEST_VALUE) - end;
                }
                let distance = f64::sqrt(parts.iter().map(|part| part * part).sum());
                if distance > 0.0 {
                    let split = shares.iter_mut().zip(&*parts);
                    split.for_each(|(share, part)| *share += part * part / distance / scale);
                }
            }
        });
    }

    /// Whether one from elsewhere can be worked with.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        let has_the_directions = self.scales.len().checked_mul(self.means.len()) == Some(self.directions.len());
        // Directions have the length 1 but for rounding.
        let is_sound = self.means.iter().all(|mean| mean.is_finite())
            && self.directions.iter().all(|entry| entry.abs() <= 1.001)
            && self.scales.iter().chain(&self.limits).all(|scale| scale.is_finite() && *scale > 0.0);
        if has_the_directions && is_sound {
            Ok(())
        } else {
            Err(RestoreError::new("the components do not fit the features"))
        }
    }
}

/// Takes a direction's part out of a row, and says how long it was.
fn take_away(row: &mut [f64], direction: &[f64]) -> f64 {
    let along: f64 = row.iter().zip(direction).map(|(part, end)| part * end).sum();
    row.iter_mut().zip(direction).for_each(|(part, end)| *part -= along * end);
    along
}

impl Detector for Pca {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.means.len()
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        let score = match self.statistic {
            Statistic::Pyod => self.pyod_score(x),
            Statistic::T2 => self.t2_and_q(x)[0],
            Statistic::Q => self.t2_and_q(x)[1],
            Statistic::Combined => {
                let [t2, q] = self.t2_and_q(x);
                t2 / self.limits[0] + q / self.limits[1]
            }
        };
        Some(score.min(f64::MAX))
    }

    fn attribute(&self, _: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        match self.statistic {
            Statistic::Pyod => self.split_distances(x, shares),
            _ => self.contribute(x, shares),
        }
        for share in shares {
            *share = share.min(f64::MAX);
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
