//! Local outlier factor (Breunig, Kriegel, Ng and Sander, 2000); PyOD's `LOF`, which is scikit-learn's
//! `LocalOutlierFactor` with `novelty=True`.
//!
//! How densely the neighbours of a row lie, compared with the row itself: about 1 within a cluster, dense or loose, and
//! more the lonelier a row is by its neighbours' standards. The reachability distance from p to o is the larger of their
//! distance and o's distance to its own k-th neighbour; the local reachability density of p is 1 / (mean reachability
//! distance to its neighbours + 1e-10); the score is the mean density of the neighbours divided by p's own. Training
//! rows are not their own neighbours.
//!
//! As in scikit-learn a row has exactly k neighbours. Where several rows lie at the k-th distance, the definition would
//! take all of them and scikit-learn takes those that its search comes upon; here it is the first in training (one
//! feature: the lower ones first). On data with many equal distances the two can therefore differ.

use serde::{Deserialize, Serialize};

use super::nearest::{MOST, MOST_AS_PARAMETER, Nearest, with_nearest};
use super::reference::Reference;
use crate::scratch::with_scratch;
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, State,
    ThresholdSpec, Time, TrainingRows, decode, encode,
};

const NAME: &str = "lof";
/// Keeps the density of duplicates finite; scikit-learn's number.
const LEAST_REACH: f64 = 1e-10;

/// The kind `lof`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LofKind;

impl DetectorKind for LofKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Local outlier factor; finds what is lonely by the standards of its neighbours, where some clusters are denser \
         than others."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "neighbours",
                domain: Domain::Integer { min: 1, max: MOST_AS_PARAMETER, default: 20 },
                doc: "Nearest training rows that are looked at; fewer where there are not so many.",
            },
            Parameter {
                name: "most_rows",
                domain: Domain::Integer { min: 128, max: 65_536, default: 16_384 },
                doc: "Training rows that are kept at most, since each costs time per score; of more, evenly spaced ones.",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        10
    }

    fn default_threshold(&self) -> ThresholdSpec {
        ThresholdSpec::Evt(1e-3)
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::Standard
    }

    fn keeps_training_scores(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let reference = Reference::of(rows, usize::try_from(params.integer("most_rows")?).unwrap_or(MOST))?;
        let neighbours = reference.possible(usize::try_from(params.integer("neighbours")?).unwrap_or(1));
        Ok(Box::new(Lof::fit(neighbours, reference)))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: Lof = decode(bytes)?;
        detector.reference.check(detector.neighbours)?;
        let count = detector.reference.count();
        let is_sound = detector.reaches.len() == count
            && detector.densities.len() == count
            && detector.reaches.iter().all(|reach| reach.is_finite() && *reach >= 0.0)
            && detector.densities.iter().all(|density| density.is_finite() && *density > 0.0);
        if is_sound { Ok(Box::new(detector)) } else { Err(RestoreError::new("the densities do not fit the rows")) }
    }
}

/// A fitted `lof`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Lof {
    neighbours: usize,
    reference: Reference,
    /// Distance of each kept row to its own k-th neighbour.
    reaches: Box<[f64]>,
    /// Local reachability density of each kept row.
    densities: Box<[f64]>,
}

impl Lof {
    fn fit(neighbours: usize, reference: Reference) -> Self {
        let count = reference.count();
        let (mut distances, mut places) = (Vec::new(), Vec::new());
        with_scratch(reference.width(), |row| {
            for place in 0..count {
                reference.copy_row(place, row);
                with_nearest(neighbours, |nearest| {
                    reference.find(row, Some(place), nearest);
                    distances.extend_from_slice(nearest.distances);
                    places.extend_from_slice(nearest.places);
                });
            }
        });
        let reaches: Box<[f64]> = distances.chunks_exact(neighbours).map(|own| own[neighbours - 1]).collect();
        let lists = distances.chunks_exact(neighbours).zip(places.chunks_exact(neighbours));
        let densities = lists.map(|(distances, places)| density(distances, places, &reaches)).collect();
        Self { neighbours, reference, reaches, densities }
    }

    /// The score of a row, `without` the row that is kept at this place. Finite, however far away.
    fn factor(&self, x: &[f64], without: Option<usize>) -> f64 {
        with_nearest(self.neighbours, |nearest| {
            self.reference.find(x, without, nearest);
            let Nearest { distances, places } = nearest;
            let own = density(distances, places, &self.reaches);
            let ratios = places.iter().map(|&place| self.densities[place as usize] / own);
            (ratios.sum::<f64>() / self.neighbours as f64).min(f64::MAX)
        })
    }
}

/// Local reachability density, from the distances to the neighbours and which rows those are.
fn density(distances: &[f64], places: &[u32], reaches: &[f64]) -> f64 {
    let reachable = distances.iter().zip(places).map(|(distance, &place)| distance.max(reaches[place as usize]));
    1.0 / (reachable.sum::<f64>() / distances.len() as f64 + LEAST_REACH)
}

impl Detector for Lof {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.reference.width()
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        Some(self.factor(x, None))
    }

    fn training_scores(&self, rows: &TrainingRows) -> Vec<f64> {
        let places = self.reference.places(rows);
        rows.rows().zip(places).map(|(row, place)| self.factor(row, place)).collect()
    }

    fn attribute(&self, _: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        shares.fill(0.0);
        with_nearest(self.neighbours, |nearest| {
            self.reference.find(x, None, nearest);
            nearest.places.iter().for_each(|&place| self.reference.add_squares(x, place, shares));
        });
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
