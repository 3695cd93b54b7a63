use ndarray::Array2;

use super::*;
use crate::{Detector, DetectorKind, ParamValue, Params, Registry, State, Time, TrainingRows};

/// Two columns of 50 values: symmetric from -24.5 to 24.5, and skewed to the right from 1 to about 1900.
fn rows() -> TrainingRows {
    let cell = |(row, column): (usize, usize)| {
        if column == 0 { row as f64 - 24.5 } else { libm::exp(row as f64 / 6.5) }
    };
    Array2::from_shape_fn((50, 2), cell).view().into()
}

fn fit(kind: &dyn DetectorKind) -> Box<dyn Detector> {
    kind.fit(&Params::defaults(kind.parameters()), &rows(), &Registry::default()).unwrap()
}

fn score(detector: &dyn Detector, x: &[f64]) -> f64 {
    detector.score(&State::default(), x, Time(0)).unwrap()
}

fn log(count: f64) -> f64 {
    libm::log(count)
}

#[test]
fn a_value_beyond_all_scores_the_logarithm_of_their_number_and_no_more() {
    for kind in [&EcodKind as &dyn DetectorKind, &CopodKind] {
        let detector = fit(kind);
        let middle = score(detector.as_ref(), &[0.0, 40.0]);
        let outside = score(detector.as_ref(), &[0.0, 1e4]);
        assert_eq!(outside.to_bits(), score(detector.as_ref(), &[0.0, 1e300]).to_bits(), "{}", kind.name());
        assert!(outside > middle + 3.0, "{}: {outside} {middle}", kind.name());
        let both = score(detector.as_ref(), &[1e300, 1e300]);
        assert!((both - 2.0 * log(51.0)).abs() < 1e-12, "{}: {both}", kind.name());
    }
}

#[test]
fn ecod_sees_both_tails_and_copod_halves_the_one_that_the_skewness_points_away_from() {
    let (ecod, copod) = (fit(&EcodKind), fit(&CopodKind));
    let low = [0.0, 0.5];
    let difference = score(ecod.as_ref(), &low) - score(copod.as_ref(), &low);
    assert!((difference - 0.5 * log(51.0)).abs() < 1e-12, "{difference}");
}

#[test]
fn a_training_row_scores_as_one_of_the_rows_and_a_new_one_as_one_more() {
    let detector = fit(&EcodKind);
    let rows = rows();
    let trained = detector.training_scores(&rows);
    assert_eq!(trained.len(), 50);
    // The last row is the greatest of 50, and then one of two that are the greatest of 51.
    assert!((trained[49] - 2.0 * log(50.0)).abs() < 1e-12, "{}", trained[49]);
    assert!((score(detector.as_ref(), rows.row(49)) - 2.0 * log(51.0 / 2.0)).abs() < 1e-12);
}

#[test]
fn fewer_kept_values_give_nearly_the_same_scores() {
    let mut random = crate::random::Random::new(3);
    let rows = Array2::from_shape_fn((5000, 2), |_| (0..6).map(|_| random.unit()).sum::<f64>());
    let fit = |most_rows: i64| {
        let given = [("most_rows".to_owned(), ParamValue::Integer(most_rows))];
        let params = Params::resolve(EcodKind.parameters(), given).unwrap();
        EcodKind.fit(&params, &rows.view().into(), &Registry::default()).unwrap()
    };
    let (whole, few) = (fit(5000), fit(500));
    assert!(few.save().len() < whole.save().len() / 8);
    for row in rows.rows() {
        let x = row.to_vec();
        let (exact, close) = (score(whole.as_ref(), &x), score(few.as_ref(), &x));
        // Ten ranks lie between two kept values, so that the outermost ten values cannot be told apart as well.
        let tolerance = if exact > log(100.0) { 2.5 } else { 0.1 };
        assert!((exact - close).abs() < tolerance, "{x:?}: {exact} {close}");
    }
}

#[test]
fn the_shares_are_the_terms_of_the_score() {
    let detector = fit(&CopodKind);
    let (x, mut shares) = ([3.0, 1500.0], [0.0; 2]);
    detector.attribute(&State::default(), &x, Time(0), &mut shares);
    assert!(shares[1] > shares[0] && shares[0] > 0.0);
    assert_eq!(shares.iter().sum::<f64>().to_bits(), score(detector.as_ref(), &x).to_bits());
}

#[test]
fn what_one_kind_saved_the_other_does_not_take() {
    let registry = Registry::default();
    assert!(EcodKind.restore(&fit(&EcodKind).save(), &registry).is_ok());
    let error = CopodKind.restore(&fit(&EcodKind).save(), &registry).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "ecod is no copod");
}
