//! A dense network as it is used: layer after layer, without what only training needs.

use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::kernel::add_product;
use crate::RestoreError;

/// Widest layer for which the sums lie on the stack.
const WIDEST_ON_STACK: usize = 256;
/// The same for layers of the default width; clearing more than that would be felt.
const NARROW: usize = 64;
/// Widest layer that is taken from elsewhere, and most layers.
pub(crate) const WIDEST: usize = 4096;
pub(crate) const DEEPEST: usize = 32;

/// One layer: outputs = activation(inputs · weights + biases).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// Input by input, each with its weight for every output.
    pub(crate) weights: Box<[f64]>,
    /// One per output.
    pub(crate) biases: Box<[f64]>,
    pub(crate) activation: Activation,
}

/// Layers whose widths fit each other, with as many outputs as inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Network {
    layers: Box<[Layer]>,
}

impl Layer {
    pub(crate) fn inputs(&self) -> usize {
        self.weights.len() / self.biases.len().max(1)
    }

    pub(crate) fn outputs(&self) -> usize {
        self.biases.len()
    }

    fn is_sound(&self) -> bool {
        let numbers = || self.weights.iter().chain(&self.biases);
        (1..=WIDEST).contains(&self.outputs())
            && (1..=WIDEST).contains(&self.inputs())
            && self.weights.len() == self.inputs() * self.outputs()
            && numbers().all(|number| number.is_finite())
    }

    fn run(&self, x: &[f64], outputs: &mut [f64]) {
        outputs.copy_from_slice(&self.biases);
        add_product(&self.weights, x, outputs);
        self.activation.apply(outputs);
    }
}

impl Network {
    /// Of layers that may come from a file.
    ///
    /// # Errors
    /// Layers that do not fit each other, that do not lead back to as many values as go in, or numbers that are not
    /// finite.
    pub(crate) fn new(layers: Vec<Layer>) -> Result<Self, RestoreError> {
        let network = Self { layers: layers.into() };
        network.check()?;
        Ok(network)
    }

    /// See [`new`](Self::new).
    pub(crate) fn check(&self) -> Result<(), RestoreError> {
        let refuse = |reason: String| Err(RestoreError::new(reason));
        let (Some(first), Some(last)) = (self.layers.first(), self.layers.last()) else {
            return refuse("a network needs at least one layer".to_owned());
        };
        if self.layers.len() > DEEPEST {
            return refuse(format!("a network of {} layers; at most {DEEPEST} are taken", self.layers.len()));
        }
        if let Some(place) = self.layers.iter().position(|layer| !layer.is_sound()) {
            return refuse(format!("layer {place} is not a table of finite numbers, 1 to {WIDEST} wide"));
        }
        if let Some(place) = self.layers.windows(2).position(|pair| pair[0].outputs() != pair[1].inputs()) {
            let (outputs, inputs) = (self.layers[place].outputs(), self.layers[place + 1].inputs());
            return refuse(format!("layer {place} has {outputs} outputs, but layer {} has {inputs} inputs", place + 1));
        }
        if first.inputs() != last.outputs() {
            let (inputs, outputs) = (first.inputs(), last.outputs());
            return refuse(format!("an autoencoder has as many outputs as inputs, not {outputs} for {inputs}"));
        }
        Ok(())
    }

    /// Values that go in and come out.
    pub(crate) fn width(&self) -> usize {
        self.layers.first().map_or(0, Layer::inputs)
    }

    /// Calls `f` with what the network makes of `x`. Does not allocate as long as no layer is wider than 256.
    pub(crate) fn with_output<R>(&self, x: &[f64], f: impl FnOnce(&[f64]) -> R) -> R {
        let widest = self.layers.iter().map(Layer::outputs).max().unwrap_or(0);
        if widest <= NARROW {
            self.run(x, &mut [0.0; NARROW], &mut [0.0; NARROW], f)
        } else if widest <= WIDEST_ON_STACK {
            self.run(x, &mut [0.0; WIDEST_ON_STACK], &mut [0.0; WIDEST_ON_STACK], f)
        } else {
            self.run(x, &mut vec![0.0; widest], &mut vec![0.0; widest], f)
        }
    }

    fn run<R>(&self, x: &[f64], one: &mut [f64], other: &mut [f64], f: impl FnOnce(&[f64]) -> R) -> R {
        let (mut from, mut to) = (one, other);
        let Some((first, rest)) = self.layers.split_first() else { return f(x) };
        first.run(x, &mut from[..first.outputs()]);
        let mut width = first.outputs();
        for layer in rest {
            layer.run(&from[..width], &mut to[..layer.outputs()]);
            std::mem::swap(&mut from, &mut to);
            width = layer.outputs();
        }
        f(&from[..width])
    }
}
