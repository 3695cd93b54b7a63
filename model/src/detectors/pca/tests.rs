use super::*;
use crate::random::Random;
use crate::{Detector, DetectorKind, FitError, ParamValue, Params, Registry, State, Time, TrainingRows};

/// Two features that go together, a third on its own and a constant one; all with a mean of 0 but for the constant.
fn rows() -> TrainingRows {
    let mut random = Random::new(9);
    let mut normal = move || (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
    let mut rows = TrainingRows::new(4);
    for _ in 0..400 {
        let (shared, own) = (2.0 * normal(), normal());
        rows.push(&[shared, shared + 0.1 * normal(), own, 7.0]);
    }
    rows
}

fn fit_to(rows: &TrainingRows, statistic: &str, further: &[(&str, i64)]) -> Result<Box<dyn Detector>, FitError> {
    let further = further.iter().map(|(name, value)| ((*name).to_owned(), ParamValue::Integer(*value)));
    let given = std::iter::once(("statistic".to_owned(), ParamValue::Text(statistic.to_owned()))).chain(further);
    PcaKind.fit(&Params::resolve(PcaKind.parameters(), given).unwrap(), rows, &Registry::default())
}

fn fit(statistic: &str) -> Box<dyn Detector> {
    fit_to(&rows(), statistic, &[]).unwrap()
}

fn score(detector: &dyn Detector, x: &[f64]) -> f64 {
    detector.score(&State::default(), x, Time(0)).unwrap()
}

/// Far out, but as the features go together; near, but not as they do.
const LARGE: [f64; 4] = [8.0, 8.0, 0.0, 7.0];
const BROKEN: [f64; 4] = [2.0, -2.0, 0.0, 7.0];

#[test]
fn t2_sees_the_size_of_what_is_usual_and_q_what_is_not() {
    let (t2, q) = (fit("t2"), fit("q"));
    assert!(score(t2.as_ref(), &LARGE) > 10.0 && score(t2.as_ref(), &BROKEN) < 1.0);
    assert!(score(q.as_ref(), &BROKEN) > 7.5 && score(q.as_ref(), &LARGE) < 0.1);
}

#[test]
fn t2_over_all_components_is_the_mahalanobis_distance() {
    // Independent features of known variance: 1/9, …
    let cells = [[-3.0, -1.0], [-3.0, 1.0], [3.0, -1.0], [3.0, 1.0]];
    let mut rows = TrainingRows::new(2);
    (0..12).for_each(|row| rows.push(&cells[row % 4]));
    let detector = fit_to(&rows, "t2", &[("components", 2)]).unwrap();
    let (wide, narrow) = (9.0 * 12.0 / 11.0, 12.0 / 11.0);
    let expected = 4.0 / wide + 25.0 / narrow;
    assert!((score(detector.as_ref(), &[2.0, 5.0]) - expected).abs() < 1e-12);
}

#[test]
fn combined_sees_both_and_one_of_either_is_its_limit() {
    let combined = fit("combined");
    for x in [LARGE, BROKEN] {
        assert!(score(combined.as_ref(), &x) > 1.0, "{x:?}");
    }
    let rows = rows();
    let above = rows.rows().filter(|row| score(combined.as_ref(), row) > 1.0).count();
    assert!((4..=40).contains(&above), "each of the two parts alone is above 1 in 4 of the 400 training rows: {above}");
}

#[test]
fn a_constant_that_changes_is_seen_and_never_divides_by_zero() {
    let changed = [0.0, 0.0, 0.0, 7.5];
    for statistic in ["q", "combined"] {
        let detector = fit(statistic);
        assert!(score(detector.as_ref(), &changed) > 10.0 * score(detector.as_ref(), &[0.0, 0.0, 0.0, 7.0]) + 0.2);
    }
    assert!(score(fit("pyod").as_ref(), &changed) < 1e5, "a component without variance is left out");
}

#[test]
fn where_nothing_varied_every_statistic_but_t2_still_sees_a_change() {
    let mut rows = TrainingRows::new(2);
    (0..20).for_each(|_| rows.push(&[0.0, 0.0]));
    for statistic in ["pyod", "q", "combined"] {
        let detector = fit_to(&rows, statistic, &[]).unwrap();
        assert!(score(detector.as_ref(), &[3.0, 3.0]) > score(detector.as_ref(), &[0.0, 0.0]), "{statistic}");
    }
    let t2 = fit_to(&rows, "t2", &[]).unwrap();
    assert!(score(t2.as_ref(), &[3.0, 3.0]).abs() < f64::MIN_POSITIVE);
}

#[test]
fn selecting_takes_the_least_variable_of_the_kept_components() {
    // The components' ends are (1, 1, 0, 0) / √2, (0, 0, 1, 0), (-1, 1, 0, 0) / √2 nearly; the constant has none.
    let mut detectors = [(3, 1), (2, 1), (0, 0)]
        .map(|(kept, selected)| fit_to(&rows(), "pyod", &[("components", kept), ("selected", selected)]).unwrap());
    let [difference, alone, all] = detectors.each_mut().map(|detector| score(detector.as_ref(), &[0.0, 0.0, 1.0, 0.0]));
    assert!(alone < 0.5, "it lies at the end of the second component: {alone}");
    assert!(difference > 100.0, "far from the end of a component of little variance: {difference}");
    assert!(all > difference + alone);
}

#[test]
fn the_feature_that_broke_the_pattern_gets_the_blame() {
    for statistic in ["pyod", "t2", "q", "combined"] {
        let (detector, mut shares) = (fit(statistic), [0.0; 4]);
        detector.attribute(&State::default(), &[0.0, 0.1, -30.0, 7.0], Time(0), &mut shares);
        let rest = shares.iter().sum::<f64>() - shares[2];
        // Q hardly sees the third feature, which has a component of its own.
        if statistic != "q" {
            assert!(shares[2] > 3.0 * rest, "{statistic}: {shares:?}");
        }
        detector.attribute(&State::default(), &[0.0, 0.0, 0.0, 70.0], Time(0), &mut shares);
        if statistic == "q" || statistic == "combined" {
            assert!(shares[3] > 3.0 * (shares[0] + shares[1] + shares[2]), "{statistic}: {shares:?}");
        }
        assert!(shares.iter().all(|share| *share >= 0.0));
    }
}

#[test]
fn the_shares_of_distances_and_residuals_sum_up_to_the_score() {
    for statistic in ["pyod", "q"] {
        let (detector, mut shares) = (fit(statistic), [0.0; 4]);
        let x = [1.0, -2.0, 0.5, 7.25];
        detector.attribute(&State::default(), &x, Time(0), &mut shares);
        let score = score(detector.as_ref(), &x);
        assert!((shares.iter().sum::<f64>() - score).abs() < 1e-9 * score, "{statistic}");
    }
}

#[test]
fn numbers_whose_squares_overflow_are_refused() {
    let mut rows = TrainingRows::new(2);
    (0..20).for_each(|row| rows.push(&[f64::from(row), 1e200 * f64::from(row)]));
    assert_eq!(fit_to(&rows, "pyod", &[]).map(|_| ()).unwrap_err(), FitError::TooLarge { column: 1 });
}
