use proptest::prelude::*;

use super::StuckKind;
use crate::{
    Detector, DetectorKind, FitError, Label, ModelSpec, ParamValue, Params, Registry, State, Time, TrainingRows,
};

const SECOND: i64 = 1_000_000;

fn fit(given: &[(&str, f64)], rows: &TrainingRows) -> Result<Box<dyn Detector>, FitError> {
    #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
    let value = |number: f64| {
        if number.fract() == 0.0 { ParamValue::Integer(number as i64) } else { ParamValue::Number(number) }
    };
    let given = given.iter().map(|(name, number)| ((*name).to_owned(), value(*number)));
    let params = Params::resolve(StuckKind.parameters(), given).map_err(FitError::Parameters)?;
    StuckKind.fit(&params, rows, &Registry::default())
}

/// Steps of 1 up and down between 0 and 4, a row a second.
fn staircase(rows: usize) -> TrainingRows {
    let mut table = TrainingRows::new(1);
    (0..).zip(0..rows).for_each(|(second, row)| table.push_at(&[stair(row)], Time(second * SECOND)));
    table
}

fn stair(row: usize) -> f64 {
    [0.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0][row % 8]
}

/// The scores of values that come `step` microseconds apart.
#[track_caller]
fn check(given: &[(&str, f64)], step: i64, values: &[f64], expected: &[f64]) {
    let detector = fit(given, &staircase(80)).unwrap();
    let mut state = detector.initial_state();
    let times = (0..).map(|row| Time(row * step));
    let scores: Vec<f64> =
        values.iter().zip(times).map(|(value, t)| detector.observe(&mut state, &[*value], t).unwrap()).collect();
    assert_eq!(scores, expected);
}

#[test]
fn a_value_that_does_not_change_is_stuck_after_so_many_rows() {
    // The middle of the range is 2, so that this value is nowhere near its ends.
    check(&[("flat_rows", 4.0)], SECOND, &[2.0; 6], &[0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
    // Learned: no row repeats the one before, so that it is the least of ten rows.
    check(&[], SECOND, &[2.0; 3], &[0.0, 0.1, 0.2]);
}

#[test]
fn a_value_that_does_not_change_is_stuck_after_so_many_seconds() {
    check(&[("flat_time", 10.0)], 4 * SECOND, &[2.0; 4], &[0.0, 0.4, 0.8, 1.2]);
}

#[test]
fn small_changes_are_none_and_a_slow_ramp_is_no_flat_line() {
    let given = [("flat_rows", 2.0), ("tolerance", 0.5), ("rate", 1000.0), ("low", -98.0), ("high", 102.0)];
    check(&given, SECOND, &[2.0, 2.25, 1.75, 2.0], &[0.0, 0.5, 1.0, 1.5]);
    let detector = fit(&given, &staircase(80)).unwrap();
    let mut state = detector.initial_state();
    for row in 0..100 {
        let score = detector.observe(&mut state, &[2.0 + 0.3 * f64::from(row)], Time(0)).unwrap();
        assert!(score <= 0.5, "row {row}: {score}");
    }
}

#[test]
fn a_change_is_too_fast_by_the_second_and_jitter_does_not_make_it_so() {
    // The fastest in training is 1 per second, and the limit twice that.
    check(&[], SECOND, &[2.0, 4.0], &[0.0, 1.0]);
    check(&[], 2 * SECOND, &[2.0, 4.0], &[0.0, 0.5]);
    check(&[], SECOND / 1000, &[2.0, 4.0], &[0.0, 1.0]);
    check(&[], 0, &[2.0, 4.0], &[0.0, 1.0]);
    check(&[("rate", 0.5)], SECOND, &[2.0, 3.0], &[0.0, 2.0]);
}

#[test]
fn without_times_changes_are_counted_by_the_row() {
    let mut rows = TrainingRows::new(1);
    (0..80).for_each(|row| rows.push(&[stair(row)]));
    let detector = fit(&[], &rows).unwrap();
    let mut state = detector.initial_state();
    detector.advance(&mut state, &[2.0], Time(0));
    let after_an_hour = detector.score(&state, &[4.0], Time(3600 * SECOND));
    assert_eq!(after_an_hour, Some(1.0));
}

#[test]
fn a_value_out_of_range_is_wrong_at_once() {
    // Seen: 0 to 4, so that the limits are 2 ± 4.
    check(&[], SECOND, &[7.0], &[1.25]);
    check(&[("low", 0.0), ("high", 4.0)], SECOND, &[-1.0], &[1.5]);
}

#[test]
fn a_feature_that_never_changed_teaches_no_limits() {
    let mut rows = TrainingRows::new(2);
    (0..40).for_each(|row| rows.push(&[5.0, stair(row)]));
    let detector = fit(&[], &rows).unwrap();
    let mut state = detector.initial_state();
    (0..1000).for_each(|row| detector.advance(&mut state, &[5.0, stair(row)], Time(0)));
    assert!(detector.score(&state, &[5.0, stair(1000)], Time(0)).unwrap() <= 0.5);
}

#[test]
fn a_flat_line_in_training_does_not_go_on_across_a_border() {
    let mut rows = TrainingRows::new(1);
    for part in 0..4 {
        rows.start_segment();
        (0..15).for_each(|row| rows.push(&[if row == 0 { f64::from(part) } else { 9.0 }]));
    }
    let detector = fit(&[], &rows).unwrap();
    let mut state = detector.initial_state();
    (0..=26).for_each(|_| detector.advance(&mut state, &[5.0], Time(0)));
    // The longest flat line has 13 rows without a change, so that the limit is 26.
    assert_eq!(detector.score(&state, &[5.0], Time(0)), Some(27.0 / 26.0));
}

#[test]
fn the_chain_calls_a_stuck_value_an_anomaly_and_blames_its_feature() {
    let mut rows = TrainingRows::new(2);
    (0..80).for_each(|row| rows.push(&[stair(row), stair(row + 3)]));
    let model = ModelSpec::defaults_of(&StuckKind).fit(&Registry::builtin(), rows).unwrap();
    assert!(model.training_share_labelled() <= 0.0);
    let (mut state, mut shares) = (model.initial_state(), [0.0; 2]);
    for row in 0..12 {
        let assessment = model.observe_explaining(&mut state, &[stair(row), 2.0], Time(0), &mut shares).unwrap();
        assert_eq!(assessment.label, if row > 10 { Label::Anomaly } else { Label::Normal }, "row {row}");
    }
    assert!(shares[0] <= 0.0 && shares[1] >= 1.0, "{shares:?}");
}

#[test]
fn a_range_has_its_lower_end_first() {
    let error = fit(&[("low", 3.0), ("high", 2.5)], &staircase(20)).unwrap_err();
    let expected = "low is 3 and high 2.5; give the lower end first".to_owned();
    assert_eq!(error, FitError::Detector { kind: "stuck", reason: expected });
}

#[test]
fn nonsense_does_not_come_back_from_bytes() {
    let detector = fit(&[("flat_time", 60.0)], &staircase(80)).unwrap();
    let bytes = detector.save();
    assert_eq!(format!("{:?}", StuckKind.restore(&bytes, &Registry::default()).unwrap()), format!("{detector:?}"));
    for place in 0..bytes.len() {
        for flip in 1..=255_u8 {
            let mut broken = bytes.clone();
            broken[place] ^= flip;
            // Whatever still comes back has to work.
            if let Ok(detector) = StuckKind.restore(&broken, &Registry::default()) {
                let mut state = detector.initial_state();
                let _ = detector.observe(&mut state, &[7.0], Time(5));
                let score = detector.score(&state, &[-7e300], Time(i64::MIN)).unwrap();
                assert!(score.is_finite());
            }
        }
    }
    assert!(StuckKind.restore(&bytes[1..], &Registry::default()).is_err());
}

proptest! {
    #[test]
    fn score_says_what_observe_says_and_huge_values_stay_finite(
        rows in prop::collection::vec(prop::collection::vec(prop_oneof![Just(2.0), -5.0..5.0_f64, Just(f64::MAX), Just(f64::MIN), -1e300..1e300_f64], 2), 12..60),
        steps in prop::collection::vec(any::<i64>(), 60),
    ) {
        let mut training = TrainingRows::new(2);
        (0..10).for_each(|index| training.push_at(&rows[index], Time(steps[index])));
        let detector = fit(&[], &training).unwrap();
        for mut state in [detector.initial_state(), State::zeros(1), State::zeros(10_000)] {
            let mut moved = state.clone();
            for (row, t) in rows.iter().zip(&steps) {
                let score = detector.score(&state, row, Time(*t)).unwrap();
                prop_assert!(score.is_finite(), "{:?}", score);
                detector.advance(&mut moved, row, Time(*t));
                let observed = detector.observe(&mut state, row, Time(*t)).unwrap();
                prop_assert_eq!(observed.to_bits(), score.to_bits());
                prop_assert_eq!(&state, &moved);
            }
        }
        prop_assert!(StuckKind.restore(&detector.save(), &Registry::default()).is_ok());
    }
}
