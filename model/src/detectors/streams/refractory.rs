//! One event is told once: after a score, only higher ones are let through for a while.

use serde::{Deserialize, Serialize};

/// How long it lasts. Its memory is two numbers, zeros at first: the last score that was let through, and its row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::detectors) struct Refractory {
    rows: u32,
}

impl Refractory {
    /// Numbers in its memory.
    pub(in crate::detectors) const MEMORY: usize = 2;

    /// Of so many rows after the last score that was let through.
    pub(in crate::detectors) fn of(rows: u32) -> Self {
        Self { rows }
    }

    /// What is let through of the score of a row: the score itself, or 0.
    pub(in crate::detectors) fn pass(self, memory: &[f64], row: f64, score: f64) -> f64 {
        let is_over = row - memory[1] > f64::from(self.rows);
        let peak = if is_over { 0.0 } else { memory[0] };
        if score > peak { score } else { 0.0 }
    }

    /// Remembers what was let through.
    pub(in crate::detectors) fn take_in(memory: &mut [f64], row: f64, passed: f64) {
        if passed > 0.0 {
            memory[0] = passed;
            memory[1] = row;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_higher_scores_pass_until_it_is_over() {
        let refractory = Refractory::of(3);
        let mut memory = [0.0; Refractory::MEMORY];
        let scores = [0.5, 0.5, 0.6, 0.1, 0.6, 0.2, 0.2, 0.2];
        let passed: Vec<f64> = (0..)
            .zip(scores)
            .map(|(row, score)| {
                let row = f64::from(row);
                let passed = refractory.pass(&memory, row, score);
                Refractory::take_in(&mut memory, row, passed);
                passed
            })
            .collect();
        // .6 passes in row 2, so that row 6 is the first one free again.
        assert_eq!(passed, [0.5, 0.0, 0.6, 0.0, 0.0, 0.0, 0.2, 0.0]);
    }
}
