//! `models:`, and the kinds of detector that mappings name directly.

use std::collections::{HashMap, HashSet};

use tagwise_model::{DetectorKind, ModelSpec, Params, ScalerSpec, ThresholdSpec};

use super::{broker::check_name, context::Context};
use crate::config::{
    effective::{ModelConfig, ModelScope, Training},
    form,
    span::Span,
    suggest::did_you_mean,
    tree::{Kind, Mapping},
    view::{Text, View},
};

/// What a model learns from when the mapping does not say.
const DEFAULT_SAMPLES: usize = 500;

/// The models, and which of them are used.
#[derive(Debug)]
pub(super) struct Models {
    declared: Vec<Declared>,
    by_name: HashMap<String, usize>,
    /// The ones in use; mappings refer to positions here.
    configs: Vec<ModelConfig>,
}

#[derive(Debug)]
struct Declared {
    name: String,
    span: Span,
    /// `None` when it has been complained about.
    config: Option<ModelConfig>,
    /// Where it stands among the ones in use.
    used_as: Option<usize>,
}

impl Models {
    /// Reads `models:`.
    pub(super) fn declared(root: &View<'_>, context: &mut Context<'_>) -> Self {
        let mut models = Self { declared: Vec::new(), by_name: HashMap::new(), configs: Vec::new() };
        for (entry, section) in root.named("models") {
            let is_named = check_name(&entry.key, entry.key_span, "model", context);
            let config = read(&entry.key, &section, context).filter(|_| is_named);
            models.declare(&entry.key, entry.key_span, config);
        }
        models
    }

    /// The model that a mapping names; `None` when it has been complained about.
    pub(super) fn find(&mut self, text: Text<'_>, context: &mut Context<'_>) -> Option<usize> {
        let position = if let Some(position) = self.by_name.get(text.value) {
            *position
        } else if let Some(kind) = context.registry.get(&text.value.to_lowercase()) {
            self.declare(text.value, text.span, Some(by_defaults(text.value, kind.as_ref())))
        } else {
            self.report_unknown(text, context);
            return None;
        };
        let declared = &mut self.declared[position];
        if declared.used_as.is_none() {
            let config = declared.config.clone()?;
            declared.used_as = Some(self.configs.len());
            self.configs.push(config);
        }
        declared.used_as
    }

    /// Says which models of the mapping nobody names.
    pub(super) fn warn_of_unused(&self, context: &mut Context<'_>) {
        // With a mistake elsewhere the mapping that names it may not have been read.
        if context.report.has_errors() {
            return;
        }
        for model in self.declared.iter().filter(|model| model.used_as.is_none()) {
            let shown = context.source.quote(model.span, &model.name);
            context
                .report
                .warning(model.span, format!("no mapping names the model {shown}"))
                .help("name it by `model: …` on a tag or mapping, or remove it");
        }
    }

    /// The ones in use.
    pub(super) fn into_configs(self) -> Vec<ModelConfig> {
        self.configs
    }

    fn declare(&mut self, name: &str, span: Span, config: Option<ModelConfig>) -> usize {
        let position = self.declared.len();
        self.declared.push(Declared { name: name.to_owned(), span, config, used_as: None });
        self.by_name.insert(name.to_owned(), position);
        position
    }

    fn report_unknown(&self, text: Text<'_>, context: &mut Context<'_>) {
        let shown = context.show(text);
        let names = || self.declared.iter().map(|model| model.name.as_str()).chain(context.registry.names());
        let is_planned = form::unknown_kind(text.scalar, context.registry).0.contains("planned");
        if is_planned {
            let help =
                format!("name an entry of `models`, or a kind of detector: {}", names().collect::<Vec<_>>().join(", "));
            context.report.error(text.span, format!("the detector {shown} is planned, but not yet built")).help(help);
            return;
        }
        let meant = if text.scalar.is_interpolated || context.report.is_full() {
            None
        } else {
            did_you_mean(text.value, names())
        };
        let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
        // A kind that another mapping names directly is among the declared ones as well.
        let mut seen = HashSet::new();
        let known: Vec<&str> = names().filter(|name| seen.insert(*name)).take(20).collect();
        let help = format!("models are the entries of `models`, and the kinds of detector: {}", known.join(", "));
        context.report.error(text.span, format!("unknown model {shown}{guess}")).help(help);
    }
}

fn by_defaults(name: &str, kind: &dyn DetectorKind) -> ModelConfig {
    ModelConfig {
        name: name.to_owned(),
        spec: ModelSpec::defaults_of(kind),
        per: ModelScope::Tag,
        training: Training::Samples(DEFAULT_SAMPLES.max(kind.minimum_samples())),
    }
}

fn read(name: &str, section: &View<'_>, context: &mut Context<'_>) -> Option<ModelConfig> {
    features(section, context);
    let detector = section.entry("detector").and_then(|entry| entry.value.as_mapping());
    let kind = detector.and_then(|detector| detector.get("kind")).and_then(|entry| match &entry.value.kind {
        Kind::Scalar(scalar) => context.registry.get(&scalar.text.to_lowercase()).cloned(),
        _ => None,
    });
    let threshold = match section.entry("threshold") {
        Some(_) => threshold(section, context),
        None => kind.as_deref().map(DetectorKind::default_threshold),
    };
    let training = training(section, kind.as_deref(), context);
    let kind = kind?;
    let scaler = match section.entry("scaler") {
        None => kind.default_scaler(),
        Some(_) => {
            if section.choice("scaler")? == "none" {
                ScalerSpec::None
            } else {
                ScalerSpec::Standard
            }
        }
    };
    let per = if section.choice("per")? == "model" { ModelScope::Model } else { ModelScope::Tag };
    let params = params(detector?, kind.as_ref(), context)?;
    let spec = ModelSpec { kind: kind.name().to_owned(), params, scaler, threshold: threshold? };
    Some(ModelConfig { name: name.to_owned(), spec, per, training: training? })
}

fn features(section: &View<'_>, context: &mut Context<'_>) {
    let Some(entry) = section.entry("features") else { return };
    let count = entry.value.as_sequence().map_or(1, <[_]>::len);
    if count != 1 {
        let message = format!("this version scores one feature, the value itself; here are {count}");
        context.report.error(entry.key_span, message).help("write `features: [ { kind: value } ]`, or remove the key");
    }
}

fn params(detector: &Mapping, kind: &dyn DetectorKind, context: &mut Context<'_>) -> Option<Params> {
    let given = detector.entries.iter().filter_map(|entry| {
        let parameter = kind.parameters().iter().find(|parameter| parameter.name == entry.key)?;
        match &entry.value.kind {
            Kind::Scalar(scalar) => Some((entry.key.clone(), form::read_parameter(scalar, parameter).ok()?)),
            _ => None,
        }
    });
    match Params::resolve(kind.parameters(), given) {
        Ok(params) => Some(params),
        Err(errors) => {
            for error in errors {
                let span = detector.get(error.name()).or_else(|| detector.entries.first())?.value.span;
                context.report.error(span, error.to_string());
            }
            None
        }
    }
}

fn threshold(section: &View<'_>, context: &mut Context<'_>) -> Option<ThresholdSpec> {
    const HELP: &str = "write one of `{ contamination: 0.05 }`, `{ quantile: 0.99, factor: 1.5 }` and `{ fixed: 0.6 }`";
    let entry = section.entry("threshold")?;
    let given = section.section("threshold")?;
    let ways = ["contamination", "quantile", "fixed"];
    let chosen: Vec<&str> = ways.into_iter().filter(|way| given.has(way)).collect();
    let is_stray_factor = given.has("factor") && chosen != ["quantile"];
    if chosen.len() != 1 || is_stray_factor {
        if entry.value.as_mapping().is_some_and(|mapping| mapping.get("evt").is_none()) {
            let message = if is_stray_factor && chosen.len() == 1 {
                "`factor` goes with `quantile` only"
            } else {
                "a threshold is found in exactly one way"
            };
            context.report.error(entry.key_span, message).help(HELP);
        }
        return None;
    }
    let spec = match chosen[0] {
        "contamination" => ThresholdSpec::Contamination(given.number("contamination")?),
        "quantile" => ThresholdSpec::Quantile { quantile: given.number("quantile")?, factor: given.number("factor")? },
        _ => ThresholdSpec::Fixed(given.number("fixed")?),
    };
    if let Err(error) = spec.validate() {
        let is_factor = error.to_string().starts_with("factor");
        let key = if is_factor { "factor" } else { chosen[0] };
        context.report.error(given.entry(key)?.value.span, error.to_string()).help(HELP);
        return None;
    }
    Some(spec)
}

fn training(section: &View<'_>, kind: Option<&dyn DetectorKind>, context: &mut Context<'_>) -> Option<Training> {
    let training = section.section("training")?;
    let minimum = kind.map_or(0, DetectorKind::minimum_samples);
    match (training.entry("file"), training.entry("samples")) {
        (Some(_), Some(both)) => {
            context
                .report
                .error(both.key_span, "`file` and `samples` exclude each other")
                .help("a model learns from a file, or from so many live values");
            None
        }
        (Some(_), None) => {
            let text = training.text("file")?;
            let path = context.path(text);
            context.require_file(text, &path);
            Some(Training::File(path))
        }
        (None, Some(entry)) => {
            let samples: usize = training.integer("samples")?;
            if let Some(kind) = kind.filter(|_| samples < minimum) {
                let message = format!("{samples} values are too few for `{}`, which needs {minimum}", kind.name());
                context.report.error(entry.value.span, message).help("several hundred make a useful model");
            }
            Some(Training::Samples(samples))
        }
        (None, None) if section.has("training") && training.has("duration") => None,
        (None, None) => Some(Training::Samples(DEFAULT_SAMPLES.max(minimum))),
    }
}
