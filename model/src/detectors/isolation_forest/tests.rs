//! What the forest as a whole must do, seen through the kind.

use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;

use super::IsolationForestKind;
use crate::random::Random;
use crate::{Detector, DetectorKind, Label, ModelSpec, ParamValue, Params, Registry, State, Time};

fn params(seed: i64) -> Params {
    let given = [("seed".to_owned(), ParamValue::Integer(seed))];
    Params::resolve(IsolationForestKind.parameters(), given).unwrap()
}

fn fit(rows: &ArrayView2<'_, f64>, seed: i64) -> Box<dyn Detector> {
    IsolationForestKind.fit(&params(seed), &rows.view().into(), &Registry::default()).unwrap()
}

fn score(detector: &dyn Detector, x: &[f64]) -> f64 {
    detector.score(&State::default(), x, Time(0)).unwrap()
}

/// Roughly normal values of standard deviation 1.
fn noise(rows: usize, width: usize, seed: u64) -> Array2<f64> {
    let mut random = Random::new(seed);
    Array2::from_shape_simple_fn((rows, width), || (0..12).map(|_| random.unit()).sum::<f64>() - 6.0)
}

/// Share of pairs in which the anomaly scores higher than the normal row; ties count half.
fn roc_auc(normal: &[f64], anomalous: &[f64]) -> f64 {
    let wins: f64 = anomalous
        .iter()
        .flat_map(|a| normal.iter().map(move |n| if a > n { 1.0 } else { f64::from(u8::from(a >= n)) / 2.0 }))
        .sum();
    wins / (normal.len() * anomalous.len()) as f64
}

#[test]
fn what_lies_apart_scores_higher_than_what_lies_in_the_middle() {
    for width in [1, 2, 8] {
        let detector = fit(&noise(1000, width, 1).view(), 0);
        let inlier = score(detector.as_ref(), &vec![0.0; width]);
        let outlier = score(detector.as_ref(), &vec![6.0; width]);
        assert!(inlier < 0.5 && outlier > 0.6, "{width} features: {inlier} inside, {outlier} outside");
    }
}

#[test]
fn scattered_anomalies_are_told_from_a_cluster() {
    let detector = fit(&noise(1000, 4, 2).view(), 5);
    let score_all = |rows: Array2<f64>| -> Vec<f64> {
        rows.rows().into_iter().map(|row| score(detector.as_ref(), &row.to_vec())).collect()
    };
    let auc = roc_auc(&score_all(noise(500, 4, 3)), &score_all(noise(100, 4, 4) * 3.0));
    assert!(auc > 0.93, "{auc}");
}

#[test]
fn beyond_the_trained_range_the_score_stays_the_same() {
    let detector = fit(&noise(500, 1, 6).view(), 0);
    assert_eq!(score(detector.as_ref(), &[50.0]).to_bits(), score(detector.as_ref(), &[1e300]).to_bits());
}

#[test]
fn the_default_threshold_flags_both_far_ends_and_few_normal_values() {
    for seed in 0..10 {
        let spec = ModelSpec::defaults_of(&IsolationForestKind);
        let model = spec.fit(&Registry::builtin(), noise(500, 1, 100 + seed).view()).unwrap();
        let is_flagged =
            |value: f64| model.assess(&model.initial_state(), &[value], Time(0)).unwrap().label == Label::Anomaly;
        assert!(is_flagged(-12.0) && is_flagged(12.0), "seed {seed}");
        let flagged = noise(2000, 1, 200 + seed).iter().filter(|&&value| is_flagged(value)).count();
        assert!(flagged < 100, "{flagged} of 2000 fresh normal values, seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_forest_and_another_seed_another() {
    for width in [1, 3] {
        let rows = noise(300, width, 7);
        let print = |seed| format!("{:?}", fit(&rows.view(), seed));
        assert_eq!(print(7), print(7));
        assert_ne!(print(7), print(8));
    }
}

/// Holds the bits of a few scores: a change here is a change of every model that anyone trains.
#[test]
fn scores_stay_the_same_across_versions_and_platforms() {
    let single = fit(&noise(500, 1, 8).view(), 1);
    let several = fit(&noise(500, 3, 9).view(), 1);
    let found = [0.0, 1.5, -4.0].map(|value| {
        (score(single.as_ref(), &[value]).to_bits(), score(several.as_ref(), &[value, -value, 0.5]).to_bits())
    });
    let expected = [
        (0x3fdd_317b_8000_0000, 0x3fd9_2f6f_f188_107a),
        (0x3fe0_9b3a_4000_0000, 0x3fe0_06db_fd3c_7089),
        (0x3fe8_0745_2000_0000, 0x3fe6_c72c_a0bd_137f),
    ];
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn scores_lie_between_zero_and_one_for_any_table_and_any_row(
        cells in prop::collection::vec(any::<f32>().prop_filter("finite", |cell| cell.is_finite()), 8..200),
        width in 1_usize..5,
        x in prop::collection::vec(any::<f64>().prop_filter("a number", |value| !value.is_nan()), 4),
    ) {
        let cells: Vec<f64> = cells.into_iter().map(f64::from).collect();
        let count = cells.len() / width;
        let rows = ArrayView2::from_shape((count, width), &cells[..count * width]).unwrap();
        let score = score(fit(&rows, 0).as_ref(), &x[..width]);
        prop_assert!((0.0..=1.0).contains(&score), "{}", score);
    }
}
