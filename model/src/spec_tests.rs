use ndarray::{Array2, arr2};

use super::*;
use crate::{ParamError, ParamValue, Time};

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
    let error = unknown.fit(&Registry::builtin(), ramp(20).view()).unwrap_err().to_string();
    assert!(error.starts_with(r#"unknown detector kind "isolation_florist"; use one of "#), "{error}");
}

#[test]
fn parameters_are_checked_even_when_nobody_resolved_them() {
    let params = [("tress".to_owned(), ParamValue::Integer(7))].into_iter().collect();
    let expected = FitError::Parameters(vec![ParamError::Unknown { name: "tress".to_owned() }]);
    check(&ModelSpec { params, ..spec("isolation_forest") }, &ramp(20), &expected);
}

#[test]
fn numbers_of_the_chain_out_of_their_range_are_refused() {
    let check = |spec: ModelSpec, expected: &str| {
        assert_eq!(spec.fit(&Registry::builtin(), ramp(20).view()).unwrap_err().to_string(), expected);
    };
    let threshold = ThresholdSpec::Contamination(0.9);
    check(ModelSpec { threshold, ..spec("ewma_z") }, "contamination must be above 0 and at most 0.5, not 0.9");
    check(ModelSpec { guard: Some(-1.0), ..spec("ewma_z") }, "guard must be a finite number from 0, not -1");
    check(ModelSpec { smoothing: Some(0.0), ..spec("ewma_z") }, "smoothing must be above 0 and at most 1, not 0");
    let decision = DecisionSpec { raise_after: 0, ..DecisionSpec::default() };
    check(ModelSpec { decision, ..spec("ewma_z") }, "raise_after must be 1 or more, not 0");
}

#[test]
fn every_builtin_kind_fits_every_odd_table_of_finite_numbers() {
    let registry = Registry::builtin();
    for kind in registry.names() {
        let count = registry.get(kind).unwrap().minimum_samples().max(10);
        let tables = [
            Array2::zeros((count, 1)),
            Array2::from_elem((count, 3), -7.25e8),
            arr2(&[[1e-300], [2e-300]]).select(ndarray::Axis(0), &(0..count).map(|row| row % 2).collect::<Vec<_>>()),
            ramp(count).select(ndarray::Axis(1), &[0; 70]),
        ];
        for table in &tables {
            let model = spec(kind).fit(&registry, table.view()).unwrap_or_else(|error| panic!("{kind}: {error}"));
            let mut state = model.initial_state();
            for row in 0..2 * count {
                let x = vec![(row % 7) as f64; table.ncols()];
                match model.observe(&mut state, &x, Time(i64::try_from(row).unwrap())) {
                    Ok(assessment) => assert!(assessment.score.is_finite(), "{kind}: {assessment:?}"),
                    Err(no_score) => assert_eq!(no_score, crate::NoScore::WarmingUp, "{kind}"),
                }
            }
        }
    }
}

#[test]
fn progress_is_told_after_each_of_the_fits() {
    let mut seen = Vec::new();
    spec("isolation_forest")
        .fit_reporting(&Registry::builtin(), ramp(200).view(), &mut |step| seen.push(step))
        .unwrap();
    assert_eq!(seen.len(), 11);
    assert_eq!(seen.last(), Some(&Progress { done: 11, total: 11 }));
    let fixed = ModelSpec { threshold: ThresholdSpec::Contamination(0.1), ..spec("isolation_forest") };
    seen.clear();
    fixed.fit_reporting(&Registry::builtin(), ramp(200).view(), &mut |step| seen.push(step)).unwrap();
    assert_eq!(seen, [Progress { done: 1, total: 1 }]);
}
