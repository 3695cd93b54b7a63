//! Smoothing of scores: an exponentially weighted average (Roberts, 1959), which trades a short delay for fewer single
//! false alarms.

/// The average once a score has been taken in. The first score stands for itself.
pub(crate) fn next_average(weight: f64, average: Option<f64>, score: f64) -> f64 {
    average.map_or(score, |average| average + weight * (score - average))
}

/// Smooths a series of scores, or leaves it alone.
pub(crate) fn smooth_all(weight: Option<f64>, scores: &[f64]) -> Vec<f64> {
    let Some(weight) = weight else { return scores.to_vec() };
    let mut average = None;
    let smoothed = scores.iter().map(|&score| {
        let next = next_average(weight, average, score);
        average = Some(next);
        next
    });
    smoothed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_peak_counts_by_its_weight_and_fades() {
        assert_eq!(smooth_all(Some(0.5), &[1.0, 1.0, 9.0, 1.0]), [1.0, 1.0, 5.0, 3.0]);
    }

    #[test]
    fn without_a_weight_and_with_weight_one_nothing_changes() {
        let scores = [3.0, -1.0, 0.5];
        assert_eq!(smooth_all(None, &scores), scores);
        assert_eq!(smooth_all(Some(1.0), &scores), scores);
    }
}
