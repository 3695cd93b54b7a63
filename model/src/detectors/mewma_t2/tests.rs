use super::MewmaT2Kind;
use crate::random::Random;
use crate::{Detector, DetectorKind, ParamValue, Params, Registry, Time, TrainingRows};

const T: Time = Time(0);

/// Three features of variance 1, of which the first two go together at .8.
fn rows(count: usize, seed: u64) -> TrainingRows {
    let mut random = Random::new(seed);
    let mut rows = TrainingRows::new(3);
    for _ in 0..count {
        let (a, b, c) = (random.normal(), random.normal(), random.normal());
        rows.push(&[a, 0.8 * a + 0.6 * b, c]);
    }
    rows
}

fn fit(of: &str) -> Box<dyn Detector> {
    let given = [("of".to_owned(), ParamValue::Text(of.to_owned()))];
    let params = Params::resolve(MewmaT2Kind.parameters(), given).unwrap();
    MewmaT2Kind.fit(&params, &rows(5000, 1), &Registry::default()).unwrap()
}

/// Mean score once the memory has filled, with something added to each row.
fn settled(detector: &dyn Detector, each: impl Fn(usize) -> [f64; 3]) -> f64 {
    let mut state = detector.initial_state();
    let scores = rows(2000, 2)
        .rows()
        .enumerate()
        .map(|(index, row)| {
            let added = each(index);
            detector.observe(&mut state, &[row[0] + added[0], row[1] + added[1], row[2] + added[2]], T).unwrap()
        })
        .collect::<Vec<_>>();
    scores[50..].iter().sum::<f64>() / 1950.0
}

#[test]
fn independent_normal_rows_score_their_number_of_features_either_way() {
    for of in ["rows", "t2"] {
        let mean = settled(fit(of).as_ref(), |_| [0.0; 3]);
        // The mean of a chi-squared with three degrees of freedom, of which the shrinkage takes .14; three standard errors.
        assert!((mean - 2.86).abs() < 0.42, "{of}: {mean}");
    }
}

#[test]
fn a_shift_against_the_correlation_counts_more_than_one_along_it() {
    let detector = fit("rows");
    let along = settled(detector.as_ref(), |_| [0.7, 0.7, 0.0]);
    let against = settled(detector.as_ref(), |_| [0.7, -0.7, 0.0]);
    assert!(against > 3.0 * along && along > 3.5, "{against} {along}");
}

#[test]
fn averaged_rows_see_a_small_shift_and_averaged_t2_an_oscillation() {
    let ratio = |of, each: fn(usize) -> [f64; 3]| {
        let detector = fit(of);
        settled(detector.as_ref(), each) / settled(detector.as_ref(), |_| [0.0; 3])
    };
    let shift: fn(usize) -> [f64; 3] = |_| [0.0, 0.0, 1.0];
    let swing: fn(usize) -> [f64; 3] = |index| [0.0, 0.0, if index % 2 == 0 { 2.0 } else { -2.0 }];
    assert!(ratio("rows", shift) > 2.0 * ratio("t2", shift));
    assert!(ratio("t2", swing) > 1.5 * ratio("rows", swing));
}

#[test]
fn the_feature_that_deviates_gets_the_blame() {
    for of in ["rows", "t2"] {
        let detector = fit(of);
        let mut shares = [0.0; 3];
        detector.attribute(&detector.initial_state(), &[0.1, 0.2, -5.0], T, &mut shares);
        assert!(shares[2] > 20.0 * (shares[0] + shares[1]), "{of}: {shares:?}");
    }
}

#[test]
fn one_feature_is_a_common_ewma_chart_squared() {
    let mut column = TrainingRows::new(1);
    (0..40).for_each(|index| column.push(&[if index % 2 == 0 { 1.0 } else { -1.0 }]));
    let detector = MewmaT2Kind.fit(&Params::defaults(MewmaT2Kind.parameters()), &column, &Registry::default()).unwrap();
    let score = detector.score(&detector.initial_state(), &[4.0], T).unwrap();
    // A quarter of 4, in units of √(λ/(2 − λ)).
    assert!((score - 1.75 / 0.25).abs() < 1e-9, "{score}");
}
