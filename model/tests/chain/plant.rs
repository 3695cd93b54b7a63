//! Random numbers and plants for tests that see the crate from outside.

use tagwise_model::{ModelSpec, Registry, Time, TrainingRows};

/// Numbers that stay the same on every platform: `SplitMix64` (Steele, Lea and Flood, 2014).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal with mean 0 and standard deviation 1: a sum of twelve uniform numbers.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// A plant of many channels: each follows some of a few common, slowly moving causes and has noise of its own with a
/// memory.
pub(crate) struct Plant {
    dice: Dice,
    causes: Vec<f64>,
    noise: Vec<f64>,
}

impl Plant {
    /// The same channels for every seed; the seed is that of what happens to them.
    pub(crate) fn new(channels: usize, seed: u64) -> Self {
        let mut plant = Self { dice: Dice::new(seed), causes: vec![0.0; 5], noise: vec![0.0; channels] };
        (0..100).for_each(|_| drop(plant.row()));
        plant
    }

    pub(crate) fn row(&mut self) -> Vec<f64> {
        for cause in &mut self.causes {
            *cause = 0.8 * *cause + 0.6 * self.dice.normal();
        }
        let mut row = Vec::with_capacity(self.noise.len());
        for (channel, noise) in self.noise.iter_mut().enumerate() {
            *noise = 0.5 * *noise + 0.5 * self.dice.normal();
            let causes = self.causes.iter().enumerate();
            let common: f64 =
                causes.map(|(place, cause)| f64::from((channel * 7 + place * 3) as u32 % 5) / 4.0 * cause).sum();
            row.push(20.0 + channel as f64 + common + *noise);
        }
        row
    }

    pub(crate) fn rows(&mut self, count: usize) -> TrainingRows {
        let mut rows = TrainingRows::new(self.noise.len());
        for second in 0..count {
            rows.push_at(&self.row(), Time(second as i64 * 1_000_000));
        }
        rows
    }
}

pub(crate) fn defaults(kind: &str) -> ModelSpec {
    ModelSpec::defaults_of(Registry::builtin().get(kind).unwrap().as_ref())
}
