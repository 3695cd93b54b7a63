//! An entry of `models:` in the effective mapping.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tagwise_model::{DecisionSpec, FeatureSpec, ParamValue, Params, ScalerSpec, ThresholdSpec};

use super::{
    duration::show_duration,
    effective::{Config, ModelConfig, ModelScope, Training},
    resolve::show_offset,
    resolved::{object, path, text},
};

/// A model with everything that it stands for.
pub(super) fn model(model: &ModelConfig, config: &Config) -> Value {
    let spec = &model.spec;
    let scaler = match spec.scaler {
        ScalerSpec::None => "none",
        ScalerSpec::Standard => "standard",
    };
    let per = match model.per {
        ModelScope::Tag => "tag",
        ModelScope::Model => "model",
    };
    json!({
        "detector": detector(&spec.kind, &spec.params),
        "per": per,
        "features": features(model, config),
        "scaler": scaler,
        "guard": none_or_number(spec.guard),
        "smoothing": none_or_number(spec.smoothing),
        "training": training(&model.training),
        "threshold": threshold(spec.threshold),
        "decision": decision(spec.decision),
        "explain": model.explain,
    })
}

fn detector(kind: &str, params: &Params) -> Value {
    let mut detector = Map::new();
    detector.insert("kind".to_owned(), json!(kind));
    detector.extend(params.iter().map(|(name, value)| (name.to_owned(), parameter(value))));
    Value::Object(detector)
}

fn parameter(value: &ParamValue) -> Value {
    match value {
        ParamValue::Detectors(members) => members.iter().map(|member| detector(&member.kind, &member.params)).collect(),
        other => json!(other),
    }
}

fn features(model: &ModelConfig, config: &Config) -> Value {
    let specs: Vec<FeatureSpec> = model.spec.features.clone().into();
    if specs.is_empty() {
        return json!([{ "kind": "value" }]);
    }
    // The first input is the mapping's own tag, which has no name here.
    let tag = |input: usize| {
        let tag = input.checked_sub(1).and_then(|other| model.inputs.get(other))?;
        Some(text(config.tags[tag.index()].name.as_str()))
    };
    let feature = |spec: FeatureSpec| match spec {
        FeatureSpec::Value { input } => object([("kind", Some(json!("value"))), ("tag", tag(input))]),
        FeatureSpec::Window { input, size, statistics } => object([
            ("kind", Some(json!("window"))),
            ("tag", tag(input)),
            ("size", Some(json!(size))),
            ("statistics", Some(statistics.iter().map(|statistic| statistic.name()).collect())),
        ]),
        FeatureSpec::Difference { input, lag } => {
            object([("kind", Some(json!("difference"))), ("tag", tag(input)), ("lag", Some(json!(lag)))])
        }
        FeatureSpec::Bands { input, size, count, hop } => object([
            ("kind", Some(json!("bands"))),
            ("tag", tag(input)),
            ("size", Some(json!(size))),
            ("count", Some(json!(count))),
            ("hop", Some(json!(hop))),
        ]),
        FeatureSpec::TimeOfDay { slots, utc_offset_minutes } => object([
            ("kind", Some(json!("time_of_day"))),
            ("slots", Some(json!(slots))),
            ("utc_offset", Some(json!(show_offset(utc_offset_minutes)))),
        ]),
    };
    specs.into_iter().map(feature).collect()
}

fn none_or_number(number: Option<f64>) -> Value {
    number.map_or_else(|| json!("none"), |number| json!(number))
}

fn training(training: &Training) -> Value {
    match training {
        Training::File { path: file, time } => {
            object([("file", Some(json!(path(file)))), ("time_column", time.as_deref().map(text))])
        }
        Training::Artefact(file) => json!({ "artefact": path(file) }),
        Training::Samples(samples) => json!({ "samples": samples }),
    }
}

fn threshold(spec: ThresholdSpec) -> Value {
    match spec {
        ThresholdSpec::Contamination(share) => json!({ "contamination": share }),
        ThresholdSpec::Quantile { quantile, factor } => json!({ "quantile": quantile, "factor": factor }),
        ThresholdSpec::Evt(risk) => json!({ "evt": risk }),
        ThresholdSpec::Fixed(score) => json!({ "fixed": score }),
    }
}

fn decision(spec: DecisionSpec) -> Value {
    let refractory = Duration::from_micros(spec.refractory.unsigned_abs());
    json!({
        "raise_after": spec.raise_after,
        "clear_after": spec.clear_after,
        "refractory": show_duration(refractory),
    })
}
