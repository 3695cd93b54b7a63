//! What PyOD makes of a model's training scores: probabilities and confidences.

use serde::{Deserialize, Serialize};

use crate::codec::RestoreError;

/// Scores that are kept one by one; of more, as many evenly spaced ones in order of size stand for all.
const MOST_KEPT: usize = 2048;

/// How a score becomes a probability between 0 and 1 (PyOD: `method` of `predict_proba`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probability {
    /// Where the score lies between the least and the greatest training score.
    Linear,
    /// How unlikely it is among normally distributed scores of the training scores' mean and deviation (Kriegel et al.,
    /// 2011).
    Unify,
}

/// The training scores of a fitted model, reduced to what probabilities and confidences need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrainingScores {
    /// Ascending.
    sorted: Box<[f64]>,
    count: u64,
    mean: f64,
    /// With the divisor n.
    deviation: f64,
}

impl TrainingScores {
    /// Of scores as the model reports them, at least one.
    pub(crate) fn of(mut scores: Vec<f64>) -> Self {
        scores.sort_unstable_by(f64::total_cmp);
        let count = scores.len();
        let mean = scores.iter().sum::<f64>() / count as f64;
        let variance = scores.iter().map(|score| (score - mean) * (score - mean)).sum::<f64>() / count as f64;
        if count > MOST_KEPT {
            scores = (0..MOST_KEPT).map(|place| scores[place * (count - 1) / (MOST_KEPT - 1)]).collect();
        }
        Self { sorted: scores.into(), count: count as u64, mean, deviation: f64::sqrt(variance) }
    }

    pub(crate) fn probability(&self, score: f64, method: Probability) -> f64 {
        let (least, greatest) = (self.sorted[0], self.sorted[self.sorted.len() - 1]);
        match method {
            Probability::Linear if greatest > least => ((score - least) / (greatest - least)).clamp(0.0, 1.0),
            Probability::Unify if self.deviation > 0.0 => {
                let relative = (score - self.mean) / (self.deviation * std::f64::consts::SQRT_2);
                libm::erf(relative).clamp(0.0, 1.0)
            }
            // All training scores are equal: what is above them is out of the ordinary, whatever the distance.
            _ => f64::from(u8::from(score > greatest)),
        }
    }

    /// How sure the label is (Perini et al., 2020; PyOD's `predict_confidence`), from 0 to 1: the probability that the
    /// same verdict would be reached on another training set of the same kind.
    pub(crate) fn confidence(&self, score: f64, contamination: f64, is_anomaly: bool) -> f64 {
        let n = self.count;
        let below = self.sorted.partition_point(|&kept| kept <= score) as u64;
        // Of a thinned-out list the rank is as fine as the list.
        let kept = self.sorted.len() as u64;
        let rank = if n == kept { below } else { n * below / kept };
        let posterior = (1.0 + rank as f64) / (2.0 + n as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the count")]
        let anomalies = (n as f64 * contamination) as u64;
        let confidence = 1.0 - binomial_cdf(n - anomalies.min(n), n, posterior);
        if is_anomaly { confidence } else { 1.0 - confidence }
    }

    /// Whether the numbers can be worked with; they may come from a file.
    pub(crate) fn check(&self) -> Result<(), RestoreError> {
        let is_sound = !self.sorted.is_empty()
            && self.sorted.len() <= MOST_KEPT
            && self.sorted.len() as u64 <= self.count
            && self.count <= 1 << 40
            && self.sorted.iter().all(|score| score.is_finite())
            && self.sorted.is_sorted()
            && self.mean.is_finite()
            && self.deviation.is_finite();
        if is_sound { Ok(()) } else { Err(RestoreError::new("the training scores are no ascending numbers")) }
    }
}

/// P(X ≤ k) for X binomial with n trials of probability p: the regularised incomplete beta function I_(1−p)(n−k, k+1).
fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 1.0 } else { incomplete_beta((n - k) as f64, k as f64 + 1.0, 1.0 - p) }
}

/// The regularised incomplete beta function by its continued fraction, evaluated with Lentz's method (Abramowitz and
/// Stegun, 26.5.8; Thompson and Barnett, 1986).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges quickly on one side of the mean only.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let log_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x);
    libm::exp(log_front) * beta_fraction(a, b, x) / a
}

#[expect(clippy::many_single_char_names, reason = "the letters of the formula")]
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // About √max(a, b) terms are needed.
    for m in 1..100_000_u32 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut last = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            last = c * d;
            fraction *= last;
        }
        if (last - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(count: u32) -> TrainingScores {
        TrainingScores::of((0..count).map(f64::from).collect())
    }

    #[test]
    fn the_binomial_distribution_equals_that_of_scipy() {
        // Exact sums of fractions; scipy.stats.binom.cdf(k, n, p) prints the same.
        let check = |k: u64, n: u64, p: f64, expected: f64| {
            let found = binomial_cdf(k, n, p);
            assert!((found - expected).abs() < 1e-11, "{k} of {n} at {p}: {found}");
        };
        check(3, 10, 0.3, 0.649_610_718_4);
        check(10, 10, 0.3, 1.0);
        check(0, 10, 0.3, 0.028_247_524_9);
        check(450, 500, 0.9, 0.521_801_862_727);
    }

    #[test]
    fn probabilities_lie_between_zero_and_one() {
        let check = |score: f64, method, expected: f64| {
            let found = ramp(101).probability(score, method);
            assert!((found - expected).abs() < 1e-3, "{score}: {found}");
        };
        check(50.0, Probability::Linear, 0.5);
        check(-3.0, Probability::Linear, 0.0);
        check(400.0, Probability::Linear, 1.0);
        check(50.0, Probability::Unify, 0.0);
        check(50.0 + 29.154_76, Probability::Unify, 0.682_69);
        assert!(TrainingScores::of(vec![2.0; 5]).probability(2.0, Probability::Unify) <= 0.0);
    }

    #[test]
    fn far_scores_are_sure_and_scores_at_the_threshold_are_not() {
        let scores = ramp(500);
        assert!(scores.confidence(499.0, 0.1, true) > 0.999);
        assert!(scores.confidence(100.0, 0.1, false) > 0.999);
        let doubtful = scores.confidence(450.0, 0.1, true);
        assert!((0.3..0.7).contains(&doubtful), "{doubtful}");
    }

    #[test]
    fn a_long_list_is_thinned_out_and_keeps_both_ends() {
        let long = ramp(100_000);
        assert_eq!((long.sorted.len(), long.sorted[0], long.sorted[2047]), (2048, 0.0, 99_999.0));
        let (short, long) = (ramp(2000).confidence(1500.0, 0.05, false), long.confidence(75_000.0, 0.05, false));
        assert!((short - long).abs() < 1e-6, "{short} {long}");
        assert!(ramp(2000).check().is_ok());
    }
}
