//! A plant to try detectors on: channels that follow common causes and their own past, and faults of six kinds.

use crate::TrainingRows;
use crate::random::Random;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// Three channels stand off by a little for good.
    Step,
    /// Three channels run away slowly.
    Drift,
    /// Two channels swing.
    Oscillation,
    /// Three channels become noisier.
    Burst,
    /// Three channels keep the value they had.
    Frozen,
    /// A common cause takes a new level, and all its channels with it.
    Upset,
}

impl Fault {
    pub(super) const ALL: [Self; 6] =
        [Self::Step, Self::Drift, Self::Oscillation, Self::Burst, Self::Frozen, Self::Upset];
}

/// The plant: fixed by its seed, and so is what it runs through.
pub(super) struct Plant {
    width: usize,
    loadings: Vec<f64>,
    memories: Vec<f64>,
    random: Random,
}

const CAUSES: usize = 6;
const CAUSE_MEMORY: f64 = 0.9;

impl Plant {
    pub(super) fn new(width: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let loadings = (0..width * CAUSES).map(|_| 0.6 * random.normal()).collect();
        let memories = (0..width).map(|_| 0.85 * random.unit()).collect();
        Self { width, loadings, memories, random }
    }

    /// A run in which the fault begins at row `onset`, the plant having settled before.
    pub(super) fn run(&mut self, count: usize, fault: Fault, onset: usize) -> TrainingRows {
        const SETTLING: usize = 100;
        let mut causes = [0.0; CAUSES];
        let mut own = vec![0.0; self.width];
        let mut last = vec![0.0; self.width];
        let mut rows = TrainingRows::new(self.width);
        for step in 0..SETTLING + count {
            let since = step.checked_sub(SETTLING + onset).filter(|_| fault != Fault::None);
            for cause in &mut causes {
                *cause = CAUSE_MEMORY * *cause + f64::sqrt(1.0 - CAUSE_MEMORY * CAUSE_MEMORY) * self.random.normal();
            }
            let mut row = vec![0.0; self.width];
            for channel in 0..self.width {
                let memory = self.memories[channel];
                own[channel] = memory * own[channel] + f64::sqrt(1.0 - memory * memory) * self.random.normal();
                let level = |cause: usize| match (since, fault, cause) {
                    (Some(_), Fault::Upset, 0) => causes[0] + 4.0,
                    _ => causes[cause],
                };
                let common: f64 = (0..CAUSES).map(|cause| self.loadings[channel * CAUSES + cause] * level(cause)).sum();
                row[channel] = common + own[channel];
            }
            if let Some(since) = since {
                self.break_it(&mut row, &last, fault, since as f64);
            }
            last.copy_from_slice(&row);
            if step >= SETTLING {
                rows.push(&row);
            }
        }
        rows
    }

    fn break_it(&mut self, row: &mut [f64], last: &[f64], fault: Fault, since: f64) {
        for channel in 0..3.min(self.width) {
            match fault {
                Fault::None | Fault::Upset => (),
                Fault::Step => row[channel] += 2.5,
                Fault::Drift => row[channel] += 0.02 * since,
                Fault::Oscillation if channel == 2 => (),
                Fault::Oscillation => row[channel] += 2.5 * libm::sin(0.8 * since),
                Fault::Burst => row[channel] += 2.0 * self.random.normal(),
                Fault::Frozen => row[channel] = last[channel],
            }
        }
    }
}
