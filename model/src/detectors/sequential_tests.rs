//! What every streaming kind of the drift family has to keep, whatever it computes.

use proptest::prelude::*;

use super::plant::{Fault, Plant};
use crate::random::Random;
use crate::{Detector, DetectorKind, ParamValue, Params, Registry, State, Time};

const T: Time = Time(0);

/// Kinds with the parameters that change their way.
fn variants() -> Vec<(&'static str, Params)> {
    let word = |name: &str, value: &str| [(name.to_owned(), ParamValue::Text(value.to_owned()))].into_iter().collect();
    vec![
        ("ewma_z", Params::default()),
        ("ar_energy", Params::default()),
        ("ar_energy", word("combine", "max")),
        ("ar_energy", word("unit", "residual")),
        ("ar_energy", [("order".to_owned(), ParamValue::Integer(5))].into_iter().collect()),
        ("var_energy", Params::default()),
        ("var_energy", word("charts", "energy")),
        ("var_energy", word("charts", "shift")),
        ("mewma_t2", Params::default()),
        ("mewma_t2", word("of", "t2")),
    ]
}

fn with_kind<R>(name: &str, f: impl FnOnce(&dyn DetectorKind) -> R) -> R {
    f(Registry::builtin().get(name).unwrap().as_ref())
}

fn fit(name: &str, params: Params, width: usize) -> Box<dyn Detector> {
    let rows = Plant::new(width, 5).run(200, Fault::None, 0);
    with_kind(name, |kind| {
        kind.fit(&Params::resolve(kind.parameters(), params).unwrap(), &rows, &Registry::default()).unwrap()
    })
}

fn every_kind(width: usize) -> impl Iterator<Item = Box<dyn Detector>> {
    variants().into_iter().map(move |(name, params)| fit(name, params, width))
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![6 => -5.0..5.0_f64, 1 => prop::num::f64::NORMAL, 1 => Just(f64::MAX), 1 => Just(-1e300), 1 => Just(0.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn observing_says_to_the_last_bit_what_scoring_would_and_stays_finite(
        rows in prop::collection::vec([any_value(), any_value(), any_value()], 1..25),
    ) {
        for detector in every_kind(3) {
            let (mut observed, mut advanced) = (detector.initial_state(), detector.initial_state());
            for row in &rows {
                let expected = detector.score(&advanced, row, T);
                let found = detector.observe(&mut observed, row, T);
                detector.advance(&mut advanced, row, T);
                prop_assert_eq!(found.map(f64::to_bits), expected.map(f64::to_bits), "{:?}", detector);
                prop_assert!(found.is_none_or(f64::is_finite), "{:?} {:?}", found, detector);
                prop_assert_eq!(&observed, &advanced);
            }
        }
    }

    #[test]
    fn shares_are_finite_and_not_negative(
        rows in prop::collection::vec([any_value(), any_value(), any_value()], 1..12),
    ) {
        for detector in every_kind(3) {
            let mut state = detector.initial_state();
            for row in &rows {
                let mut shares = [f64::NAN; 3];
                detector.attribute(&state, row, T, &mut shares);
                prop_assert!(shares.iter().all(|share| share.is_finite() && *share >= 0.0), "{:?} {:?}", shares, detector);
                detector.advance(&mut state, row, T);
            }
        }
    }

    #[test]
    fn a_memory_of_another_length_is_no_reason_to_panic(
        memory in prop::collection::vec(-3.0..3.0_f64, 0..14), row in [any_value(), any_value(), any_value()],
    ) {
        for detector in every_kind(3) {
            let mut state = State::new(memory.clone());
            let expected = detector.score(&state, &row, T);
            let mut shares = [0.0; 3];
            detector.attribute(&state, &row, T, &mut shares);
            let length = state.values().len();
            let found = detector.observe(&mut state, &row, T);
            if length == detector.initial_state().values().len() {
                prop_assert_eq!(found.map(f64::to_bits), expected.map(f64::to_bits));
            }
        }
    }
}

#[test]
fn what_comes_back_from_bytes_is_the_same() {
    for (name, params) in variants() {
        let detector = fit(name, params, 3);
        let back = with_kind(name, |kind| kind.restore(&detector.save(), &Registry::default())).unwrap();
        assert_eq!(format!("{back:?}"), format!("{detector:?}"));
        assert_eq!(back.save(), detector.save());
    }
}

#[test]
fn damaged_bytes_make_no_detector_or_one_that_keeps_its_promises() {
    let mut random = Random::new(9);
    for (name, params) in variants() {
        let sound = fit(name, params, 3).save();
        for _ in 0..1500 {
            let mut bytes = sound.clone();
            for _ in 0..=random.index(3) {
                let place = random.index(bytes.len());
                bytes[place] = u8::try_from(random.below(256)).unwrap();
            }
            bytes.truncate(if random.below(20) == 0 { random.index(bytes.len()) } else { bytes.len() });
            let Ok(detector) = with_kind(name, |kind| kind.restore(&bytes, &Registry::default())) else { continue };
            let mut state = detector.initial_state();
            for value in [0.0, 1e300, -1e300, 1.0, 1.0, 1.0, 1.0] {
                let x = vec![value; detector.width()];
                detector.attribute(&state, &x, T, &mut vec![0.0; x.len()]);
                let score = detector.observe(&mut state, &x, T);
                assert!(score.is_none_or(f64::is_finite), "{name}: {score:?} {detector:?}");
            }
        }
    }
}

#[test]
fn learning_makes_a_lasting_level_normal_where_the_parameters_ask_for_it() {
    for name in ["ewma_z", "ar_energy", "var_energy", "mewma_t2"] {
        for rate in [0.0, 0.1] {
            let params = [("adaptation".to_owned(), ParamValue::Number(rate))].into_iter().collect();
            let mut detector = fit(name, params, 2);
            assert_eq!(detector.adapts(), rate > 0.0, "{name}");
            let settled = |detector: &dyn Detector| {
                let mut state = detector.initial_state();
                (0..300).filter_map(|_| detector.observe(&mut state, &[6.0, -7.0], T)).last().unwrap()
            };
            let before = (settled(detector.as_ref()), detector.save());
            (0..300).for_each(|_| detector.learn(&[6.0, -7.0], T));
            if rate > 0.0 {
                let after = settled(detector.as_ref());
                assert!(after < 0.1 * before.0, "{name}: {after} after {}", before.0);
            } else {
                assert_eq!(detector.save(), before.1, "{name}");
            }
            detector.learn(&[f64::MAX, f64::MIN], T);
            detector.learn(&[f64::MIN, f64::MAX], T);
            assert!(settled(detector.as_ref()).is_finite(), "{name}");
        }
    }
}

#[test]
fn a_border_between_segments_is_not_looked_across() {
    // Each half alternates; from the one to the other, and only there, a value comes twice.
    let mut whole = crate::TrainingRows::new(1);
    let mut halves = crate::TrainingRows::new(1);
    for index in 0..200 {
        let value = [if (index + index / 100) % 2 == 0 { 1.0 } else { -1.0 }];
        whole.push(&value);
        if index == 100 {
            halves.start_segment();
        }
        halves.push(&value);
    }
    for name in ["ar_energy", "var_energy"] {
        let fitted = |rows| {
            with_kind(name, |kind| kind.fit(&Params::defaults(kind.parameters()), rows, &Registry::default())).unwrap()
        };
        let highest = |detector: &dyn Detector| {
            let mut state = detector.initial_state();
            let scores = (0..100).filter_map(|index| detector.observe(&mut state, whole.row(index), T));
            scores.fold(0.0, f64::max)
        };
        let (apart, together) = (fitted(&halves), fitted(&whole));
        assert_ne!(apart.save(), together.save(), "{name}");
        assert!(highest(apart.as_ref()) < 2.0, "{name}");
    }
}
