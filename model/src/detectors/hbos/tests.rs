use ndarray::Array2;

use super::*;
use crate::{Detector, DetectorKind, ParamValue, Params, Registry, State, Time, encode};

/// Fitted to 0, 1, …, 99 in one column and to their squares in a second one, if there are two.
fn fit(width: usize, given: &[(&str, ParamValue)]) -> Box<dyn Detector> {
    let rows = Array2::from_shape_fn((100, width), |(row, column)| (row as f64).powi(1 + i32::from(column > 0)));
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let params = Params::resolve(HbosKind.parameters(), given).unwrap();
    HbosKind.fit(&params, &rows.view().into(), &Registry::default()).unwrap()
}

fn score(detector: &dyn Detector, x: &[f64]) -> f64 {
    detector.score(&State::default(), x, Time(0)).unwrap()
}

#[test]
fn an_even_spread_scores_its_density_everywhere() {
    let detector = fit(1, &[]);
    for value in [0.0, 5.0, 50.0, 99.0] {
        assert!((score(detector.as_ref(), &[value]) + libm::log2(0.1 / 9.9 + 0.1)).abs() < 1e-12, "{value}");
    }
}

#[test]
fn rare_values_score_higher_than_frequent_ones() {
    let detector = fit(2, &[]);
    assert!(score(detector.as_ref(), &[50.0, 9000.0]) > score(detector.as_ref(), &[50.0, 100.0]));
}

#[test]
fn a_little_outside_is_the_outermost_bin_and_far_outside_the_rarest() {
    let detector = fit(2, &[]);
    // The second feature's bins are 980.1 wide; the first is its most frequent one, and the rarest hold 5 values.
    let [frequent, near, far] = [1.0, -490.0, -491.0].map(|value| score(detector.as_ref(), &[50.0, value]));
    assert_eq!(near.to_bits(), frequent.to_bits());
    assert!(far > near);
    assert_eq!(far.to_bits(), score(detector.as_ref(), &[50.0, 1e300]).to_bits());
    let exact = fit(2, &[("tolerance", ParamValue::Integer(0))]);
    assert_eq!(score(exact.as_ref(), &[50.0, -1e-3]).to_bits(), far.to_bits());
}

#[test]
fn the_feature_with_the_rare_value_gets_the_blame() {
    let mut shares = [0.0; 2];
    fit(2, &[]).attribute(&State::default(), &[50.0, 1e6], Time(0), &mut shares);
    assert!(shares[1] > 0.0 && shares[0].abs() < 1e-12, "{shares:?}");
}

#[test]
fn tables_that_make_no_sense_do_not_come_back() {
    let check = |tolerance: f64, edges: &[f64], scores: &[f64], expected: &str| {
        let bytes = encode(&ciborium::Value::Map(vec![
            ("tolerance".into(), tolerance.into()),
            ("features".into(), ciborium::Value::Array(vec![bins(edges, scores)])),
        ]));
        let error = HbosKind.restore(&bytes, &Registry::default()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(2.0, &[0.0, 1.0], &[1.0], "tolerance");
    check(0.5, &[0.0, 1.0], &[1.0, 2.0], "feature 0");
    check(0.5, &[0.0], &[], "feature 0");
    check(0.5, &[1.0, 0.0], &[1.0], "feature 0");
    check(0.5, &[0.0, 1.0], &[f64::NAN], "feature 0");
}

fn bins(edges: &[f64], scores: &[f64]) -> ciborium::Value {
    let list = |numbers: &[f64]| ciborium::Value::Array(numbers.iter().map(|number| (*number).into()).collect());
    ciborium::Value::Map(vec![
        ("edges".into(), list(edges)),
        ("scores".into(), list(scores)),
        ("rarest".into(), 1.0.into()),
        ("commonest".into(), 1.0.into()),
    ])
}
