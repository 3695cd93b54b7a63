//! When two detectors count as equal.

use crate::reference::Figures;

/// Scores of deterministic detectors may differ by this share.
pub(crate) const TOLERANCE: f64 = 1e-6;
/// Figures of random ones may differ by three standard errors and this.
const SLACK: f64 = 0.003;

/// The greatest difference between scores, each relative to the score or, where that is larger, to the deviation of all
/// scores: a score near 0 says nothing of the accuracy it was computed with. Infinite where there are not as many.
pub(crate) fn greatest_difference(ours: &[f64], theirs: &[f64]) -> f64 {
    if ours.len() != theirs.len() {
        return f64::INFINITY;
    }
    let (_, deviation) = mean_and_deviation(theirs);
    let relative = |(ours, theirs): (&f64, &f64)| (ours - theirs).abs() / theirs.abs().max(deviation);
    // Not `f64::max`, which would lose a NaN.
    ours.iter().zip(theirs).map(relative).fold(0.0, |a, b| if b <= a { a } else { b })
}

/// Whether the means of two random detectors are as near as their seeds allow.
pub(crate) fn is_near(ours: (f64, f64), theirs: (f64, f64), seeds: (u32, u32)) -> bool {
    let variance = ours.1 * ours.1 / f64::from(seeds.0) + theirs.1 * theirs.1 / f64::from(seeds.1);
    (ours.0 - theirs.0).abs() <= 3.0 * variance.sqrt() + SLACK
}

/// Mean and deviation (divisor n − 1) over the seeds.
pub(crate) fn summary(roc_auc: &[f64], average_precision: &[f64]) -> Figures {
    Figures {
        roc_auc: mean_and_deviation(roc_auc),
        average_precision: mean_and_deviation(average_precision),
        seeds: u32::try_from(roc_auc.len()).unwrap_or(u32::MAX),
        scores: Vec::new(),
        unseen: Vec::new(),
    }
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}
