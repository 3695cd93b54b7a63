//! `models:`, and the kinds of detector that mappings name directly.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tagwise_model::{
    DecisionSpec, DetectorKind, DetectorSpec, ModelSpec, ParamValue, Params, Registry, ScalerSpec, ThresholdSpec,
};

use super::{
    brokers::check_name,
    context::Context,
    features::{self, ReadFeatures},
    tags::Tags,
};
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
    pub(super) fn declared(root: &View<'_>, tags: &Tags<'_>, context: &mut Context<'_>) -> Self {
        let mut models = Self { declared: Vec::new(), by_name: HashMap::new(), configs: Vec::new() };
        for (entry, section) in root.named("models") {
            let is_named = check_name(&entry.key, entry.key_span, "model", context);
            let config = read(&entry.key, &section, tags, context).filter(|_| is_named);
            models.declare(&entry.key, entry.key_span, config);
        }
        models
    }

    /// The model that a mapping names; `None` when it has been complained about.
    pub(super) fn find(&mut self, text: Text<'_>, context: &mut Context<'_>) -> Option<usize> {
        let position = if let Some(position) = self.by_name.get(text.value) {
            *position
        } else if let Some(kind) = context.registry.get(&text.value.to_lowercase()) {
            self.declare(text.value, text.span, Some(by_defaults(text.value, kind.as_ref(), context.registry)))
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

    /// All of them, in use or not.
    pub(super) fn all(&self) -> Vec<ModelConfig> {
        self.declared.iter().filter_map(|model| model.config.clone()).collect()
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
        // A kind that another mapping names directly is among the declared ones as well.
        let mut seen = HashSet::new();
        let known: Vec<&str> = names().filter(|name| seen.insert(*name)).take(20).collect();
        let known = known.join(", ");
        if form::is_planned(text.scalar) {
            let help = format!("name an entry of `models`, or a kind of detector: {known}");
            context.report.error(text.span, format!("the detector {shown} is planned, but not yet built")).help(help);
            return;
        }
        let meant = if text.scalar.is_interpolated || context.report.is_full() {
            None
        } else {
            did_you_mean(text.value, names())
        };
        let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
        let help = format!("models are the entries of `models`, and the kinds of detector: {known}");
        context.report.error(text.span, format!("unknown model {shown}{guess}")).help(help);
    }
}

fn by_defaults(name: &str, kind: &dyn DetectorKind, registry: &Registry) -> ModelConfig {
    ModelConfig {
        name: name.to_owned(),
        spec: Arc::new(ModelSpec {
            params: fill_members(ModelSpec::defaults_of(kind).params, registry),
            ..ModelSpec::defaults_of(kind)
        }),
        inputs: Vec::new(),
        per: ModelScope::Tag,
        training: Training::Samples(DEFAULT_SAMPLES.max(kind.minimum_samples())),
        explain: 0,
    }
}

fn read(name: &str, section: &View<'_>, tags: &Tags<'_>, context: &mut Context<'_>) -> Option<ModelConfig> {
    let features = features::read(section, tags, context);
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
    let ReadFeatures { features, inputs } = features?;
    let spec = ModelSpec {
        features,
        kind: kind.name().to_owned(),
        params,
        scaler,
        guard: section.none_or_number("guard"),
        smoothing: section.none_or_number("smoothing"),
        threshold: threshold?,
        decision: decision(section)?,
    };
    let explain = section.integer("explain")?;
    Some(ModelConfig { name: name.to_owned(), spec: Arc::new(spec), inputs, per, training: training?, explain })
}

/// Every key has a default, so that only what has been reported is missing.
fn decision(section: &View<'_>) -> Option<DecisionSpec> {
    let Some(given) = section.section("decision") else { return Some(DecisionSpec::default()) };
    Some(DecisionSpec {
        raise_after: given.integer("raise_after")?,
        clear_after: given.integer("clear_after")?,
        refractory: i64::try_from(given.duration("refractory")?.as_micros()).unwrap_or(i64::MAX),
    })
}

fn params(detector: &Mapping, kind: &dyn DetectorKind, context: &mut Context<'_>) -> Option<Params> {
    let given = form::read_parameters(detector, kind, context.registry);
    match Params::resolve(kind.parameters(), given) {
        Ok(params) => Some(fill_members(params, context.registry)),
        Err(errors) => {
            for error in errors {
                let span = detector.get(error.name()).or_else(|| detector.entries.first())?.value.span;
                context.report.error(span, error.to_string());
            }
            None
        }
    }
}

/// Detectors that one is made of by default get their own defaults, so that the effective mapping shows them.
fn fill_members(params: Params, registry: &Registry) -> Params {
    let fill = |member: DetectorSpec| {
        let known = registry.get(&member.kind).map_or(&[][..], |kind| kind.parameters());
        let params = Params::resolve(known, member.params.clone()).unwrap_or(member.params);
        DetectorSpec { kind: member.kind, params }
    };
    let fill_value = |value| match value {
        ParamValue::Detectors(members) => ParamValue::Detectors(members.into_iter().map(fill).collect()),
        other => other,
    };
    params.into_iter().map(|(name, value)| (name, fill_value(value))).collect()
}

fn threshold(section: &View<'_>, context: &mut Context<'_>) -> Option<ThresholdSpec> {
    const HELP: &str = "write one of `{ quantile: 0.99, factor: 1.5 }`, `{ evt: 0.001 }`, `{ contamination: 0.05 }` and `{ fixed: 0.6 }`";
    let entry = section.entry("threshold")?;
    let given = section.section("threshold")?;
    let ways = ["contamination", "quantile", "evt", "fixed"];
    let chosen: Vec<&str> = ways.into_iter().filter(|way| given.has(way)).collect();
    let is_stray_factor = given.has("factor") && chosen != ["quantile"];
    if chosen.len() != 1 || is_stray_factor {
        if entry.value.as_mapping().is_some() {
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
        "evt" => ThresholdSpec::Evt(given.number("evt")?),
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
    let ways: Vec<_> = ["file", "artefact", "samples"].into_iter().filter_map(|way| training.entry(way)).collect();
    if let [first, second, ..] = ways.as_slice() {
        context
            .report
            .error(second.key_span, format!("`{}` and `{}` exclude each other", first.key, second.key))
            .help("a model learns from a file, comes from an artefact, or learns from so many live values");
        return None;
    }
    if let Some(entry) = training.entry("time_column").filter(|_| !training.has("file")) {
        context.report.error(entry.key_span, "`time_column` goes with `file` only").help("remove it, or name a file");
        return None;
    }
    let minimum = kind.map_or(0, DetectorKind::minimum_samples);
    match ways.first().map(|entry| entry.key.as_str()) {
        Some(way @ ("file" | "artefact")) => {
            let text = training.text(way)?;
            let path = context.path(text);
            context.require_file(text, &path);
            let time = training.text("time_column").map(|text| text.value.to_owned());
            Some(if way == "file" { Training::File { path, time } } else { Training::Artefact(path) })
        }
        Some(_) => {
            let samples: usize = training.integer("samples")?;
            if let Some(kind) = kind.filter(|_| samples < minimum) {
                let message = format!("{samples} values are too few for `{}`, which needs {minimum}", kind.name());
                let span = training.entry("samples")?.value.span;
                context.report.error(span, message).help("several hundred make a useful model");
            }
            Some(Training::Samples(samples))
        }
        None if section.has("training") && training.has("duration") => None,
        None => Some(Training::Samples(DEFAULT_SAMPLES.max(minimum))),
    }
}
