//! What a model is to be, and how it is fitted.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::scaler::StandardScaler;
use crate::threshold::Threshold;
use crate::{Detector, DetectorKind, FitError, Label, Model, Params, Registry, ScalerSpec, ThresholdSpec, Time};

/// Which chain is meant: kind of detector with its parameters, scaler before it, threshold after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Name of the detector kind in the registry.
    pub kind: String,
    /// Parameters of the detector. Resolved or not; fitting resolves them again.
    pub params: Params,
    /// The scaler before the detector.
    pub scaler: ScalerSpec,
    /// The threshold after it.
    pub threshold: ThresholdSpec,
}

impl ModelSpec {
    /// The chain that a kind stands for when nothing else is said.
    pub fn defaults_of(kind: &dyn DetectorKind) -> Self {
        Self {
            kind: kind.name().to_owned(),
            params: Params::defaults(kind.parameters()),
            scaler: kind.default_scaler(),
            threshold: kind.default_threshold(),
        }
    }

    /// Fits the chain to training rows, which must be in order of time.
    ///
    /// # Errors
    /// An unknown kind, parameters or threshold out of range, too few rows, cells that are not finite or too large.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a view is a reference already, and `DetectorKind::fit` takes it so"
    )]
    pub fn fit(&self, registry: &Registry, rows: ArrayView2<'_, f64>) -> Result<Model, FitError> {
        let kind = registry.get(&self.kind).ok_or_else(|| FitError::UnknownKind {
            kind: self.kind.clone(),
            known: registry.names().map(str::to_owned).collect(),
        })?;
        let params = Params::resolve(kind.parameters(), self.params.clone()).map_err(FitError::Parameters)?;
        self.threshold.validate()?;
        check_rows(kind.as_ref(), &rows)?;

        let scaler = match self.scaler {
            ScalerSpec::None => None,
            ScalerSpec::Standard => Some(StandardScaler::fit(&rows)?),
        };
        let scaled = scaler.as_ref().map_or_else(|| rows.to_owned(), |scaler| scaler.scale_rows(&rows));
        let detector = kind.fit(&params, scaled.view())?;
        let scores = replay(detector.as_ref(), &scaled.view());
        let threshold = Threshold::calibrate(self.threshold, &scores);
        let labelled = scores.iter().filter(|&&score| threshold.assess(score).label == Label::Anomaly).count();
        Ok(Model::new(scaler, detector, threshold, scores.len(), labelled))
    }
}

fn check_rows(kind: &dyn DetectorKind, rows: &ArrayView2<'_, f64>) -> Result<(), FitError> {
    // No statistics can be made of nothing, whatever a kind may say about itself.
    let needed = kind.minimum_samples().max(1);
    if rows.nrows() < needed {
        return Err(FitError::TooFewRows { kind: kind.name(), found: rows.nrows(), needed });
    }
    if rows.ncols() == 0 {
        return Err(FitError::NoColumns);
    }
    match rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), &value)) => Err(FitError::NotFinite { row, column, value }),
        None => Ok(()),
    }
}

/// The scores of the training rows, seen one after another as in live use.
fn replay(detector: &dyn Detector, rows: &ArrayView2<'_, f64>) -> Vec<f64> {
    let mut state = detector.initial_state();
    let mut row = vec![0.0; rows.ncols()];
    let mut scores = Vec::with_capacity(rows.nrows());
    for training_row in rows.rows() {
        row.iter_mut().zip(training_row).for_each(|(cell, value)| *cell = *value);
        // Training rows carry no time of their own.
        scores.push(detector.score(&state, &row, Time::default()));
        detector.advance(&mut state, &row, Time::default());
    }
    scores
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr2};

    use super::*;
    use crate::{ParamError, ParamValue};

    fn spec(kind: &str) -> ModelSpec {
        ModelSpec::defaults_of(Registry::builtin().get(kind).unwrap().as_ref())
    }

    fn ramp(rows: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, 1), |(row, _)| row as f64)
    }

    #[track_caller]
    fn check(spec: &ModelSpec, rows: &Array2<f64>, expected: &FitError) {
        assert_eq!(spec.fit(&Registry::builtin(), rows.view()).unwrap_err(), *expected);
    }

    #[test]
    fn what_cannot_be_fitted_says_why() {
        let forest = spec("isolation_forest");
        check(&forest, &ramp(3), &FitError::TooFewRows { kind: "isolation_forest", found: 3, needed: 10 });
        check(&forest, &Array2::zeros((20, 0)), &FitError::NoColumns);

        let mut rows = ramp(20);
        rows[[7, 0]] = f64::INFINITY;
        check(&forest, &rows, &FitError::NotFinite { row: 7, column: 0, value: f64::INFINITY });
        rows[[7, 0]] = 1e308;
        check(&forest, &rows, &FitError::TooLarge { column: 0 });
        rows[[7, 0]] = 1e39;
        check(&ModelSpec { scaler: ScalerSpec::None, ..forest.clone() }, &rows, &FitError::TooLarge { column: 0 });

        let unknown = ModelSpec { kind: "isolation_florist".to_owned(), ..forest.clone() };
        let error = unknown.fit(&Registry::builtin(), ramp(20).view()).unwrap_err();
        let expected = r#"unknown detector kind "isolation_florist"; use one of ewma_z, isolation_forest"#;
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn parameters_are_checked_even_when_nobody_resolved_them() {
        let params = [("tress".to_owned(), ParamValue::Integer(7))].into_iter().collect();
        let expected = FitError::Parameters(vec![ParamError::Unknown { name: "tress".to_owned() }]);
        check(&ModelSpec { params, ..spec("isolation_forest") }, &ramp(20), &expected);
    }

    #[test]
    fn a_threshold_out_of_range_is_refused() {
        let threshold = ThresholdSpec::Contamination(0.9);
        let error = ModelSpec { threshold, ..spec("ewma_z") }.fit(&Registry::builtin(), ramp(20).view()).unwrap_err();
        assert_eq!(error.to_string(), "contamination must be above 0 and at most 0.5, not 0.9");
    }

    #[test]
    fn every_builtin_kind_fits_every_odd_table_of_finite_numbers() {
        let registry = Registry::builtin();
        let tables = [
            Array2::zeros((10, 1)),
            Array2::from_elem((10, 3), -7.25e8),
            arr2(&[[1e-300], [2e-300]]).select(ndarray::Axis(0), &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
            ramp(10).select(ndarray::Axis(1), &[0; 70]),
        ];
        for kind in registry.names() {
            for table in &tables {
                let model = spec(kind).fit(&registry, table.view()).unwrap();
                let assessment = model.assess(&model.initial_state(), &vec![1.0; table.ncols()], Time(0));
                assert!(assessment.is_scored(), "{kind}: {assessment:?}");
            }
        }
    }

    #[test]
    fn a_table_in_any_memory_layout_gives_the_same_model() {
        let table = Array2::from_shape_fn((40, 2), |(row, column)| ((row * 7 + column * 3) % 11) as f64);
        let mut turned = Array2::zeros((2, 40));
        turned.assign(&table.t());
        let fit = |rows| format!("{:?}", spec("isolation_forest").fit(&Registry::builtin(), rows).unwrap());
        assert_eq!(fit(table.view()), fit(turned.t()));
    }
}
