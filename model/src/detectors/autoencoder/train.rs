//! How the network is trained: `PyOD`'s way, with enough steps for few rows.

use super::activation::Activation;
use super::adam::Schedule;
use super::block::{Block, Output};
use super::network::Network;
use crate::random::Random;
use crate::{RestoreError, TrainingRows};

/// What training depends on besides the rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Training {
    pub(super) hidden: usize,
    pub(super) bottleneck: usize,
    pub(super) activation: Activation,
    pub(super) dropout: f64,
    pub(super) epochs: usize,
    pub(super) minimum_steps: usize,
    pub(super) batch_size: usize,
    pub(super) learning_rate: f64,
    pub(super) weight_decay: f64,
    pub(super) seed: u64,
}

impl Training {
    /// Trains on at least two rows, and gives the network as it is used.
    ///
    /// # Errors
    /// Numbers so large that the network came to nothing.
    pub(super) fn run(&self, rows: &TrainingRows) -> Result<Network, RestoreError> {
        let mut random = Random::new(self.seed);
        let mut net = Trainee::new(self, rows.width(), &mut random);
        let mut schedule = Schedule::new(self.learning_rate, self.weight_decay);
        // Rows that do not fill a batch wait for the next epoch, whose order is another: a batch of one has no deviation.
        let batch_size = self.batch_size.min(rows.count());
        let steps_per_epoch = rows.count() / batch_size;
        let epochs = self.epochs.max(self.minimum_steps.div_ceil(steps_per_epoch));
        let mut order: Vec<usize> = (0..rows.count()).collect();
        let mut batch = Vec::with_capacity(batch_size * rows.width());
        for _ in 0..epochs {
            random.shuffle(&mut order);
            for places in order.chunks_exact(batch_size) {
                batch.clear();
                batch.extend(places.iter().flat_map(|&place| rows.row(place)).map(|value| bounded(*value)));
                net.learn(&batch, batch_size, &mut schedule, &mut random);
            }
        }
        net.fold()
    }
}

/// Squares of what lies beyond would overflow.
pub(super) fn bounded(value: f64) -> f64 {
    const LARGEST: f64 = 1e100;
    value.clamp(-LARGEST, LARGEST)
}

/// A network while it is trained.
struct Trainee {
    blocks: Vec<Block>,
    output: Output,
    slopes: Vec<f64>,
    towards: Vec<f64>,
}

impl Trainee {
    fn new(training: &Training, width: usize, random: &mut Random) -> Self {
        let widths = [width, training.hidden, training.bottleneck, training.hidden];
        let blocks = widths
            .windows(2)
            .map(|pair| Block::new(pair[0], pair[1], training.activation, training.dropout, random))
            .collect();
        Self { blocks, output: Output::new(training.hidden, width, random), slopes: Vec::new(), towards: Vec::new() }
    }

    /// One step down the mean squared error of a batch.
    fn learn(&mut self, batch: &[f64], rows: usize, schedule: &mut Schedule, random: &mut Random) {
        self.forward(batch, rows, random);
        self.backward(batch, rows);
        let rate = schedule.next();
        self.blocks.iter_mut().for_each(|block| block.step(rate));
        self.output.step(rate);
    }

    fn forward(&mut self, batch: &[f64], rows: usize, random: &mut Random) {
        for place in 0..self.blocks.len() {
            let (before, rest) = self.blocks.split_at_mut(place);
            rest[0].forward(before.last().map_or(batch, |block| &block.outputs), rows, random);
        }
        self.output.forward(self.blocks.last().map_or(batch, |block| &block.outputs), rows);
    }

    fn backward(&mut self, batch: &[f64], rows: usize) {
        let cells = batch.len() as f64;
        self.slopes.clear();
        self.slopes.extend(self.output.outputs.iter().zip(batch).map(|(found, wanted)| 2.0 * (found - wanted) / cells));
        let inputs = self.blocks.last().map_or(batch, |block| &block.outputs);
        self.towards.resize(inputs.len(), 0.0);
        self.output.backward(inputs, rows, &self.slopes, &mut self.towards);
        for place in (0..self.blocks.len()).rev() {
            std::mem::swap(&mut self.slopes, &mut self.towards);
            let (before, rest) = self.blocks.split_at_mut(place);
            let inputs = before.last().map_or(batch, |block| &block.outputs);
            // Nobody asks for the slopes with respect to the training rows themselves.
            self.towards.resize(if place > 0 { inputs.len() } else { 0 }, 0.0);
            rest[0].backward(inputs, rows, &mut self.slopes, &mut self.towards);
        }
    }

    fn fold(&self) -> Result<Network, RestoreError> {
        Network::new(self.blocks.iter().map(Block::fold).chain([self.output.fold()]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training(activation: Activation) -> Training {
        Training {
            hidden: 5,
            bottleneck: 3,
            activation,
            dropout: 0.0,
            epochs: 1,
            minimum_steps: 0,
            batch_size: 6,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            seed: 3,
        }
    }

    /// The gradients are compared with differences of the loss: whatever is wrong in a backward pass shows here.
    #[test]
    fn gradients_equal_the_differences_of_the_loss() {
        for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu] {
            let mut random = Random::new(9);
            let batch: Vec<f64> = (0..6 * 4).map(|_| random.normal()).collect();
            let mut net = Trainee::new(&training(activation), 4, &mut random);
            let mut loss = |net: &mut Trainee| {
                net.forward(&batch, 6, &mut random);
                let errors = net.output.outputs.iter().zip(&batch).map(|(found, wanted)| (found - wanted).powi(2));
                errors.sum::<f64>() / batch.len() as f64
            };
            loss(&mut net);
            net.backward(&batch, 6);
            for tensor in 0..11 {
                for place in 0..net.tensor(tensor).values.len() {
                    let (value, gradient) = (net.tensor(tensor).values[place], net.tensor(tensor).gradient[place]);
                    net.tensor(tensor).values[place] = value + 1e-6;
                    let above = loss(&mut net);
                    net.tensor(tensor).values[place] = value - 1e-6;
                    let below = loss(&mut net);
                    net.tensor(tensor).values[place] = value;
                    let difference = (above - below) / 2e-6;
                    assert!(
                        (difference - gradient).abs() < 1e-7,
                        "{activation:?}, tensor {tensor}, {place}: {gradient} is not {difference}"
                    );
                }
            }
        }
    }

    impl Trainee {
        fn tensor(&mut self, index: usize) -> &mut super::super::adam::Learned {
            match index {
                0..9 => self.blocks[index / 3].tensor(index % 3),
                _ => self.output.tensor(index - 9),
            }
        }
    }

    #[test]
    fn dropout_leaves_the_mean_and_drops_its_share() {
        let mut random = Random::new(1);
        let mut block = Block::new(2, 40, Activation::Sigmoid, 0.2, &mut random);
        let batch: Vec<f64> = (0..200).map(|_| random.normal()).collect();
        let (mut dropped, mut sum) = (0, 0.0);
        for _ in 0..10 {
            block.forward(&batch, 100, &mut random);
            dropped += block.outputs.iter().filter(|output| output.abs() < 1e-9).count();
            sum += block.outputs.iter().sum::<f64>();
        }
        // 40,000 outputs: four standard deviations are .008 of the share and about .007 of the mean.
        assert!((dropped as f64 / 40_000.0 - 0.2).abs() < 0.008, "{dropped}");
        assert!((sum / 40_000.0 - 0.5).abs() < 0.007, "{sum}");
    }
}
