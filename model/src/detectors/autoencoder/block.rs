//! One hidden layer in training: linear map, batch normalisation, activation, dropout; forward and backward.
//!
//! Batch normalisation (Ioffe and Szegedy, 2015) brings each sum to mean 0 and deviation 1 within the batch, and then to
//! a mean and a deviation that are learned. Dropout (Srivastava et al., 2014) puts a random share of the outputs to 0.

use super::activation::Activation;
use super::adam::{Learned, Rate};
use super::kernel::{add_outer, add_product, transpose};
use super::network::Layer;
use crate::random::Random;

/// Added to variances before the root, and the newest batch's weight in the running statistics; torch's defaults.
const EPSILON: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// A hidden layer. It has no biases: the normalisation would take them off again.
pub(super) struct Block {
    weights: Learned,
    /// Deviation and mean behind the normalisation.
    gains: Learned,
    shifts: Learned,
    running_mean: Vec<f64>,
    running_variance: Vec<f64>,
    activation: Activation,
    dropout: f64,
    // What the backward pass needs to know of the forward pass; one row after another.
    normal: Vec<f64>,
    inverse_deviation: Vec<f64>,
    active: Vec<f64>,
    kept: Vec<f64>,
    /// What the next layer gets.
    pub(super) outputs: Vec<f64>,
    transposed: Vec<f64>,
}

impl Block {
    /// With weights as `PyOD` draws them: uniform within √(6 / inputs) (He et al., 2015).
    pub(super) fn new(
        inputs: usize,
        outputs: usize,
        activation: Activation,
        dropout: f64,
        random: &mut Random,
    ) -> Self {
        let bound = f64::sqrt(6.0 / inputs as f64);
        Self {
            weights: Learned::new(uniform(inputs * outputs, bound, random)),
            gains: Learned::new(vec![1.0; outputs]),
            shifts: Learned::new(vec![0.0; outputs]),
            running_mean: vec![0.0; outputs],
            running_variance: vec![1.0; outputs],
            activation,
            dropout,
            normal: Vec::new(),
            inverse_deviation: vec![0.0; outputs],
            active: Vec::new(),
            kept: Vec::new(),
            outputs: Vec::new(),
            transposed: vec![0.0; inputs * outputs],
        }
    }

    fn width(&self) -> usize {
        self.gains.values.len()
    }

    /// Takes the batch `x` of `rows` rows, at least 2, forward into [`outputs`](Self::outputs).
    pub(super) fn forward(&mut self, x: &[f64], rows: usize, random: &mut Random) {
        let width = self.width();
        self.normal.clear();
        self.normal.resize(rows * width, 0.0);
        for (x, sums) in x.chunks_exact(x.len() / rows).zip(self.normal.chunks_exact_mut(width)) {
            add_product(&self.weights.values, x, sums);
        }
        self.normalise(rows);

        self.active.clear();
        for row in self.normal.chunks_exact(width) {
            let learned = self.gains.values.iter().zip(&self.shifts.values);
            self.active.extend(row.iter().zip(learned).map(|(normal, (gain, shift))| normal * gain + shift));
        }
        self.activation.apply(&mut self.active);

        let (dropout, kept_gain) = (self.dropout, 1.0 / (1.0 - self.dropout));
        self.kept.clear();
        self.kept.extend((0..rows * width).map(|_| {
            let is_kept = dropout <= 0.0 || random.unit() >= dropout;
            if is_kept { kept_gain } else { 0.0 }
        }));
        self.outputs.clear();
        self.outputs.extend(self.active.iter().zip(&self.kept).map(|(active, kept)| active * kept));
    }

    /// Brings the sums to mean 0 and deviation 1, and the running statistics a little nearer to the batch's.
    fn normalise(&mut self, rows: usize) {
        let (width, count) = (self.width(), rows as f64);
        let mut means = vec![0.0; width];
        for row in self.normal.chunks_exact(width) {
            means.iter_mut().zip(row).for_each(|(mean, sum)| *mean += sum / count);
        }
        let mut variances = vec![0.0; width];
        for row in self.normal.chunks_exact_mut(width) {
            for ((sum, mean), variance) in row.iter_mut().zip(&means).zip(&mut variances) {
                *sum -= mean;
                *variance += *sum * *sum / count;
            }
        }
        for (inverse, variance) in self.inverse_deviation.iter_mut().zip(&variances) {
            *inverse = 1.0 / f64::sqrt(variance + EPSILON);
        }
        for row in self.normal.chunks_exact_mut(width) {
            row.iter_mut().zip(&self.inverse_deviation).for_each(|(sum, inverse)| *sum *= inverse);
        }
        let running = self.running_mean.iter_mut().zip(&mut self.running_variance);
        for ((running_mean, running_variance), (mean, variance)) in running.zip(means.iter().zip(&variances)) {
            *running_mean += MOMENTUM * (mean - *running_mean);
            // The variance is remembered with the divisor n − 1, though it was used with n.
            *running_variance += MOMENTUM * (variance * count / (count - 1.0) - *running_variance);
        }
    }

    /// Takes the slopes of the loss with respect to the outputs back: adds to the gradients, and writes the slopes with
    /// respect to `x`, the same batch as before, to `towards`, unless that is empty.
    pub(super) fn backward(&mut self, x: &[f64], rows: usize, slopes: &mut [f64], towards: &mut [f64]) {
        let (width, count) = (self.width(), rows as f64);
        for ((slope, kept), active) in slopes.iter_mut().zip(&self.kept).zip(&self.active) {
            *slope *= kept * self.activation.slope(*active);
        }
        for (row, slopes) in self.normal.chunks_exact(width).zip(slopes.chunks_exact(width)) {
            let gradients = self.gains.gradient.iter_mut().zip(&mut self.shifts.gradient);
            for ((normal, slope), (gain, shift)) in row.iter().zip(slopes).zip(gradients) {
                *gain += normal * slope;
                *shift += slope;
            }
        }
        for (row, slopes) in self.normal.chunks_exact(width).zip(slopes.chunks_exact_mut(width)) {
            for (place, (normal, slope)) in row.iter().zip(slopes).enumerate() {
                let common = self.shifts.gradient[place] + normal * self.gains.gradient[place];
                *slope = self.gains.values[place] * self.inverse_deviation[place] * (*slope - common / count);
            }
        }
        take_back(&mut self.weights, &mut self.transposed, (x, rows), slopes, towards);
    }

    pub(super) fn step(&mut self, rate: Rate) {
        for learned in [&mut self.weights, &mut self.gains, &mut self.shifts] {
            learned.step(rate);
        }
    }

    /// The layer as it is used: the running statistics and what was learned behind them become part of the linear map.
    pub(super) fn fold(&self) -> Layer {
        let learned = self.gains.values.iter().zip(&self.running_variance);
        let gains: Vec<f64> = learned.map(|(gain, variance)| gain / f64::sqrt(variance + EPSILON)).collect();
        let rows = self.weights.values.chunks_exact(self.width());
        let biases = self.shifts.values.iter().zip(&self.running_mean).zip(&gains);
        Layer {
            weights: rows.flat_map(|row| row.iter().zip(&gains).map(|(weight, gain)| weight * gain)).collect(),
            biases: biases.map(|((shift, mean), gain)| shift - mean * gain).collect(),
            activation: self.activation,
        }
    }
}

/// The last layer in training: a linear map with biases.
pub(super) struct Output {
    weights: Learned,
    biases: Learned,
    transposed: Vec<f64>,
    pub(super) outputs: Vec<f64>,
}

impl Output {
    /// With weights and biases as torch draws them: uniform within 1 / √inputs.
    pub(super) fn new(inputs: usize, outputs: usize, random: &mut Random) -> Self {
        let bound = 1.0 / f64::sqrt(inputs as f64);
        Self {
            weights: Learned::new(uniform(inputs * outputs, bound, random)),
            biases: Learned::new(uniform(outputs, bound, random)),
            transposed: vec![0.0; inputs * outputs],
            outputs: Vec::new(),
        }
    }

    pub(super) fn forward(&mut self, x: &[f64], rows: usize) {
        let width = self.biases.values.len();
        self.outputs.clear();
        (0..rows).for_each(|_| self.outputs.extend_from_slice(&self.biases.values));
        for (x, sums) in x.chunks_exact(x.len() / rows).zip(self.outputs.chunks_exact_mut(width)) {
            add_product(&self.weights.values, x, sums);
        }
    }

    /// See [`Block::backward`].
    pub(super) fn backward(&mut self, x: &[f64], rows: usize, slopes: &[f64], towards: &mut [f64]) {
        for row in slopes.chunks_exact(self.biases.values.len()) {
            self.biases.gradient.iter_mut().zip(row).for_each(|(gradient, slope)| *gradient += slope);
        }
        take_back(&mut self.weights, &mut self.transposed, (x, rows), slopes, towards);
    }

    pub(super) fn step(&mut self, rate: Rate) {
        for learned in [&mut self.weights, &mut self.biases] {
            learned.step(rate);
        }
    }

    pub(super) fn fold(&self) -> Layer {
        Layer {
            weights: self.weights.values.clone().into(),
            biases: self.biases.values.clone().into(),
            activation: Activation::Identity,
        }
    }
}

/// The backward pass of the linear map that took the batch `x` forward.
fn take_back(
    weights: &mut Learned,
    transposed: &mut [f64],
    (x, rows): (&[f64], usize),
    slopes: &[f64],
    towards: &mut [f64],
) {
    let (inputs, outputs) = (x.len() / rows, slopes.len() / rows);
    for (x, slopes) in x.chunks_exact(inputs).zip(slopes.chunks_exact(outputs)) {
        add_outer(&mut weights.gradient, x, slopes);
    }
    if towards.is_empty() {
        return;
    }
    // Once per batch, so that the product runs along memory for each of its rows.
    transpose(&weights.values, outputs, transposed);
    towards.fill(0.0);
    for (slopes, towards) in slopes.chunks_exact(outputs).zip(towards.chunks_exact_mut(inputs)) {
        add_product(transposed, slopes, towards);
    }
}

fn uniform(count: usize, bound: f64, random: &mut Random) -> Vec<f64> {
    (0..count).map(|_| bound * (2.0 * random.unit() - 1.0)).collect()
}

#[cfg(test)]
impl Block {
    /// What is learned, one after another.
    pub(super) fn tensor(&mut self, index: usize) -> &mut Learned {
        match index {
            0 => &mut self.weights,
            1 => &mut self.gains,
            _ => &mut self.shifts,
        }
    }
}

#[cfg(test)]
impl Output {
    pub(super) fn tensor(&mut self, index: usize) -> &mut Learned {
        if index == 0 { &mut self.weights } else { &mut self.biases }
    }
}
