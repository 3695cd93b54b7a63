//! Quantiles as numpy computes them, since PyOD's contamination threshold is one.

/// The `q`-quantile of a sample by linear interpolation (numpy's default method): `q` from 0 to 1.
///
/// The two-sided interpolation is numpy's own, so that results agree to the last bit. NaN for an empty sample.
pub(crate) fn quantile(mut sample: Vec<f64>, q: f64) -> f64 {
    if sample.is_empty() {
        return f64::NAN;
    }
    sample.sort_unstable_by(f64::total_cmp);
    let last = sample.len() - 1;
    let position = q.clamp(0.0, 1.0) * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    interpolate(sample[below], sample[above], position - below as f64)
}

/// From `a` at share 0 to `b` at share 1; from the nearer end, to keep both ends exact.
fn interpolate(a: f64, b: f64, share: f64) -> f64 {
    let distance = b - a;
    if share >= 0.5 { b - distance * (1.0 - share) } else { a + distance * share }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_equal_those_of_numpy() {
        // Expected values printed by numpy.percentile(sample, 100 * q).
        #[track_caller]
        fn check(sample: &[f64], q: f64, expected: f64) {
            assert_eq!(quantile(sample.to_vec(), q).to_bits(), expected.to_bits(), "{sample:?} at {q}");
        }
        let sample = [3.1, -0.7, 12.25, 0.3, 5.5, 0.1, 8.75];
        check(&sample, 0.0, -0.7);
        check(&sample, 0.05, -0.459_999_999_999_999_96);
        check(&sample, 0.1, -0.219_999_999_999_999_9);
        check(&sample, 0.5, 3.1);
        check(&sample, 0.95, 11.199_999_999_999_998);
        check(&sample, 0.99, 12.04);
        check(&sample, 1.0, 12.25);
        check(&[4.0], 0.3, 4.0);
        check(&[1.0, 1.0, 1.0], 0.7, 1.0);
    }

    #[test]
    fn an_empty_sample_has_no_quantile() {
        assert!(quantile(Vec::new(), 0.5).is_nan());
    }
}
