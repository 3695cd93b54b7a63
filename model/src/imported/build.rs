//! From a document to a model.

use super::ImportError;
use super::document::{
    self, Activation, Document, Forest, Layers, ReconstructionError, Scaler, Statistic, Subspace, read, read_kind,
};
use crate::detectors::autoencoder::{self, Autoencoder, Network};
use crate::detectors::pca::{self, Pca};
use crate::model::Training;
use crate::scaler::StandardScaler;
use crate::threshold::Threshold;
use crate::training_scores::TrainingScores;
use crate::{
    DecisionSpec, Detector, ExportedTree, Features, IsolationForest, Model, ModelSpec, ParamValue, Params, Registry,
    RestoreError, ScalerSpec, ThresholdSpec,
};

const KINDS: [&str; 3] = ["autoencoder", "isolation_forest", "pca"];

/// Widest row that is taken, so that no few bytes ask for much memory.
const WIDEST: usize = 4096;

/// A detector on its way in, with the parameters that say how to fit one like it again.
struct Part {
    detector: Box<dyn Detector>,
    params: Vec<(&'static str, ParamValue)>,
}

/// Makes a model of a document that `model/export/tagwise_export.py` wrote; `model/export/README.md` describes it. The
/// text may come from anywhere.
///
/// The chain is: scaler, if there is one, detector, offset, threshold. There is no out-of-range guard, so that the scores
/// are those of Python: for forests to 10^-12 on `f32` values, for the others to 10^-6.
///
/// # Errors
/// Text that is no such document, a kind that `registry` does not have, or numbers that make no model; all but the first
/// say where in the document.
pub fn import_json(text: &[u8], registry: &Registry) -> Result<Model, ImportError> {
    let kind = read_kind(text)?;
    match kind.as_str() {
        "autoencoder" => build(&kind, read(text)?, registry, autoencoder_from),
        "isolation_forest" => build(&kind, read(text)?, registry, forest_from),
        "pca" => build(&kind, read(text)?, registry, pca_from),
        _ => Err(unknown(kind)),
    }
}

fn unknown(found: String) -> ImportError {
    ImportError::Kind { found, known: KINDS.map(str::to_owned).to_vec() }
}

fn build<D>(
    kind: &str,
    document: Document<D>,
    registry: &Registry,
    detector_from: fn(D, usize) -> Result<Part, ImportError>,
) -> Result<Model, ImportError> {
    let registered = registry.get(kind).ok_or_else(|| unknown(kind.to_owned()))?;
    let width = document.features;
    if !(1..=WIDEST).contains(&width) {
        return Err(ImportError::invalid("features", &format!("{width} is not from 1 to {WIDEST}")));
    }
    let scaler = document.scaler.map(|scaler| scaler_from(scaler, width)).transpose()?;
    let (offset, threshold) = (document.offset, document.threshold);
    let spec = match document.contamination {
        Some(share) => ThresholdSpec::Contamination(share),
        // The detector's own score, if one like it is fitted again.
        None => ThresholdSpec::Fixed(threshold - offset),
    };
    let path = if document.contamination.is_some() { "contamination" } else { "threshold" };
    spec.validate().map_err(|error| ImportError::invalid(path, &error))?;
    let Part { detector, params } = detector_from(document.detector, width)?;
    let params = params.into_iter().map(|(name, value)| (name.to_owned(), value));
    let params = Params::resolve(registered.parameters(), params).map_err(|errors| {
        ImportError::invalid("detector", &errors.first().map_or_else(String::new, ToString::to_string))
    })?;
    let spec = ModelSpec {
        features: Features::default(),
        kind: kind.to_owned(),
        params,
        scaler: if scaler.is_some() { ScalerSpec::Standard } else { ScalerSpec::None },
        guard: None,
        smoothing: None,
        threshold: spec,
        decision: DecisionSpec::default(),
    };
    let training = training_from(document.training, threshold)?;
    Ok(Model::new(spec, scaler, None, detector, Threshold::shifted(offset, threshold), training))
}

fn scaler_from(scaler: Scaler, width: usize) -> Result<StandardScaler, ImportError> {
    for (path, found) in [("scaler.mean", scaler.mean.len()), ("scaler.scale", scaler.scale.len())] {
        check_length(path, found, width)?;
    }
    StandardScaler::from_parts(scaler.mean, scaler.scale)
        .map_err(|_| ImportError::invalid("scaler.scale", &"a scale is not above 0"))
}

/// Training scores are as reported, offset included.
fn training_from(training: document::Training, threshold: f64) -> Result<Training, ImportError> {
    let labelled = training.scores.iter().filter(|&&score| score > threshold).count() as u64;
    let samples = training.samples.max(training.scores.len() as u64);
    let scores = (!training.scores.is_empty()).then(|| TrainingScores::of(training.scores));
    if let Some(scores) = &scores {
        scores.check().map_err(|_| ImportError::invalid("training.scores", &"their sum or their squares overflow"))?;
    }
    Ok(Training { samples, labelled, scores })
}

fn forest_from(document: Forest, width: usize) -> Result<Part, ImportError> {
    let Forest { max_samples, trees } = document;
    let trees: Vec<ExportedTree<'_>> = trees
        .iter()
        .map(|tree| ExportedTree {
            children_left: &tree.children_left,
            children_right: &tree.children_right,
            feature: &tree.feature,
            threshold: &tree.threshold,
            node_samples: &tree.n_node_samples,
            features: tree.features.as_deref(),
        })
        .collect();
    let detector = IsolationForest::from_exported(width, max_samples, &trees)
        .map_err(|error| ImportError::invalid("detector", &error))?;
    // A forest that is fitted again is at most as large as the kind makes them.
    let at_most = |count: usize, most: i64| ParamValue::Integer(i64::try_from(count).unwrap_or(most).min(most));
    let params = vec![("trees", at_most(trees.len(), 1000)), ("sample_size", at_most(max_samples.max(2), 65_536))];
    Ok(Part { detector: Box::new(detector), params })
}

fn autoencoder_from(document: Layers, width: usize) -> Result<Part, ImportError> {
    let mut layers = Vec::new();
    for (place, layer) in document.layers.into_iter().enumerate() {
        check_length(&format!("detector.layers[{place}].biases"), layer.biases.len(), layer.weights.columns)?;
        layers.push(autoencoder::Layer {
            weights: layer.weights.cells.into(),
            biases: layer.biases.into(),
            activation: match layer.activation {
                Activation::Identity => autoencoder::Activation::Identity,
                Activation::Relu => autoencoder::Activation::Relu,
                Activation::Tanh => autoencoder::Activation::Tanh,
                Activation::Sigmoid => autoencoder::Activation::Sigmoid,
            },
        });
    }
    let network = Network::new(layers).map_err(|error| ImportError::invalid("detector.layers", &error))?;
    check_length("detector.layers", network.width(), width)?;
    let error = match document.error {
        ReconstructionError::Norm => autoencoder::ReconstructionError::Norm,
        ReconstructionError::MeanSquare => autoencoder::ReconstructionError::MeanSquare,
        ReconstructionError::MeanAbsolute => autoencoder::ReconstructionError::MeanAbsolute,
    };
    Ok(Part { detector: Box::new(Autoencoder::new(network, error)), params: Vec::new() })
}

fn pca_from(document: Subspace, width: usize) -> Result<Part, ImportError> {
    let count = document.components.rows();
    if !(1..=width).contains(&count) {
        return Err(ImportError::invalid("detector.components", &format!("{count} components of {width} features")));
    }
    check_length("detector.components[0]", document.components.columns, width)?;
    check_length("detector.scales", document.scales.len(), count)?;
    let mean = document.mean.unwrap_or_else(|| vec![0.0; width]);
    check_length("detector.mean", mean.len(), width)?;
    let (statistic, name) = match document.statistic {
        Statistic::Pyod => (pca::Statistic::Pyod, "pyod"),
        Statistic::T2 => (pca::Statistic::T2, "t2"),
        Statistic::Q => (pca::Statistic::Q, "q"),
    };
    let detector = Pca::from_parts(statistic, mean, document.components.cells, document.scales)
        .map_err(|error: RestoreError| ImportError::invalid("detector", &error))?;
    // Where a part of them is scored by, how many there were of the others is not known.
    let components = if count == width { 0 } else { i64::try_from(count).unwrap_or(0) };
    let params =
        vec![("statistic", ParamValue::Text(name.to_owned())), ("components", ParamValue::Integer(components))];
    Ok(Part { detector: Box::new(detector), params })
}

fn check_length(path: &str, found: usize, expected: usize) -> Result<(), ImportError> {
    if found == expected {
        Ok(())
    } else {
        Err(ImportError::invalid(path, &format!("{found} entries where {expected} are expected")))
    }
}
