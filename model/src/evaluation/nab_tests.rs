use proptest::prelude::*;

use super::*;

/// A series of a hundred rows, fifteen of them probation, where only the named rows score, and each 1.
fn series(flagged: &[usize], windows: &[RangeInclusive<usize>]) -> ScoredSeries {
    let scores = (0..100).map(|row| f64::from(u8::from(flagged.contains(&row)))).collect();
    ScoredSeries { scores, windows: windows.to_vec() }
}

#[track_caller]
fn check(profile: Profile, flagged: &[usize], windows: &[RangeInclusive<usize>], expected: f64) {
    let found = score(profile, &[series(flagged, windows)], 1.0).unwrap();
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[test]
fn probation_is_fifteen_percent_and_at_most_750_rows() {
    assert_eq!([0, 6, 7, 100, 4999, 5000, 22_695].map(probation), [0, 0, 1, 15, 749, 750, 750]);
}

#[test]
fn silence_is_worth_nothing_and_the_first_row_of_every_window_all() {
    let windows = [20..=29, 60..=79];
    for profile in [Profile::STANDARD, Profile::FEW_FALSE_POSITIVES, Profile::FEW_FALSE_NEGATIVES] {
        check(profile, &[], &windows, 0.0);
        check(profile, &[20, 60], &windows, 100.0);
        // Further hits within a window bring nothing more.
        check(profile, &[20, 21, 25, 60, 79], &windows, 100.0);
    }
}

#[test]
fn a_late_hit_is_worth_less() {
    // The last of ten rows: place −0.1, (2/(1+e^−0.5) − 1)/(2/(1+e^−5) − 1) = 0.248241550 of the gain, and no miss.
    let late = 0.248_241_549_775_4;
    check(Profile::STANDARD, &[29], &[20..=29], 50.0 * (1.0 + late));
    check(Profile::FEW_FALSE_NEGATIVES, &[29], &[20..=29], (2.0 + late) / 3.0 * 100.0);
}

#[test]
fn a_false_alarm_costs_more_the_further_it_is_from_the_window_before() {
    let check = |row, cost: f64| check(Profile::STANDARD, &[row, 40], &[40..=50], 100.0 - 50.0 * 0.11 * cost);
    // Before any window it costs all.
    check(20, 1.0);
    // Five rows past a window of length ten: 1 − 2/(1+e^2.5).
    check(55, 0.848_283_639_957_5);
    // More than three lengths past it, all again.
    check(81, 1.0);
}

#[test]
fn rows_and_windows_in_probation_are_not_judged() {
    check(Profile::STANDARD, &[3, 14, 50], &[50..=59], 100.0);
    check(Profile::STANDARD, &[50], &[2..=6, 50..=59], 100.0);
    // A window that is half over can still be hit, but not from its beginning.
    let late = 0.834_369_263_782_5;
    check(Profile::STANDARD, &[10, 18], &[10..=24, 50..=59], 25.0 * (1.0 + late));
    assert_eq!(score(Profile::STANDARD, &[series(&[50], &[2..=6])], 1.0), None);
    assert_eq!(optimise(Profile::STANDARD, &[]), None);
}

#[test]
fn one_threshold_serves_all_series() {
    let mut first = series(&[], &[30..=39]);
    first.scores[30] = 5.0;
    let mut second = series(&[], &[30..=39]);
    second.scores[30] = 3.0;
    // The threshold that finds the second window takes in one false alarm of the first series.
    first.scores[90] = 4.0;
    let best = optimise(Profile::STANDARD, &[first.clone(), second]).unwrap();
    assert!((best.threshold - 3.0).abs() < 1e-12, "{best:?}");
    assert!((best.score - (100.0 - 100.0 * 0.11 / 4.0)).abs() < 1e-9, "{best:?}");

    first.scores[30] = f64::NAN;
    let silent = optimise(Profile::STANDARD, &[first]).unwrap();
    assert_eq!(silent, Optimum { threshold: f64::INFINITY, score: 0.0 });
}

#[test]
fn the_best_scores_equal_those_of_the_benchmarks_own_way_of_counting() {
    // Printed by a row-by-row rewriting of the benchmark's sweeper in Python; row i of series s scores (37i² + 11s) mod
    // 101, and the fourth row of the window that starts at row a scores 200 + a.
    let windows = [vec![40..=52, 120..=131], vec![10..=35, 90..=91], vec![]];
    let series = |(index, windows): (u32, &Vec<RangeInclusive<usize>>)| {
        let mut scores: Vec<f64> = (0..200).map(|row| f64::from((row * row * 37 + index * 11) % 101)).collect();
        for first in windows.iter().map(|window| *window.start()) {
            scores[first + 3] = (200 + first) as f64;
        }
        ScoredSeries { scores, windows: windows.clone() }
    };
    let all: Vec<_> = (0..).zip(&windows).map(series).collect();
    let check = |profile, expected: f64| {
        let best = optimise(profile, &all).unwrap();
        assert!((best.score - expected).abs() < 1e-9 && (best.threshold - 240.0).abs() < 1e-9, "{best:?}");
    };
    check(Profile::STANDARD, 47.852_111_839_238_35);
    check(Profile::FEW_FALSE_POSITIVES, 46.477_236_683_377_28);
    check(Profile::FEW_FALSE_NEGATIVES, 48.568_074_559_492_23);
}

proptest! {
    #[test]
    fn no_threshold_is_better_than_the_best(
        scores in prop::collection::vec(0_u8..20, 60..120),
        begin in 20_usize..40,
        width in 1_usize..15,
        threshold in 0_u8..21,
    ) {
        let scores = scores.into_iter().map(f64::from).collect();
        let all = [ScoredSeries { scores, windows: vec![begin..=begin + width - 1] }];
        for profile in [Profile::STANDARD, Profile::FEW_FALSE_POSITIVES, Profile::FEW_FALSE_NEGATIVES] {
            let best = optimise(profile, &all).unwrap();
            prop_assert!(best.score <= 100.0 + 1e-9);
            prop_assert!((score(profile, &all, best.threshold).unwrap() - best.score).abs() < 1e-9);
            prop_assert!(score(profile, &all, f64::from(threshold)).unwrap() <= best.score + 1e-9);
        }
    }
}
