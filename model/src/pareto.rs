//! Peaks over threshold: how high a score has to be for a given risk, from the tail of the scores alone.
//!
//! Excesses over a high quantile follow a generalised Pareto distribution (Pickands, 1975); its two parameters come from
//! the excesses' mean and variance (Hosking and Wallis, 1987). Siffer et al. (2017, SPOT) turn it into a threshold:
//! z = u + σ/ξ·((risk·n/m)^(−ξ) − 1) for m of n scores above u.

use serde::{Deserialize, Serialize};

use crate::quantile::quantile;

/// The tail begins at this quantile.
const TAIL: f64 = 0.9;
/// Shapes are kept within: beyond ½ the variance that the fit is made from does not exist.
const SHAPES: std::ops::RangeInclusive<f64> = -2.0..=0.45;

/// The upper tail of a sample of scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tail {
    /// u: where the tail begins.
    start: f64,
    /// m/n: share of the scores beyond it.
    share: f64,
    /// ξ: below 0 the tail has an end, above 0 it is heavier than exponential.
    shape: f64,
    /// σ, above 0; or 0 where all scores of the tail are equal.
    scale: f64,
}

impl Tail {
    /// Fits the tail of a sample, which must not be empty.
    pub(crate) fn fit(sample: &[f64]) -> Self {
        let start = quantile(sample.to_vec(), TAIL);
        let excesses: Vec<f64> = sample.iter().filter(|&&score| score > start).map(|score| score - start).collect();
        let (n, m) = (sample.len() as f64, excesses.len() as f64);
        if excesses.is_empty() {
            return Self { start, share: 0.0, shape: 0.0, scale: 0.0 };
        }
        let mean = excesses.iter().sum::<f64>() / m;
        let variance = excesses.iter().map(|excess| (excess - mean) * (excess - mean)).sum::<f64>() / m;
        // Equal excesses: everything beyond them is as unlikely as can be.
        let ratio = if variance > 0.0 { mean * mean / variance } else { f64::INFINITY };
        let shape = (0.5 * (1.0 - ratio)).clamp(*SHAPES.start(), *SHAPES.end());
        Self { start, share: m / n, shape, scale: mean * (1.0 - shape) }
    }

    /// The score that is exceeded with this probability; never below the tail's beginning.
    pub(crate) fn level(&self, risk: f64) -> f64 {
        let relative = if self.share > 0.0 { risk / self.share } else { 1.0 };
        if relative >= 1.0 {
            return self.start;
        }
        let reach = if self.shape.abs() < 1e-9 {
            -libm::log(relative)
        } else {
            (libm::pow(relative, -self.shape) - 1.0) / self.shape
        };
        self.start + self.scale * reach
    }

    /// The probability of a score as high as this one or higher: the tail's share at its beginning, and below it as well;
    /// never less there than the share of the sample that lies at the quantile or beyond it, also where these are all equal.
    pub(crate) fn probability(&self, score: f64) -> f64 {
        let excess = score - self.start;
        if excess <= 0.0 {
            return self.share.max(1.0 - TAIL);
        }
        if self.scale <= 0.0 {
            return 0.0;
        }
        let relative = excess / self.scale;
        let beyond = if self.shape.abs() < 1e-9 {
            libm::exp(-relative)
        } else {
            libm::pow((1.0 + self.shape * relative).max(0.0), -1.0 / self.shape)
        };
        self.share * beyond
    }

    /// Whether the numbers can be worked with; they may come from a file.
    pub(crate) fn is_sound(&self) -> bool {
        self.start.is_finite()
            && (0.0..=1.0).contains(&self.share)
            && SHAPES.contains(&self.shape)
            && self.scale >= 0.0
            && self.scale.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::Random;

    #[test]
    fn levels_of_known_tails_are_found() {
        let mut random = Random::new(3);
        let mut draw =
            |transform: fn(f64) -> f64| -> Vec<f64> { (0..100_000).map(|_| transform(random.unit())).collect() };
        // Exponential: exceeded with 1e-3 at −ln(1e-3) = 6.91. Uniform: at 0.999. Normal squared: at 10.83.
        let exponential = Tail::fit(&draw(|u| -libm::log(1.0 - u))).level(1e-3);
        assert!((exponential - 6.91).abs() < 0.25, "{exponential}");
        let uniform = Tail::fit(&draw(|u| u)).level(1e-3);
        assert!((uniform - 0.999).abs() < 0.002, "{uniform}");
        let squares: Vec<f64> = (0..100_000).map(|_| libm::pow(random.normal(), 2.0)).collect();
        let chi = Tail::fit(&squares).level(1e-3);
        assert!((chi - 10.83).abs() < 0.6, "{chi}");
    }

    #[test]
    fn a_risk_larger_than_the_tail_gives_the_tails_beginning() {
        let tail = Tail::fit(&(0..100).map(f64::from).collect::<Vec<_>>());
        assert!((tail.level(0.5) - 89.1).abs() < 1e-9);
    }

    #[test]
    fn equal_scores_have_their_own_value_as_level() {
        assert_eq!(Tail::fit(&[2.5; 40]).level(1e-4).to_bits(), 2.5_f64.to_bits());
    }

    #[test]
    fn nothing_is_rare_about_the_value_that_all_scores_have() {
        let tail = Tail::fit(&[2.5; 40]);
        assert!((tail.probability(2.5) - 0.1).abs() < 1e-12 && (tail.probability(1.0) - 0.1).abs() < 1e-12);
        assert!(tail.probability(2.5_f64.next_up()) <= 0.0);
    }

    proptest! {
        #[test]
        fn level_and_probability_are_each_others_inverse_and_rarer_is_higher(
            sample in prop::collection::vec(-1e3..1e3_f64, 20..200), risk in 1e-6..0.05_f64,
        ) {
            let tail = Tail::fit(&sample);
            prop_assert!(tail.is_sound(), "{:?}", tail);
            let level = tail.level(risk);
            prop_assert!(level.is_finite() && tail.level(risk / 2.0) >= level);
            if tail.scale > 1e-6 && risk < tail.share {
                let back = tail.probability(level);
                prop_assert!((back / risk - 1.0).abs() < 1e-3 || tail.shape < -0.5, "{} {:?}", back, tail);
            }
        }
    }
}
