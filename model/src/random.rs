//! Random numbers that stay the same for ever: `ChaCha8` for the bits, and our own way from bits to numbers.
//!
//! The ways from bits to numbers in the `rand` crate change between its versions, and a fitted model must not.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded source of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `[0, 1)`, in steps of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.0.next_u64() >> 11) as f64 * STEP
    }

    /// Uniform among the whole numbers below `bound`, which must not be 0. The high half of a widening
    /// multiplication; draws that would favour some numbers are repeated.
    #[expect(clippy::cast_possible_truncation, reason = "takes the low and the high half of a product")]
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let favoured = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(bound);
            if product as u64 >= favoured {
                return (product >> 64) as u64;
            }
        }
    }

    /// Normal with mean 0 and standard deviation 1 (the polar method of Marsaglia and Bray, 1964; its second number is
    /// left unused, so that nothing has to be remembered).
    #[cfg(test)]
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * f64::sqrt(-2.0 * libm::log(square) / square);
            }
        }
    }

    /// Brings a slice into a uniformly random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.index(place + 1));
        }
    }

    /// Uniform among the indices of something of this length, which must not be 0.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("invariant: below a usize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_for_ever() {
        let mut random = Random::new(7);
        let drawn: Vec<u64> = (0..4).map(|_| random.below(1_000_000)).collect();
        assert_eq!(drawn, [764_109, 465_937, 5674, 301_373]);
        assert_eq!(random.unit().to_bits(), 0x3fd8_b649_c2b6_14c6);
    }

    #[test]
    fn numbers_are_uniform_enough() {
        let mut random = Random::new(1);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[random.index(6)] += 1;
        }
        // Four standard deviations of a count are 365.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 365), "{counts:?}");

        let mean = (0..60_000).map(|_| random.unit()).sum::<f64>() / 60_000.0;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
    }

    #[test]
    fn normal_numbers_have_the_moments_of_a_normal_distribution() {
        let mut random = Random::new(4);
        let drawn: Vec<f64> = (0..60_000).map(|_| random.normal()).collect();
        let moment = |power: i32| drawn.iter().map(|x| x.powi(power)).sum::<f64>() / 60_000.0;
        // Four standard errors each.
        assert!(moment(1).abs() < 0.017 && (moment(2) - 1.0).abs() < 0.024 && (moment(4) - 3.0).abs() < 0.16);
    }

    #[test]
    fn shuffling_puts_everything_everywhere_equally_often() {
        let mut counts = [[0_u32; 3]; 3];
        let mut random = Random::new(2);
        for _ in 0..9000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            items.iter().enumerate().for_each(|(place, &item)| counts[place][item] += 1);
        }
        // Four standard deviations of a count are 179.
        assert!(counts.as_flattened().iter().all(|&count| count.abs_diff(3000) < 179), "{counts:?}");
    }

    #[test]
    fn one_of_one_is_the_first() {
        assert_eq!(Random::new(3).below(1), 0);
    }
}
