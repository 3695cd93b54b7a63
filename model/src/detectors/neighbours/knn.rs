//! Distance to the nearest training rows (Ramaswamy, Rastogi and Shim, 2000; Angiulli and Pizzuti, 2002); PyOD's `KNN`.
//!
//! The score is the Euclidean distance to the k-th nearest training row, or the mean or median distance to the nearest k.
//! It finds what lies apart from everything seen in training, in clusters of any shape, and rises without end the
//! further out a row lies. As in PyOD a training row is not its own neighbour when training rows are scored, but its
//! duplicates are; a new row that equals a training row has a neighbour at distance 0.
//!
//! PyOD searches a tree and keeps every row. Here every kept row is measured (one feature: a binary search), and of many
//! rows evenly spaced ones are kept, so that the time of a score is bounded.

use serde::{Deserialize, Serialize};

use super::nearest::{MOST, MOST_AS_PARAMETER, Nearest, with_nearest};
use super::reference::Reference;
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, State,
    ThresholdSpec, Time, TrainingRows, decode, encode,
};

const NAME: &str = "knn";

/// The kind `knn`.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnnKind;

impl DetectorKind for KnnKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Distance to the nearest training rows; finds what lies apart from all of them, whatever shape they make."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "neighbours",
                domain: Domain::Integer { min: 1, max: MOST_AS_PARAMETER, default: 5 },
                doc: "Nearest training rows that are looked at; fewer where there are not so many.",
            },
            Parameter {
                name: "method",
                domain: Domain::Choice { options: &["largest", "mean", "median"], default: "largest" },
                doc: "Which of the distances to them is the score.",
            },
            Parameter {
                name: "most_rows",
                domain: Domain::Integer { min: 128, max: 262_144, default: 16_384 },
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
        let method = match params.text("method")? {
            "mean" => Method::Mean,
            "median" => Method::Median,
            _ => Method::Largest,
        };
        Ok(Box::new(Knn { neighbours, method, reference }))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: Knn = decode(bytes)?;
        detector.reference.check(detector.neighbours)?;
        Ok(Box::new(detector))
    }
}

/// Which of the distances to the neighbours is the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    Largest,
    Mean,
    Median,
}

impl Method {
    /// Of ascending distances. Finite, however far away.
    fn of(self, distances: &[f64]) -> f64 {
        let count = distances.len();
        let score = match self {
            Self::Largest => distances[count - 1],
            Self::Mean => distances.iter().sum::<f64>() / count as f64,
            Self::Median if count.is_multiple_of(2) => f64::midpoint(distances[count / 2 - 1], distances[count / 2]),
            Self::Median => distances[count / 2],
        };
        score.min(f64::MAX)
    }
}

/// A fitted `knn`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Knn {
    neighbours: usize,
    method: Method,
    reference: Reference,
}

impl Knn {
    /// The score of a row, `without` the row that is kept at this place.
    fn distance(&self, x: &[f64], without: Option<usize>) -> f64 {
        with_nearest(self.neighbours, |nearest| {
            self.reference.find(x, without, nearest);
            self.method.of(nearest.distances)
        })
    }

    /// The neighbours whose distances make the score.
    fn decisive<'a>(&self, nearest: &'a Nearest<'_>) -> &'a [u32] {
        match self.method {
            Method::Largest => &nearest.places[nearest.places.len() - 1..],
            Method::Mean | Method::Median => nearest.places,
        }
    }
}

impl Detector for Knn {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.reference.width()
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        Some(self.distance(x, None))
    }

    fn training_scores(&self, rows: &TrainingRows) -> Vec<f64> {
        let places = self.reference.places(rows);
        rows.rows().zip(places).map(|(row, place)| self.distance(row, place)).collect()
    }

    fn attribute(&self, _: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        shares.fill(0.0);
        with_nearest(self.neighbours, |nearest| {
            self.reference.find(x, None, nearest);
            self.decisive(nearest).iter().for_each(|&place| self.reference.add_squares(x, place, shares));
        });
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
