//! How well scores sort anomalies before normal rows.

use super::EvaluationError;
use crate::quantile::quantile;

/// Area under the ROC curve, from 0 to 1: the probability that an anomaly drawn at random scores higher than a normal
/// row drawn at random, where equal scores count half (the Mann-Whitney statistic; scikit-learn's `roc_auc_score`).
/// Takes the time of sorting the scores.
///
/// # Errors
/// Rows that do not match, scores that are not finite, or truth without both anomalies and normal rows.
pub fn roc_auc(scores: &[f64], truth: &[bool]) -> Result<f64, EvaluationError> {
    let groups = descending_groups(scores, truth)?;
    let anomalies: u128 = groups.iter().map(|group| group.anomalies).sum();
    let normal: u128 = groups.iter().map(|group| group.normal).sum();
    match (anomalies, normal) {
        (0, _) => return Err(EvaluationError::NoAnomalies),
        (_, 0) => return Err(EvaluationError::NoNormalRows),
        _ => {}
    }
    // Pairs in the right order count two and equal ones one: whole numbers, and nothing is rounded before the end.
    let mut above = 0;
    let mut twice_right = 0;
    for group in &groups {
        twice_right += group.normal * (2 * above + group.anomalies);
        above += group.anomalies;
    }
    Ok(twice_right as f64 / (2 * anomalies * normal) as f64)
}

/// Average precision, from 0 to 1: the precision at each distinct score taken as a threshold, weighted with the recall
/// gained there; without interpolation (scikit-learn's `average_precision_score`).
///
/// # Errors
/// Rows that do not match, scores that are not finite, or truth without an anomaly.
pub fn average_precision(scores: &[f64], truth: &[bool]) -> Result<f64, EvaluationError> {
    let groups = descending_groups(scores, truth)?;
    let anomalies: u128 = groups.iter().map(|group| group.anomalies).sum();
    if anomalies == 0 {
        return Err(EvaluationError::NoAnomalies);
    }
    let (mut found, mut flagged) = (0, 0);
    let mut sum = 0.0;
    for group in &groups {
        found += group.anomalies;
        flagged += group.anomalies + group.normal;
        sum += group.anomalies as f64 / anomalies as f64 * (found as f64 / flagged as f64);
    }
    Ok(sum)
}

/// Precision at n, from 0 to 1, where n is the number of true anomalies: the share of anomalies among the rows that
/// score strictly above the quantile that leaves n rows out (PyOD's `precision_n_scores`). Rows that tie at the
/// quantile are not counted as flagged; the precision of no row at all is 0.
///
/// # Errors
/// Rows that do not match, scores that are not finite, or truth without an anomaly.
pub fn precision_at_n(scores: &[f64], truth: &[bool]) -> Result<f64, EvaluationError> {
    check(scores, truth)?;
    let anomalies = truth.iter().filter(|&&is_anomaly| is_anomaly).count();
    if anomalies == 0 {
        return Err(EvaluationError::NoAnomalies);
    }
    // A percentage and back, as PyOD does it, since the last bit can decide which rows tie.
    let percent = 100.0 * (1.0 - anomalies as f64 / truth.len() as f64);
    let threshold = quantile(scores.to_vec(), percent / 100.0);
    let flagged = scores.iter().zip(truth).filter(|(score, _)| **score > threshold);
    let (count, hits) =
        flagged.fold((0_u64, 0_u64), |(count, hits), (_, &is_anomaly)| (count + 1, hits + u64::from(is_anomaly)));
    Ok(if count == 0 { 0.0 } else { hits as f64 / count as f64 })
}

/// Rows of one score.
struct Group {
    anomalies: u128,
    normal: u128,
}

/// The rows by distinct score, the highest first.
fn descending_groups(scores: &[f64], truth: &[bool]) -> Result<Vec<Group>, EvaluationError> {
    check(scores, truth)?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    // In this order "not above the next" means equal, also for zeros of either sign.
    let groups = order.chunk_by(|&a, &b| scores[a] <= scores[b]);
    let count = |rows: &[usize]| {
        let anomalies = rows.iter().filter(|&&row| truth[row]).count();
        Group { anomalies: anomalies as u128, normal: (rows.len() - anomalies) as u128 }
    };
    Ok(groups.map(count).collect())
}

fn check(scores: &[f64], truth: &[bool]) -> Result<(), EvaluationError> {
    if scores.len() != truth.len() {
        return Err(EvaluationError::Lengths { rows: scores.len(), truths: truth.len() });
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(row) => Err(EvaluationError::NotFinite { row, score: scores[row] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn truth_of(text: &str) -> Vec<bool> {
        text.chars().map(|letter| letter == '1').collect()
    }

    #[track_caller]
    fn check_all(scores: &[f64], truth: &str, [auc, average, at_n]: [f64; 3]) {
        let truth = truth_of(truth);
        let check = |found: Result<f64, EvaluationError>, expected: f64| {
            let found = found.unwrap();
            assert!((found - expected).abs() <= 1e-14, "{found} is not {expected}");
        };
        check(roc_auc(scores, &truth), auc);
        check(average_precision(scores, &truth), average);
        check(precision_at_n(scores, &truth), at_n);
    }

    #[test]
    fn figures_equal_those_of_scikit_learn_and_pyod() {
        // Printed by roc_auc_score, average_precision_score (scikit-learn 1.9.1) and precision_n_scores (PyOD 3.6.7).
        check_all(&[0.1, 0.4, 0.35, 0.8], "0011", [0.75, 0.833_333_333_333_333_3, 0.5]);
        let tied = [1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 5.0, 0.5, 2.0, 3.0];
        check_all(&tied, "0010101010", [0.708_333_333_333_333_4, 0.625, 0.5]);
        check_all(&[1.0; 4], "0101", [0.5, 0.5, 0.0]);
        check_all(&[3.0, 2.0, 1.0, 0.0], "0011", [0.0, 0.416_666_666_666_666_63, 0.0]);
    }

    #[test]
    fn figures_of_many_rows_with_ties_equal_those_of_scikit_learn_and_pyod() {
        // i = arange(101); s = (i*37)%101; s = where(i%3==0, s, s//10*10); y = ((i*i)%7==1) | (s>90)
        let scores: Vec<f64> = (0_u32..101)
            .map(|i| (i, i * 37 % 101))
            .map(|(i, s)| f64::from(if i % 3 == 0 { s } else { s / 10 * 10 }))
            .collect();
        let truth: String =
            (0..101).map(|i: usize| if i * i % 7 == 1 || scores[i] > 90.0 { '1' } else { '0' }).collect();
        check_all(&scores, &truth, [0.523_502_304_147_465_3, 0.399_429_243_407_510_2, 0.354_838_709_677_419_4]);
    }

    #[test]
    fn rows_that_say_nothing_are_named() {
        let all = [roc_auc, average_precision, precision_at_n];
        for figure in all {
            assert_eq!(figure(&[1.0], &[true, false]), Err(EvaluationError::Lengths { rows: 1, truths: 2 }));
            let error = figure(&[1.0, f64::NAN], &[true, false]).unwrap_err();
            assert_eq!(error.to_string(), "the score of row 1 is NaN; leave out rows without a finite score");
            assert_eq!(figure(&[1.0, 2.0], &[false, false]), Err(EvaluationError::NoAnomalies));
            assert_eq!(figure(&[], &[]), Err(EvaluationError::NoAnomalies));
        }
        assert_eq!(roc_auc(&[1.0, 2.0], &[true, true]), Err(EvaluationError::NoNormalRows));
        // As scikit-learn and PyOD have it: the least score is the threshold, and strictly above it all are anomalies.
        assert_eq!(average_precision(&[1.0, 2.0], &[true, true]), Ok(1.0));
        assert_eq!(precision_at_n(&[1.0, 2.0], &[true, true]), Ok(1.0));
    }

    #[test]
    fn zeros_of_either_sign_are_equal_scores() {
        assert_eq!(roc_auc(&[0.0, -0.0], &[true, false]), Ok(0.5));
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_order(
            rows in prop::collection::vec((0_u8..12, any::<bool>()), 2..80),
        ) {
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score)).collect();
            let truth: Vec<bool> = rows.iter().map(|(_, is_anomaly)| *is_anomaly).collect();
            prop_assume!(truth.contains(&true) && truth.contains(&false));
            let mut pairs = 0.0;
            let mut right = 0.0;
            for (a, _) in rows.iter().filter(|row| row.1) {
                for (b, _) in rows.iter().filter(|row| !row.1) {
                    pairs += 1.0;
                    right += match a.cmp(b) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            let area = roc_auc(&scores, &truth).unwrap();
            prop_assert!((area - right / pairs).abs() < 1e-12);

            let turned: Vec<f64> = scores.iter().map(|score| -score).collect();
            prop_assert!((roc_auc(&turned, &truth).unwrap() - (1.0 - area)).abs() < 1e-12);
        }

        #[test]
        fn a_perfect_order_is_worth_one_everywhere(normal in 1_u32..50, anomalies in 1_u32..50) {
            let scores: Vec<f64> = (0..normal + anomalies).map(f64::from).collect();
            let truth: Vec<bool> = (0..normal + anomalies).map(|row| row >= normal).collect();
            prop_assert_eq!(roc_auc(&scores, &truth), Ok(1.0));
            prop_assert!((average_precision(&scores, &truth).unwrap() - 1.0).abs() < 1e-12);
            prop_assert_eq!(precision_at_n(&scores, &truth), Ok(1.0));
        }
    }
}
