//! Adam, the way of descent that networks are trained with (Kingma and Ba, 2015), as torch's `optim.Adam` does it.

/// Weights of what was before, in the means of the gradients and of their squares; the paper's and torch's defaults.
const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// How far a step goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    step_size: f64,
    /// 1 / √(1 − β₂ᵗ).
    correction: f64,
    weight_decay: f64,
}

/// Counts the steps, whose number the means are corrected by: they start from 0, not from a gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    learning_rate: f64,
    weight_decay: f64,
    power1: f64,
    power2: f64,
}

/// Numbers that are being learned, with their gradient.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    pub(super) values: Vec<f64>,
    /// Of the loss with respect to each value; [`step`](Self::step) takes it in and clears it.
    pub(super) gradient: Vec<f64>,
    mean: Vec<f64>,
    square: Vec<f64>,
}

impl Schedule {
    pub(super) fn new(learning_rate: f64, weight_decay: f64) -> Self {
        Self { learning_rate, weight_decay, power1: 1.0, power2: 1.0 }
    }

    pub(super) fn next(&mut self) -> Rate {
        // Products, and not powers by a library, so that the bits are the same everywhere.
        self.power1 *= BETA1;
        self.power2 *= BETA2;
        Rate {
            step_size: self.learning_rate / (1.0 - self.power1),
            correction: 1.0 / f64::sqrt(1.0 - self.power2),
            weight_decay: self.weight_decay,
        }
    }
}

impl Learned {
    pub(super) fn new(values: Vec<f64>) -> Self {
        let zeros = vec![0.0; values.len()];
        Self { values, gradient: zeros.clone(), mean: zeros.clone(), square: zeros }
    }

    /// One step down the gradient. Weight decay is added to the gradient (torch's `Adam`), not taken off the values
    /// (`AdamW`).
    pub(super) fn step(&mut self, rate: Rate) {
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((value, gradient), (mean, square)) in self.values.iter_mut().zip(&mut self.gradient).zip(moments) {
            let slope = *gradient + rate.weight_decay * *value;
            *mean = BETA1 * *mean + (1.0 - BETA1) * slope;
            *square = BETA2 * *square + (1.0 - BETA2) * slope * slope;
            *value -= rate.step_size * *mean / (f64::sqrt(*square) * rate.correction + EPSILON);
            *gradient = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_steps_equal_those_of_torch() {
        // torch.optim.Adam([x], lr=0.1, weight_decay=0.01) on x² + 3·y from (1, -2), three steps; torch 2.15 prints these.
        let mut learned = Learned::new(vec![1.0, -2.0]);
        let mut schedule = Schedule::new(0.1, 0.01);
        for _ in 0..3 {
            learned.gradient = vec![2.0 * learned.values[0], 3.0];
            learned.step(schedule.next());
        }
        let expected = [0.701_586_272_938_277, -2.299_996_787_897_605_5];
        for (found, expected) in learned.values.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{:?}", learned.values);
        }
    }
}
