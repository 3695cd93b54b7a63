use proptest::prelude::*;

use super::EvtKind;
use crate::random::Random;
use crate::{Detector, DetectorKind, ModelSpec, ParamValue, Params, Registry, State, Time, TrainingRows};

const FIVE_MINUTES: i64 = 300_000_000;

fn fit(given: &[(&str, ParamValue)], rows: &[Vec<f64>]) -> Box<dyn Detector> {
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let params = Params::resolve(EvtKind.parameters(), given).unwrap();
    EvtKind.fit(&params, &table(rows), &Registry::default()).unwrap()
}

fn table(rows: &[Vec<f64>]) -> TrainingRows {
    let mut table = TrainingRows::new(rows[0].len());
    (0..).zip(rows).for_each(|(index, row)| table.push_at(row, time(index)));
    table
}

fn time(row: usize) -> Time {
    Time(i64::try_from(row).unwrap() * FIVE_MINUTES)
}

fn word(text: &str) -> ParamValue {
    ParamValue::Text(text.to_owned())
}

/// A wave that repeats each day, with noise.
fn metric(seed: u64, rows: usize) -> Vec<Vec<f64>> {
    let mut random = Random::new(seed);
    let wave = |row: usize| 50.0 + 10.0 * libm::sin(row as f64 * std::f64::consts::TAU / 288.0);
    (0..rows).map(|row| vec![wave(row) + random.normal()]).collect()
}

/// The scores of the rows from `begin` on.
fn run(detector: &dyn Detector, rows: &[Vec<f64>], begin: usize) -> Vec<f64> {
    let mut state = detector.initial_state();
    let live = rows.iter().enumerate().skip(begin);
    live.map(|(row, x)| detector.observe(&mut state, x, time(row)).unwrap()).collect()
}

#[test]
fn a_usual_value_at_an_unusual_time_of_the_day_stands_out_by_the_rhythm_alone() {
    let mut rows = metric(3, 2000);
    // At the crest of the wave the value of its trough.
    for row in &mut rows[1800..1810] {
        row[0] = 40.0;
    }
    let loudest = |rhythm: &str| {
        // The autoregression sees the jump as well; what it leaves is the question here.
        let detector = fit(&[("rhythm", word(rhythm)), ("refractory", ParamValue::Integer(0))], &rows[..1000]);
        run(detector.as_ref(), &rows, 1000)[803..810].iter().copied().fold(0.0, f64::max)
    };
    let (with, without) = (loudest("daily"), loudest("none"));
    assert!(with > without + 5.0, "{with} {without}");
}

#[test]
fn fresh_normal_rows_hardly_ever_pass_the_default_threshold() {
    let mut above = 0;
    for seed in 0..4 {
        let rows = metric(seed, 6000);
        let model = ModelSpec::defaults_of(&EvtKind).fit(&Registry::builtin(), table(&rows[..1000])).unwrap();
        let mut state = model.initial_state();
        let live = (1000..6000).map(|row| model.observe(&mut state, &rows[row], time(row)).unwrap());
        above += live.filter(crate::Assessment::is_above).count();
        assert!(model.training_share_labelled() <= 0.002, "{}", model.training_share_labelled());
    }
    assert!(above <= 20, "{above} of 20000");
}

#[test]
fn an_event_is_told_once_and_a_new_level_becomes_normal() {
    let mut rows = metric(8, 9000);
    rows[2000..].iter_mut().for_each(|row| row[0] += 60.0);
    let detector = fit(&[], &rows[..1000]);
    let scores = run(detector.as_ref(), &rows, 1000);
    let told = |range: std::ops::Range<usize>| scores[range].iter().filter(|score| **score > 15.0).count();
    assert!((1..=5).contains(&told(1000..1100)), "{}", told(1000..1100));
    assert_eq!(told(6000..8000), 0);
}

#[test]
fn an_absurd_value_does_not_blind_it_to_the_next_fault() {
    let mut rows = metric(9, 1600);
    rows[1200][0] = 1e300;
    rows[1500][0] += 30.0;
    let scores = run(fit(&[], &rows[..1000]).as_ref(), &rows, 1000);
    assert!(scores[200] > 15.0 && scores[500] > 15.0, "{} {}", scores[200], scores[500]);
}

#[test]
fn without_adaptation_the_mean_stays_where_training_left_it() {
    let rows = metric(10, 1000);
    let still = fit(&[("adaptation", ParamValue::Integer(0)), ("rhythm", word("none"))], &rows);
    let mut state = still.initial_state();
    let before = state.values()[3..5].to_vec();
    (0..500).for_each(|row| still.advance(&mut state, &[90.0], time(row)));
    assert_eq!(state.values()[3..5], before);
}

#[test]
fn a_constant_stays_ordinary_and_its_first_change_does_not() {
    let rows = vec![vec![0.1, -7.25e8]; 300];
    let detector = fit(&[], &rows);
    let mut state = detector.initial_state();
    for row in 300..2000 {
        let score = detector.observe(&mut state, &rows[0], time(row)).unwrap();
        // All three views together say a tenth each.
        assert!(score <= 3.0 + 1e-9, "{score}");
    }
    assert!(detector.score(&state, &[0.2, -7.25e8], time(2000)).unwrap() > 15.0);
    let mut shares = [0.0; 2];
    detector.attribute(&state, &[0.1, -7.25e8 + 4.0], time(2000), &mut shares);
    assert!(shares[1] > 10.0 * shares[0].max(1.0), "{shares:?}");
}

#[test]
fn nonsense_does_not_come_back_from_bytes() {
    let detector = fit(&[("rhythm", word("none"))], &metric(11, 100));
    let bytes = detector.save();
    assert_eq!(format!("{:?}", EvtKind.restore(&bytes, &Registry::default()).unwrap()), format!("{detector:?}"));
    for place in 0..bytes.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut broken = bytes.clone();
            broken[place] ^= flip;
            // Whatever still comes back has to work.
            if let Ok(detector) = EvtKind.restore(&broken, &Registry::default()) {
                let row = vec![7.0; detector.width()];
                let mut state = detector.initial_state();
                let _ = detector.observe(&mut state, &row, Time(5));
                let _ = detector.score(&state, &row, Time(i64::MIN));
            }
        }
    }
    assert!(EvtKind.restore(&bytes[1..], &Registry::default()).is_err());
}

proptest! {
    #[test]
    fn score_says_what_observe_says_and_huge_values_stay_finite(
        rows in prop::collection::vec(prop::collection::vec(prop_oneof![-5.0..5.0_f64, Just(1e300), Just(-1e300), -1e300..1e300_f64], 2), 8..60),
        step in 0_i64..4_000_000_000,
        is_daily in any::<bool>(),
    ) {
        let training: Vec<Vec<f64>> = metric(12, 120).into_iter().map(|row| vec![row[0], -row[0]]).collect();
        let detector = fit(&[("rhythm", word(if is_daily { "daily" } else { "none" }))], &training);
        for mut state in [detector.initial_state(), State::default(), State::zeros(10_000)] {
            let mut moved = state.clone();
            for (index, row) in (0..).zip(&rows) {
                let t = Time(index * step);
                let score = detector.score(&state, row, t).unwrap();
                prop_assert!(score.is_finite(), "{:?}", score);
                detector.advance(&mut moved, row, t);
                let observed = detector.observe(&mut state, row, t).unwrap();
                prop_assert_eq!(observed.to_bits(), score.to_bits());
                prop_assert_eq!(&state, &moved);
            }
        }
    }
}
