//! What the kind `autoencoder` says about itself.

use super::activation::Activation;
use super::detector::{Autoencoder, ReconstructionError};
use super::train::Training;
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

pub(super) const NAME: &str = "autoencoder";

/// The kind `autoencoder`, with the network, the training and the score of `PyOD`'s `AutoEncoder`.
///
/// The network leads from the features over `hidden` to `bottleneck` numbers and back over `hidden`. Behind each hidden
/// layer come batch normalisation, the activation and, in training, dropout, as in `PyOD`: normalisation lets a learning
/// rate that suits one table suit others, and dropout keeps a network that is wider than the row from learning to copy
/// it, anomalies included. Neither costs anything later: the normalisation is folded into the weights. The score is the
/// Euclidean norm of row minus reconstruction.
///
/// `PyOD`'s ten epochs are a matter of some hundred steps for some thousand rows, and of a few for some hundred rows,
/// which leaves the network as good as untrained; `minimum_steps` sees to it that there are enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct AutoencoderKind;

impl DetectorKind for AutoencoderKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Neural network that squeezes a row and puts it together again; finds rows whose features do not fit each other."
    }

    fn parameters(&self) -> &'static [Parameter] {
        const PARAMETERS: &[Parameter] = &[
            integer("hidden", (1, 256, 64), "Width of the first and the last hidden layer, in numbers."),
            integer("bottleneck", (1, 256, 32), "Width of the layer between them, in numbers."),
            Parameter {
                name: "activation",
                domain: Domain::Choice { options: &["relu", "tanh", "sigmoid"], default: "relu" },
                doc: "What a hidden layer makes of its weighted sums.",
            },
            number(
                "dropout",
                (0.0, 0.9, 0.2),
                "Share of the hidden outputs that is left out in each step of training.",
            ),
            integer("epochs", (1, 10_000, 10), "How often training goes through all rows."),
            integer(
                "minimum_steps",
                (0, 100_000, 500),
                "Batches that training takes at least; with few rows it goes through them more often.",
            ),
            integer("batch_size", (2, 4096, 32), "Rows per step of training."),
            number("learning_rate", (1e-6, 1.0, 1e-3), "Length of a step of training, in units of a weight."),
            number("weight_decay", (0.0, 1.0, 1e-5), "How strongly training pulls weights to 0, as a share of each."),
            integer("seed", (0, i64::MAX, 0), "Seed of all that is random in training."),
        ];
        PARAMETERS
    }

    fn minimum_samples(&self) -> usize {
        // One batch of the default size.
        32
    }

    fn default_threshold(&self) -> ThresholdSpec {
        ThresholdSpec::Evt(1e-3)
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::Standard
    }

    fn keeps_training_scores(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let count = |name: &str| params.integer(name).map(|value| usize::try_from(value).unwrap_or(0));
        let training = Training {
            hidden: count("hidden")?,
            bottleneck: count("bottleneck")?,
            activation: match params.text("activation")? {
                "tanh" => Activation::Tanh,
                "sigmoid" => Activation::Sigmoid,
                _ => Activation::Relu,
            },
            dropout: params.number("dropout")?,
            epochs: count("epochs")?,
            minimum_steps: count("minimum_steps")?,
            batch_size: count("batch_size")?,
            learning_rate: params.number("learning_rate")?,
            weight_decay: params.number("weight_decay")?,
            seed: params.integer("seed")?.unsigned_abs(),
        };
        let network = training.run(rows).map_err(|error| FitError::Detector {
            kind: NAME,
            reason: format!("{error} after training; lower the learning rate or scale the rows"),
        })?;
        Ok(Box::new(Autoencoder::new(network, ReconstructionError::Norm)))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: Autoencoder = decode(bytes)?;
        detector.check()?;
        Ok(Box::new(detector))
    }
}

const fn integer(name: &'static str, (min, max, default): (i64, i64, i64), doc: &'static str) -> Parameter {
    Parameter { name, domain: Domain::Integer { min, max, default }, doc }
}

const fn number(name: &'static str, (min, max, default): (f64, f64, f64), doc: &'static str) -> Parameter {
    Parameter { name, domain: Domain::Number { min, max, default }, doc }
}
