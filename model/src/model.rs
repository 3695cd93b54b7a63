//! A fitted chain: scaler -> detector -> threshold -> label.

use crate::scaler::StandardScaler;
use crate::threshold::Threshold;
use crate::{Assessment, Detector, RowError, State, Time};

/// A fitted chain. Reading it changes nothing, so any number of callers share one behind an `Arc`, each with its own
/// [`State`].
#[derive(Debug)]
pub struct Model {
    scaler: Option<StandardScaler>,
    detector: Box<dyn Detector>,
    threshold: Threshold,
    training_samples: usize,
    training_labelled: usize,
}

impl Model {
    pub(crate) fn new(
        scaler: Option<StandardScaler>,
        detector: Box<dyn Detector>,
        threshold: Threshold,
        training_samples: usize,
        training_labelled: usize,
    ) -> Self {
        Self { scaler, detector, threshold, training_samples, training_labelled }
    }

    /// Features per row.
    pub fn width(&self) -> usize {
        self.detector.width()
    }

    /// The kind of detector.
    pub fn kind(&self) -> &'static str {
        self.detector.kind()
    }

    /// The score above which a row is an anomaly; 0 with contamination.
    pub fn threshold(&self) -> f64 {
        self.threshold.value()
    }

    /// Rows that the model was fitted to.
    pub fn training_samples(&self) -> usize {
        self.training_samples
    }

    /// Share of the training rows, from 0 to 1, that the model itself calls anomalies.
    pub fn training_share_labelled(&self) -> f64 {
        self.training_labelled as f64 / self.training_samples as f64
    }

    /// The short memory before the first row.
    pub fn initial_state(&self) -> State {
        self.detector.initial_state()
    }

    /// Whether a row can be scored: of the right width, and finite throughout.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn check_row(&self, x: &[f64]) -> Result<(), RowError> {
        if x.len() != self.width() {
            return Err(RowError::Width { expected: self.width(), found: x.len() });
        }
        match x.iter().position(|value| !value.is_finite()) {
            Some(column) => Err(RowError::NotFinite { column, value: x[column] }),
            None => Ok(()),
        }
    }

    /// Scores and labels a row, and changes nothing. The score is what the detector would say having taken the row in.
    ///
    /// A row that [`check_row`](Self::check_row) refuses gets the score NaN and the label normal; ask
    /// [`Assessment::is_scored`]. Does not allocate for rows of up to 64 values.
    pub fn assess(&self, state: &State, x: &[f64], t: Time) -> Assessment {
        let score = match self.check_row(x) {
            Ok(()) => self.with_scaled(x, |scaled| self.detector.score(state, scaled, t)),
            Err(_) => f64::NAN,
        };
        self.threshold.assess(score)
    }

    /// Moves the short memory with a good-quality row, anomalous or not. A row that [`check_row`](Self::check_row)
    /// refuses moves nothing.
    pub fn advance(&self, state: &mut State, x: &[f64], t: Time) {
        if self.check_row(x).is_ok() {
            self.with_scaled(x, |scaled| self.detector.advance(state, scaled, t));
        }
    }

    /// The row as the detector sees it.
    ///
    /// # Errors
    /// A row that cannot be scored.
    pub fn scale(&self, x: &[f64]) -> Result<Vec<f64>, RowError> {
        self.check_row(x)?;
        Ok(self.with_scaled(x, <[f64]>::to_vec))
    }

    /// Calls `f` with the scaled row, which lies on the stack unless it is very wide.
    fn with_scaled<R>(&self, x: &[f64], f: impl FnOnce(&[f64]) -> R) -> R {
        let Some(scaler) = &self.scaler else { return f(x) };
        let (mut narrow, mut wide, mut heap);
        let buffer: &mut [f64] = match x.len() {
            // One feature is by far the most frequent, and clearing a large buffer costs more than scoring it.
            0..=4 => {
                narrow = [0.0; 4];
                &mut narrow[..x.len()]
            }
            5..=64 => {
                wide = [0.0; 64];
                &mut wide[..x.len()]
            }
            width => {
                heap = vec![0.0; width];
                &mut heap
            }
        };
        scaler.scale_row(x, buffer);
        f(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::{Label, ModelSpec, Registry, ThresholdSpec};

    fn fit(kind: &str, width: usize, threshold: ThresholdSpec) -> Model {
        let registry = Registry::builtin();
        let rows = Array2::from_shape_fn((200, width), |(row, column)| ((row * 37 + column * 11) % 100) as f64 / 20.0);
        let spec = ModelSpec { threshold, ..ModelSpec::defaults_of(registry.get(kind).unwrap().as_ref()) };
        spec.fit(&registry, rows.view()).unwrap()
    }

    #[test]
    fn a_model_says_what_it_is() {
        let model = fit("isolation_forest", 2, ThresholdSpec::Contamination(0.1));
        assert_eq!((model.kind(), model.width(), model.training_samples()), ("isolation_forest", 2, 200));
        assert_eq!(model.threshold().to_bits(), 0.0_f64.to_bits());
        assert!((model.training_share_labelled() - 0.1).abs() < 0.02, "{}", model.training_share_labelled());
    }

    #[test]
    fn normal_values_score_below_zero_and_far_ones_above_under_contamination() {
        let model = Arc::new(fit("isolation_forest", 1, ThresholdSpec::Contamination(0.05)));
        let state = model.initial_state();
        let inside = model.assess(&state, &[2.5], Time(0));
        let outside = model.assess(&state, &[60.0], Time(0));
        assert!(inside.score < 0.0 && inside.label == Label::Normal, "{inside:?}");
        assert!(outside.score > 0.0 && outside.label == Label::Anomaly, "{outside:?}");
    }

    #[test]
    fn the_scaled_row_is_what_standardisation_says() {
        let model = fit("isolation_forest", 1, ThresholdSpec::Contamination(0.05));
        let scaled = model.scale(&[2.475]).unwrap();
        assert!(scaled[0].abs() < 1e-12, "{scaled:?}");
    }

    #[test]
    fn rows_that_cannot_be_scored_get_no_score_and_move_nothing() {
        for kind in ["isolation_forest", "ewma_z"] {
            let model = fit(kind, 2, ThresholdSpec::Fixed(0.0));
            let mut state = model.initial_state();
            model.advance(&mut state, &[1.0, 2.0], Time(0));
            let before = state.clone();
            for row in [&[][..], &[1.0], &[1.0, 2.0, 3.0], &[f64::NAN, 1.0], &[1.0, f64::NEG_INFINITY]] {
                let assessment = model.assess(&state, row, Time(0));
                assert!(!assessment.is_scored() && assessment.label == Label::Normal, "{row:?} {assessment:?}");
                assert!(model.scale(row).is_err());
                model.advance(&mut state, row, Time(0));
                assert_eq!(state, before);
            }
        }
        let model = fit("ewma_z", 2, ThresholdSpec::Fixed(0.0));
        let error = model.check_row(&[1.0]).unwrap_err();
        assert_eq!(error.to_string(), "a row of 1 values does not fit a model of 2; give 2");
        let error = model.check_row(&[1.0, f64::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "value 1 of the row is NaN; only finite numbers can be scored");
    }

    #[test]
    fn the_score_is_what_the_advanced_state_stands_for() {
        let model = fit("ewma_z", 1, ThresholdSpec::Fixed(3.0));
        let mut state = model.initial_state();
        let first = model.assess(&state, &[9.0], Time(0));
        assert_eq!(model.assess(&state, &[9.0], Time(0)), first, "assessing must change nothing");
        model.advance(&mut state, &[9.0], Time(0));
        let second = model.assess(&state, &[9.0], Time(1));
        assert!(second.score > first.score, "the average moves on towards a lasting shift");
    }

    proptest! {
        #[test]
        fn no_sequence_of_numbers_whatever_makes_a_model_panic_or_poisons_its_memory(
            values in prop::collection::vec(any::<f64>(), 0..40), width in 1_usize..4,
        ) {
            for kind in ["isolation_forest", "ewma_z"] {
                let model = fit(kind, width, ThresholdSpec::Quantile { quantile: 0.99, factor: 1.5 });
                let mut state = model.initial_state();
                for row in values.chunks(width) {
                    let assessment = model.assess(&state, row, Time(0));
                    prop_assert_eq!(assessment.is_scored(), model.check_row(row).is_ok());
                    prop_assert!(!assessment.score.is_infinite());
                    model.advance(&mut state, row, Time(0));
                    prop_assert!(state.values().iter().all(|value| value.is_finite()));
                }
            }
        }
    }
}
