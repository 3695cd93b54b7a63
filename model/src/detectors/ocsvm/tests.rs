use proptest::prelude::*;

use super::OcsvmKind;
use super::kernel::Kernel;
use super::solver::solve;
use crate::detectors::pyod::{Case, assert_close, cases, scores};
use crate::detectors::table::Table;
use crate::random::Random;
use crate::{Detector, DetectorKind, ParamValue, Params, Registry, State, Time, TrainingRows};

fn from_pyod(case: &Case) -> Vec<(&'static str, ParamValue)> {
    let number = |name, value: f64| (name, ParamValue::Number(value));
    let gamma = case.parameter("gamma").map(|_| number("gamma", case.learned("gamma")));
    let nu = case.parameter("nu").map(|nu| number("nu", nu.as_f64().unwrap()));
    let tolerance = case.parameter("tol").map(|tolerance| number("tolerance", tolerance.as_f64().unwrap()));
    [gamma, nu, tolerance].into_iter().flatten().collect()
}

#[test]
fn scores_equal_those_of_pyod_because_the_solver_takes_the_same_steps() {
    for case in cases("ocsvm") {
        let params = from_pyod(&case);
        let detector = case.fit(&OcsvmKind, &params);
        assert_close(&case.name(), &detector.training_scores(&case.rows("train")), &case.expected("train"), 1e-11);
        assert_close(&case.name(), &scores(detector.as_ref(), &case.rows("test")), &case.expected("test"), 1e-11);
        case.compare_chain(&Registry::builtin(), "ocsvm", &params, 1e-9);
    }
}

fn noise(count: usize, width: usize, seed: u64) -> TrainingRows {
    let mut random = Random::new(seed);
    let mut rows = TrainingRows::new(width);
    for _ in 0..count {
        rows.push(&(0..width).map(|_| random.normal()).collect::<Vec<_>>());
    }
    rows
}

fn fit(params: &[(&str, ParamValue)], rows: &TrainingRows) -> Box<dyn Detector> {
    let given = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let params = Params::resolve(OcsvmKind.parameters(), given).unwrap();
    OcsvmKind.fit(&params, rows, &Registry::default()).unwrap()
}

fn score(detector: &dyn Detector, x: &[f64]) -> f64 {
    detector.score(&State::default(), x, Time(0)).unwrap()
}

proptest! {
    #[test]
    fn solutions_keep_the_constraints_and_are_optimal_to_within_the_tolerance(
        count in 2..60_usize, nu in 0.02..1.0_f64, gamma in 0.01..20.0_f64, seed in any::<u64>(), is_coarse in any::<bool>(),
    ) {
        // Coarse values make equal rows, between which there is no curvature.
        let rows = noise(count, 2, seed)
            .map(|row| row.iter_mut().for_each(|value| *value = if is_coarse { value.round() } else { *value }));
        let table = Table::of(2, rows.rows());
        let mut kernel = Kernel::new(&table, gamma);
        let solution = solve(&mut kernel, nu, 1e-6);
        prop_assert!(solution.alphas.iter().all(|alpha| (0.0..=1.0).contains(alpha)));
        prop_assert!((solution.alphas.iter().sum::<f64>() - nu * count as f64).abs() < 1e-9);
        for (row, alpha) in solution.alphas.iter().enumerate() {
            let sum: f64 = solution.alphas.iter().zip(kernel.row(row)).map(|(alpha, value)| alpha * f64::from(*value)).sum();
            // Rows without weight lie inside, rows of full weight outside, the others on the surface.
            prop_assert!(*alpha > 0.0 || sum >= solution.rho - 2e-6, "{row}: {sum} {}", solution.rho);
            prop_assert!(*alpha < 1.0 || sum <= solution.rho + 2e-6, "{row}: {sum} {}", solution.rho);
        }
    }

    #[test]
    fn what_comes_back_from_bytes_is_the_same_and_changed_bytes_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let detector = fit(&[], &noise(20, 2, 1));
        let mut bytes = detector.save();
        let back = OcsvmKind.restore(&bytes, &Registry::default()).unwrap();
        prop_assert_eq!(format!("{back:?}"), format!("{detector:?}"));
        prop_assert_eq!(&back.save(), &bytes);
        for (place, value) in &changes {
            let place = place.index(bytes.len());
            bytes[place] = *value;
        }
        if let Ok(changed) = OcsvmKind.restore(&bytes, &Registry::default()) {
            prop_assert!(score(changed.as_ref(), &vec![0.5; changed.width()]).is_finite());
        }
    }
}

#[test]
fn at_most_the_share_nu_of_the_training_rows_lies_outside_and_at_least_that_share_on_the_surface_or_outside() {
    let rows = noise(400, 2, 2);
    for nu in [0.05, 0.2, 0.5] {
        let detector = fit(&[("nu", ParamValue::Number(nu)), ("tolerance", ParamValue::Number(1e-9))], &rows);
        let scores = detector.training_scores(&rows);
        // The kernel's 32 bits leave the surface as thick as this.
        let above = |limit: f64| scores.iter().filter(|score| **score > limit).count() as f64 / 400.0;
        assert!(above(1e-4) <= nu && nu <= above(-1e-4), "{} and {} at {nu}", above(1e-4), above(-1e-4));
    }
}

#[test]
fn the_score_rises_to_a_limit_far_away() {
    let detector = fit(&[], &noise(100, 2, 3));
    let at = |value: f64| score(detector.as_ref(), &[value, -value]);
    assert!(at(0.0) < 0.0 && at(0.0) < at(2.0) && at(2.0) < at(4.0) && at(4.0) > 0.0);
    assert_eq!(at(1e3).to_bits(), at(f64::MAX).to_bits());
}

#[test]
fn rows_that_are_all_equal_or_all_weighted_still_make_a_surface() {
    let mut equal = TrainingRows::new(1);
    (0..20).for_each(|_| equal.push(&[3.0]));
    for nu in [0.3, 1.0] {
        let detector = fit(&[("nu", ParamValue::Number(nu))], &equal);
        assert!(score(detector.as_ref(), &[3.0]).abs() < 1e-5 && score(detector.as_ref(), &[5.0]) > 0.5, "{nu}");
    }
    let all = fit(&[("nu", ParamValue::Number(1.0))], &noise(50, 1, 4));
    assert!(score(all.as_ref(), &[0.0]).is_finite() && score(all.as_ref(), &[9.0]) > 0.0);
}

#[test]
fn of_many_rows_evenly_spaced_ones_are_fitted() {
    let rows = noise(300, 1, 5);
    let mut thinned = TrainingRows::new(1);
    (0..150).for_each(|place| thinned.push(rows.row(2 * place)));
    let few = fit(&[("most_rows", ParamValue::Integer(150))], &rows);
    assert_eq!(few.save(), fit(&[], &thinned).save());
    assert_eq!(few.training_scores(&rows).len(), 300);
}

#[test]
fn weights_that_do_not_fit_the_support_vectors_do_not_come_back() {
    let bytes = fit(&[], &noise(20, 1, 6)).save();
    let changed = |name: &[u8], offset: usize, value: u8| {
        let mut bytes = bytes.clone();
        let place = bytes.windows(name.len()).position(|found| found == name).unwrap() + name.len() + offset;
        bytes[place] = value;
        OcsvmKind.restore(&bytes, &Registry::default()).map(|_| ()).map_err(|error| error.to_string())
    };
    // The sign of gamma, in the first byte of a half-precision number.
    assert_eq!(changed(b"gamma", 1, 0xbc), Err("gamma, rho and the weights must be finite".to_owned()));
    assert_eq!(changed(b"gamma", 1, 0x3c), Ok(()));
}
