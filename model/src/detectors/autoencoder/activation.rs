//! What a layer makes of its weighted sums.

use serde::{Deserialize, Serialize};

/// A function that is applied to each output of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Activation {
    /// The sum as it is.
    Identity,
    /// The sum where it is positive, else 0.
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^−x).
    Sigmoid,
}

impl Activation {
    pub(crate) fn apply(self, values: &mut [f64]) {
        match self {
            Self::Identity => {}
            // Not `max`, which would turn a NaN of a broken network into an innocent 0.
            Self::Relu => values.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value }),
            Self::Tanh => values.iter_mut().for_each(|value| *value = libm::tanh(*value)),
            Self::Sigmoid => values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + libm::exp(-*value))),
        }
    }

    /// The slope of the function where it has the value `output`; all four can be told from that.
    pub(crate) fn slope(self, output: f64) -> f64 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => f64::from(u8::from(output > 0.0)),
            Self::Tanh => 1.0 - output * output,
            Self::Sigmoid => output * (1.0 - output),
        }
    }
}
