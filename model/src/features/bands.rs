//! The power of a frame in frequency bands.

use super::fft::Fft;
use super::ring::Ring;

/// What is added to a power before its logarithm is taken, in squared units of the input: far below what any sensor
/// resolves and far above the rounding errors of signals near 1. A silent band has the logarithm −20.
const LEAST_POWER: f64 = 1e-20;
const LOG_OF_LEAST_POWER: f64 = -20.0;

/// Frames with values above this, 2^400, are multiplied by 2^-600 first, so that their powers do not overflow.
const LIMIT: f64 = f64::from_bits((1023 + 400) << 52);
const SCALE: f64 = f64::from_bits((1023 - 600) << 52);

/// Plan for the band powers of frames of one length.
///
/// The mean of the frame is taken away, then it is weighted with the periodic Hann window and transformed. The powers of
/// the bins are scaled so that they sum up to the mean square of a signal without the window, as in Welch's periodogram
/// (IEEE Transactions on Audio and Electroacoustics 15, 1967): a frame of another length gives powers of the same size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bands {
    fft: Fft,
    /// The Hann window.
    weights: Box<[f64]>,
    /// Band b holds the bins from `edges[b]` to before `edges[b + 1]`.
    edges: Box<[usize]>,
}

impl Bands {
    /// A plan for `count` bands of frames of `size` values: a power of two, at least four times the count.
    pub(super) fn new(size: usize, count: usize) -> Self {
        let hann = |i: usize| 0.5 - 0.5 * libm::cos(std::f64::consts::TAU * i as f64 / size as f64);
        Self { fft: Fft::new(size), weights: (0..size).map(hann).collect(), edges: edges(size / 2, count) }
    }

    /// Writes the decimal logarithms of the powers of the ring's values. `work` is as long as the ring.
    pub(super) fn write(&self, ring: &Ring, work: &mut [f64], out: &mut [f64]) {
        let size = self.weights.len();
        let largest = ring.values().iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let scale = if largest > LIMIT { SCALE } else { 1.0 };
        // Distances from the oldest value keep the precision of values far from zero and make equal values exactly 0.
        let oldest = ring.oldest() * scale;
        let mean = ring.oldest_first().map(|value| value * scale - oldest).sum::<f64>() / size as f64;
        for ((value, weight), place) in ring.oldest_first().zip(&self.weights).zip(self.fft.places()) {
            work[*place] = (value * scale - oldest - mean) * weight;
        }
        self.fft.transform(work);
        for (band, out) in self.edges.windows(2).zip(out) {
            let power = self.mean_square(work, band[0], band[1]);
            *out = if largest > LIMIT {
                // The least power is nothing in these units, so a silent band has the power 0 and a logarithm of −∞.
                (libm::log10(power) - 2.0 * libm::log10(SCALE)).max(LOG_OF_LEAST_POWER)
            } else {
                libm::log10(power + LEAST_POWER)
            };
        }
    }

    /// The mean square that the bins from `start` to before `end` of a transformed frame stand for.
    fn mean_square(&self, work: &[f64], start: usize, end: usize) -> f64 {
        let (size, last) = (self.weights.len() as f64, self.weights.len() / 2);
        // A bin stands for its mirror image as well, but the last one has none.
        let mirrored: f64 = (start..end.min(last)).map(|bin| self.fft.power(work, bin)).sum();
        let alone = if end > last { self.fft.power(work, last) } else { 0.0 };
        // The squares of the periodic Hann window sum up to 3/8 of its length.
        (2.0 * mirrored + alone) / (0.375 * size * size)
    }
}

/// The edges of `count` bands of the bins 1 to `last`: equally far apart on a logarithmic axis, as far as whole bins
/// allow and each band has one.
fn edges(last: usize, count: usize) -> Box<[usize]> {
    let mut edges = vec![1];
    for band in 1..count {
        let ideal = libm::pow((last + 1) as f64, band as f64 / count as f64);
        let mut edge = edges[band - 1] + 1;
        while edge as f64 + 0.5 < ideal && edge < last + 1 - (count - band) {
            edge += 1;
        }
        edges.push(edge);
    }
    edges.push(last + 1);
    edges.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::Random;

    fn powers(frame: &[f64], count: usize) -> Vec<f64> {
        let mut ring = Ring::new(frame.len());
        for &value in frame {
            ring.push(value);
        }
        let mut out = vec![0.0; count];
        Bands::new(frame.len(), count).write(&ring, &mut vec![0.0; frame.len()], &mut out);
        out
    }

    fn tone(size: usize, cycles: f64, amplitude: f64) -> Vec<f64> {
        (0..size).map(|i| amplitude * libm::sin(std::f64::consts::TAU * cycles * i as f64 / size as f64)).collect()
    }

    #[test]
    fn every_number_of_bands_has_a_bin_for_each_band() {
        for size in [16, 64, 1024, 4096] {
            for count in 1..=size / 4 {
                let edges = edges(size / 2, count);
                assert_eq!((edges.len(), edges[0], edges[count]), (count + 1, 1, size / 2 + 1));
                assert!(edges.is_sorted_by(|a, b| a < b), "{size} {count} {edges:?}");
            }
        }
    }

    #[test]
    fn bands_grow_by_a_constant_factor() {
        assert_eq!(*edges(512, 8), [1, 2, 5, 10, 23, 49, 108, 235, 513]);
    }

    #[test]
    fn a_tone_shows_in_its_band_with_its_mean_square() {
        for (cycles, band) in [(3.0, 1), (30.0, 4), (400.0, 7)] {
            let powers = powers(&tone(1024, cycles, 2.0), 8);
            assert!((powers[band] - libm::log10(2.0)).abs() < 1e-9, "{powers:?}");
            let others = (0..8).filter(|other| *other != band);
            assert!(others.map(|other| powers[other]).all(|power| power < -15.0), "{powers:?}");
        }
    }

    #[test]
    fn the_bands_of_noise_sum_up_to_its_variance_whatever_the_length() {
        let mut random = Random::new(11);
        for size in [256, 4096] {
            let rounds = 400;
            let mut sum = 0.0;
            for _ in 0..rounds {
                let frame: Vec<f64> = (0..size).map(|_| random.unit()).collect();
                sum += powers(&frame, 5).iter().map(|power| libm::pow(10.0, *power)).sum::<f64>();
            }
            let mean = sum / f64::from(rounds);
            // Bin 1 takes up some of the mean that was taken away, so a little is missing.
            assert!((mean * 12.0 - 1.0).abs() < 0.03, "{size}: {}", mean * 12.0);
        }
    }

    #[test]
    fn a_constant_frame_is_silent() {
        for value in [0.0, 0.1, -1e9 / 3.0, 1e300] {
            for power in powers(&[value; 64], 4) {
                assert!((power + 20.0).abs() < 1e-12, "{value}: {power}");
            }
        }
    }

    #[test]
    fn an_offset_costs_no_precision() {
        let quarters: Vec<f64> = tone(256, 9.0, 8.0).iter().map(|x| (x * 4.0).floor() / 4.0).collect();
        let lifted: Vec<f64> = quarters.iter().map(|x| x + 1e9).collect();
        for (a, b) in powers(&quarters, 8).iter().zip(powers(&lifted, 8)) {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
    }

    #[test]
    fn a_scaled_frame_has_its_powers_moved_by_the_square() {
        let frame: Vec<f64> = tone(64, 3.3, 1.0);
        let huge: Vec<f64> = frame.iter().map(|x| x * 1e300).collect();
        for (a, b) in powers(&frame, 8).iter().zip(powers(&huge, 8)) {
            assert!((a + 600.0 - b).abs() < 1e-9, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn finite_frames_have_finite_powers(
            frame in prop::collection::vec(prop_oneof![any::<f64>(), Just(f64::MAX), Just(f64::MIN), -1.0..1.0_f64], 32)
        ) {
            let frame: Vec<f64> = frame.iter().map(|x| if x.is_finite() { *x } else { 0.0 }).collect();
            prop_assert!(powers(&frame, 8).iter().all(|power| power.is_finite()));
        }
    }
}
