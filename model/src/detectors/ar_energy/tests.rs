use ndarray::Array2;

use super::ArEnergyKind;
use crate::random::Random;
use crate::{Detector, DetectorKind, ParamValue, Params, Registry, Time, TrainingRows};

const T: Time = Time(0);

/// Two independent channels, each .8 of its last value and noise.
fn rows(count: usize, seed: u64) -> TrainingRows {
    let mut random = Random::new(seed);
    let mut last = [0.0, 0.0];
    let mut rows = TrainingRows::new(2);
    for _ in 0..count {
        last = last.map(|value| 0.8 * value + 0.6 * random.normal());
        rows.push(&last);
    }
    rows
}

fn fit(combine: &str, rows: &TrainingRows) -> Box<dyn Detector> {
    fit_in("channel", combine, rows)
}

fn fit_in(unit: &str, combine: &str, rows: &TrainingRows) -> Box<dyn Detector> {
    let given = [("combine", combine), ("unit", unit)]
        .map(|(name, value)| (name.to_owned(), ParamValue::Text(value.to_owned())));
    let params = Params::resolve(ArEnergyKind.parameters(), given).unwrap();
    ArEnergyKind.fit(&params, rows, &Registry::default()).unwrap()
}

fn scores(detector: &dyn Detector, rows: &TrainingRows) -> Vec<Option<f64>> {
    let mut state = detector.initial_state();
    rows.rows().map(|row| detector.observe(&mut state, row, T)).collect()
}

fn mean(scores: &[Option<f64>]) -> f64 {
    scores.iter().flatten().sum::<f64>() / scores.iter().flatten().count() as f64
}

#[test]
fn normal_rows_score_the_share_of_variance_that_the_past_does_not_explain() {
    let scores = scores(fit("mean", &rows(5000, 1)).as_ref(), &rows(5000, 2));
    assert_eq!(scores[..2], [None, None]);
    // 1 − .8² = .36.
    assert!((mean(&scores) - 0.36).abs() < 0.03, "{}", mean(&scores));
}

#[test]
fn the_largest_energy_stands_out_more_than_the_mean_when_one_channel_fails() {
    let training = rows(2000, 1);
    let mut swinging = TrainingRows::new(2);
    for (index, row) in rows(500, 3).rows().enumerate() {
        swinging.push(&[row[0] + if index % 2 == 0 { 1.0 } else { -1.0 }, row[1]]);
    }
    let ratio = |combine| {
        let detector = fit(combine, &training);
        mean(&scores(detector.as_ref(), &swinging)) / mean(&scores(detector.as_ref(), &rows(500, 3)))
    };
    assert!(ratio("max") > 1.2 * ratio("mean") && ratio("mean") > 2.0, "{} {}", ratio("max"), ratio("mean"));
}

#[test]
fn in_units_of_its_residual_a_calm_channel_has_the_same_say_as_a_restless_one() {
    // The first channel is nearly as its last value was, the second is noise.
    let run = |count: usize, seed: u64, kick: f64| {
        let mut random = Random::new(seed);
        let (mut calm, mut rows) = (0.0, TrainingRows::new(2));
        for index in 0..count {
            calm = 0.99 * calm + 0.14 * random.normal();
            rows.push(&[calm + if index % 2 == 0 { kick } else { -kick }, random.normal()]);
        }
        rows
    };
    let ratio = |unit| {
        let detector = fit_in(unit, "max", &run(3000, 1, 0.0));
        mean(&scores(detector.as_ref(), &run(1000, 2, 0.3))) / mean(&scores(detector.as_ref(), &run(1000, 2, 0.0)))
    };
    assert!(ratio("residual") > 3.0 && ratio("channel") < 1.5, "{} {}", ratio("residual"), ratio("channel"));
    let mean = mean(&scores(fit_in("residual", "mean", &rows(5000, 1)).as_ref(), &rows(5000, 2)));
    assert!((mean - 1.0).abs() < 0.08, "{mean}");
}

#[test]
fn a_jump_inside_the_range_stands_out_and_is_blamed_on_its_channel() {
    let detector = fit("max", &rows(2000, 1));
    let mut state = detector.initial_state();
    let usual = (0..100).filter_map(|_| detector.observe(&mut state, &[-1.5, 0.0], T)).last().unwrap();
    let mut shares = [0.0; 2];
    detector.attribute(&state, &[1.5, 0.0], T, &mut shares);
    assert!(shares[0] > 20.0 * shares[1], "{shares:?}");
    assert!(detector.observe(&mut state, &[1.5, 0.0], T).unwrap() > 5.0 * usual.max(0.1));
}

#[test]
fn an_absurd_value_is_forgotten_within_some_hundred_rows() {
    let detector = fit("mean", &rows(2000, 1));
    let mut state = detector.initial_state();
    for value in [0.0, 0.0, 1e300] {
        detector.advance(&mut state, &[value, 0.0], T);
    }
    assert!(detector.score(&state, &[0.0, 0.0], T).unwrap() > 1e10);
    (0..400).for_each(|_| detector.advance(&mut state, &[0.0, 0.0], T));
    assert!(detector.score(&state, &[0.0, 0.0], T).unwrap() < 0.01);
}

#[test]
fn any_change_of_a_constant_training_value_stands_out() {
    let detector = fit("mean", &Array2::from_elem((50, 2), 5.0).view().into());
    let mut state = detector.initial_state();
    (0..5).for_each(|_| detector.advance(&mut state, &[5.0, 5.0], T));
    assert!(detector.score(&state, &[5.0, 5.0], T).unwrap() < 1e-12);
    assert!(detector.score(&state, &[5.0, 6.0], T).unwrap() > 0.01);
}

#[test]
fn detector_and_memory_of_one_channel_take_less_than_half_a_kilobyte() {
    let column: TrainingRows = Array2::from_shape_fn((100, 1), |(row, _)| (row % 7) as f64).view().into();
    let detector = fit("mean", &column);
    // Mean, scale, usual energy, unit and two weights of 8 bytes, and the weights' own pointer and length.
    let owned = 6 * 8 + 16;
    let memory = 8 * detector.initial_state().values().len();
    assert!(size_of::<super::detector::ArEnergy>() + owned + memory < 512, "{memory}");
}
