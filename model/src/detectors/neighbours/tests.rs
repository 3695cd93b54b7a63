use proptest::prelude::*;

use super::{KnnKind, LofKind};
use crate::detectors::pyod::{Case, assert_close, cases, scores};
use crate::random::Random;
use crate::{Detector, DetectorKind, FitError, ParamValue, Params, Registry, State, Time, TrainingRows};

fn from_pyod(case: &Case) -> Vec<(&'static str, ParamValue)> {
    let count = case.parameter("n_neighbors").map(|count| ("neighbours", ParamValue::Integer(count.as_i64().unwrap())));
    let method = case.parameter("method").map(|word| ("method", ParamValue::Text(word.as_str().unwrap().to_owned())));
    count.into_iter().chain(method).collect()
}

#[test]
fn knn_scores_equal_those_of_pyod() {
    for case in cases("knn") {
        let params = from_pyod(&case);
        let detector = case.fit(&KnnKind, &params);
        assert_close(&case.name(), &detector.training_scores(&case.rows("train")), &case.expected("train"), 1e-12);
        assert_close(&case.name(), &scores(detector.as_ref(), &case.rows("test")), &case.expected("test"), 1e-12);
        case.compare_chain(&Registry::builtin(), "knn", &params, 1e-9);
    }
}

#[test]
fn lof_scores_equal_those_of_pyod() {
    for case in cases("lof") {
        let params = from_pyod(&case);
        let detector = case.fit(&LofKind, &params);
        assert_close(&case.name(), &detector.training_scores(&case.rows("train")), &case.expected("train"), 1e-9);
        assert_close(&case.name(), &scores(detector.as_ref(), &case.rows("test")), &case.expected("test"), 1e-9);
        case.compare_chain(&Registry::builtin(), "lof", &params, 1e-9);
    }
}

fn fit(kind: &dyn DetectorKind, params: &[(&str, ParamValue)], rows: &TrainingRows) -> Box<dyn Detector> {
    try_fit(kind, params, rows).unwrap()
}

fn try_fit(
    kind: &dyn DetectorKind,
    params: &[(&str, ParamValue)],
    rows: &TrainingRows,
) -> Result<Box<dyn Detector>, FitError> {
    let given = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    kind.fit(&Params::resolve(kind.parameters(), given).unwrap(), rows, &Registry::default())
}

fn neighbours(count: usize) -> (&'static str, ParamValue) {
    ("neighbours", ParamValue::Integer(i64::try_from(count).unwrap()))
}

fn noise(count: usize, width: usize, seed: u64) -> TrainingRows {
    let mut random = Random::new(seed);
    let mut rows = TrainingRows::new(width);
    for _ in 0..count {
        rows.push(&(0..width).map(|_| random.normal()).collect::<Vec<_>>());
    }
    rows
}

fn score(detector: &dyn Detector, x: &[f64]) -> f64 {
    detector.score(&State::default(), x, Time(0)).unwrap()
}

/// All neighbours of a row but the training row `without`, by distance and then by index, by the definition.
fn by_definition(rows: &TrainingRows, x: &[f64], without: Option<usize>) -> Vec<(f64, usize)> {
    let distance = |row: &[f64]| f64::sqrt(row.iter().zip(x).map(|(a, b)| (b - a) * (b - a)).sum());
    let mut all: Vec<_> = rows
        .rows()
        .enumerate()
        .filter(|(index, _)| Some(*index) != without)
        .map(|(index, row)| (distance(row), index))
        .collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    all
}

/// The local outlier factor by its definition.
fn factor_by_definition(rows: &TrainingRows, count: usize, x: &[f64], without: Option<usize>) -> f64 {
    let density = |x: &[f64], without| {
        let reach = |&(distance, index): &(f64, usize)| {
            distance.max(by_definition(rows, rows.row(index), Some(index))[count - 1].0)
        };
        let nearest = by_definition(rows, x, without);
        1.0 / (nearest[..count].iter().map(reach).sum::<f64>() / count as f64 + 1e-10)
    };
    let nearest = by_definition(rows, x, without);
    let others = nearest[..count].iter().map(|&(_, index)| density(rows.row(index), Some(index)));
    others.sum::<f64>() / count as f64 / density(x, without)
}

proptest! {
    #[test]
    fn knn_scores_are_what_the_definition_says(
        width in 1..19_usize, count in 10..60_usize, asked in 1..12_usize, seed in any::<u64>(), is_coarse in any::<bool>(),
    ) {
        // Coarse values make equal rows and equal distances.
        let coarse = |value: f64| if is_coarse { value.round() } else { value };
        let rows = noise(count, width, seed).map(|row| row.iter_mut().for_each(|value| *value = coarse(*value)));
        let x: Vec<f64> = noise(1, width, !seed).row(0).iter().map(|value| coarse(2.0 * value)).collect();
        let largest = fit(&KnnKind, &[neighbours(asked)], &rows);
        let kept = asked.min(count - 1);
        prop_assert_eq!(score(largest.as_ref(), &x).to_bits(), by_definition(&rows, &x, None)[kept - 1].0.to_bits());
        for (index, found) in largest.training_scores(&rows).into_iter().enumerate() {
            let expected = by_definition(&rows, rows.row(index), Some(index))[kept - 1].0;
            prop_assert_eq!(found.to_bits(), expected.to_bits());
        }
        let mean = fit(&KnnKind, &[neighbours(asked), ("method", ParamValue::Text("mean".to_owned()))], &rows);
        let expected = by_definition(&rows, &x, None)[..kept].iter().map(|found| found.0).sum::<f64>() / kept as f64;
        prop_assert!((score(mean.as_ref(), &x) - expected).abs() <= 1e-12 * expected);
    }

    #[test]
    fn lof_scores_are_what_the_definition_says(
        width in 1..5_usize, count in 10..25_usize, asked in 1..12_usize, seed in any::<u64>(),
    ) {
        let rows = noise(count, width, seed);
        let x: Vec<f64> = noise(1, width, !seed).row(0).to_vec();
        let detector = fit(&LofKind, &[neighbours(asked)], &rows);
        let kept = asked.min(count - 1);
        let expected = factor_by_definition(&rows, kept, &x, None);
        prop_assert!((score(detector.as_ref(), &x) - expected).abs() <= 1e-9 * expected);
        for (index, found) in detector.training_scores(&rows).into_iter().enumerate() {
            let expected = factor_by_definition(&rows, kept, rows.row(index), Some(index));
            prop_assert!((found - expected).abs() <= 1e-9 * expected);
        }
    }

    #[test]
    fn what_comes_back_from_bytes_is_the_same_and_changed_bytes_do_no_harm(
        width in 1..4_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let rows = noise(20, width, 1);
        for kind in [&KnnKind as &dyn DetectorKind, &LofKind] {
            let detector = fit(kind, &[neighbours(3)], &rows);
            let mut bytes = detector.save();
            let back = kind.restore(&bytes, &Registry::default()).unwrap();
            prop_assert_eq!(format!("{back:?}"), format!("{detector:?}"));
            prop_assert_eq!(&back.save(), &bytes);
            for (place, value) in &changes {
                let place = place.index(bytes.len());
                bytes[place] = *value;
            }
            if let Ok(changed) = kind.restore(&bytes, &Registry::default()) {
                let x = vec![0.5; changed.width()];
                prop_assert!(!score(changed.as_ref(), &x).is_nan());
                changed.attribute(&State::default(), &x, Time(0), &mut vec![0.0; x.len()]);
            }
        }
    }
}

#[test]
fn of_many_rows_evenly_spaced_ones_are_kept_and_the_others_count_as_new() {
    // Rows 0, 2, 4, … of 256; the values fall, so that sorting them turns their order round.
    let mut rows = TrainingRows::new(1);
    (0..256).for_each(|index| rows.push(&[-f64::from(index)]));
    let detector = fit(&KnnKind, &[neighbours(1), ("most_rows", ParamValue::Integer(128))], &rows);
    let scores = detector.training_scores(&rows);
    assert_eq!((scores.len(), &scores[..4]), (256, &[2.0, 1.0, 2.0, 1.0][..]));
    assert!((score(detector.as_ref(), &[-4.0])).abs() < 1e-12);
}

#[test]
fn a_single_lonely_row_stands_out_where_clusters_are_of_different_density() {
    let mut random = Random::new(2);
    let mut rows = TrainingRows::new(2);
    (0..100).for_each(|_| rows.push(&[0.1 * random.normal(), 0.1 * random.normal()]));
    (0..100).for_each(|_| rows.push(&[20.0 + 3.0 * random.normal(), 3.0 * random.normal()]));
    let (near_the_dense, within_the_loose) = ([1.5, 0.0], [22.0, 2.0]);
    let lof = fit(&LofKind, &[], &rows);
    assert!(score(lof.as_ref(), &near_the_dense) > 5.0 && score(lof.as_ref(), &within_the_loose) < 1.5);
}

#[test]
fn the_feature_that_is_far_from_the_neighbours_gets_the_blame() {
    let rows = noise(200, 3, 3);
    for kind in [&KnnKind as &dyn DetectorKind, &LofKind] {
        for method in ["largest", "mean"].iter().take(kind.parameters().len() - 1) {
            let params = [("method", ParamValue::Text((*method).to_owned()))];
            let detector = fit(kind, if kind.name() == "knn" { &params } else { &[] }, &rows);
            let mut shares = [0.0; 3];
            detector.attribute(&State::default(), &[0.0, 9.0, 0.2], Time(0), &mut shares);
            assert!(shares[1] > 10.0 * (shares[0] + shares[2]), "{} {method}: {shares:?}", kind.name());
        }
    }
}

#[test]
fn scores_stay_finite_however_far_away_a_row_is() {
    for (kind, width) in [(&KnnKind as &dyn DetectorKind, 1), (&KnnKind, 2), (&LofKind, 1), (&LofKind, 2)] {
        let detector = fit(kind, &[], &noise(50, width, 4));
        for value in [1e200, f64::MAX, f64::MIN] {
            let found = score(detector.as_ref(), &vec![value; width]);
            assert!(found.is_finite() && found > 1e100, "{} at {value}: {found}", kind.name());
        }
    }
}

#[test]
fn training_rows_whose_distances_overflow_are_refused() {
    let mut rows = noise(20, 2, 5);
    rows.push(&[0.0, 1e200]);
    for kind in [&KnnKind as &dyn DetectorKind, &LofKind] {
        assert_eq!(try_fit(kind, &[], &rows).unwrap_err(), FitError::TooLarge { column: 1 });
    }
}

#[test]
fn neighbours_that_cannot_be_there_do_not_come_back() {
    let bytes = fit(&KnnKind, &[], &noise(20, 1, 6)).save();
    let place = bytes.windows(10).position(|name| name == b"neighbours").unwrap() + 10;
    let restore = |count: u8| {
        let mut bytes = bytes.clone();
        bytes[place] = count;
        KnnKind.restore(&bytes, &Registry::default()).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(restore(19), Ok(()));
    assert_eq!(restore(20), Err("20 neighbours cannot be found among 20 rows".to_owned()));
    assert!(restore(0).is_err());
}
