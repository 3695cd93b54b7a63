//! `detector:`, whose keys the model crate's registry knows.

use tagwise_model::{DetectorKind, DetectorSpec, Domain, ParamValue, Parameter, Params, Registry};

use super::walk::{Form, join, show};
use crate::config::{
    keys::{PLANNED_DETECTORS, Shape, TextKind},
    scalar::{self, Problem},
    span::Span,
    suggest::{any_of, did_you_mean},
    tree::{Entry, Kind, Mapping, Node, Scalar},
};

impl Form<'_> {
    /// Checks kind and parameters.
    pub(super) fn detector(&mut self, mapping: &Mapping, span: Span, path: &str) {
        let names: Vec<&str> = self.registry.names().collect();
        self.detector_among(&names, mapping, span, path);
    }

    /// `names` are the kinds that may stand here.
    fn detector_among(&mut self, names: &[&str], mapping: &Mapping, span: Span, path: &str) {
        let Some(kind) = mapping.get("kind") else {
            let help = format!("write `kind: …`: {}", any_of(names.iter().copied()));
            self.report.error(span, format!("`kind` is missing in `{path}`")).help(help);
            return;
        };
        let Kind::Scalar(scalar) = &kind.value.kind else {
            self.value(&kind.value, kind.key_span, &join(path, "kind"), Shape::Text(TextKind::Any));
            return;
        };
        let Some(known) = self.registry.get(&scalar.text.to_lowercase()) else {
            self.unknown(names, scalar, kind.value.span);
            return;
        };
        let parameters = known.parameters();
        for entry in mapping.entries.iter().filter(|entry| entry.key != "kind") {
            let Some(parameter) = parameters.iter().find(|parameter| parameter.name == entry.key) else {
                let names = parameters.iter().map(|parameter| parameter.name);
                let meant = did_you_mean(&entry.key, names.clone());
                let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
                let shown = self.source.quote(entry.key_span, &entry.key);
                let help = format!("its parameters are {}", names.collect::<Vec<_>>().join(", "));
                let message = format!("`{}` has no parameter {shown}{guess}", known.name());
                self.report.error(entry.key_span, message).help(help);
                continue;
            };
            self.parameter(entry, parameter, path);
        }
    }

    fn parameter(&mut self, entry: &Entry, parameter: &Parameter, path: &str) {
        if matches!(parameter.domain, Domain::Detectors { .. }) {
            self.members(entry, parameter, path);
            return;
        }
        let Kind::Scalar(scalar) = &entry.value.kind else {
            let shape = Shape::Number { min: f64::MIN, max: f64::MAX };
            self.value(&entry.value, entry.key_span, &join(path, parameter.name), shape);
            return;
        };
        if scalar.is_null() {
            self.no_value(entry, Shape::Unread);
        } else if let Err(mut problem) = read_parameter(scalar, parameter) {
            problem.help = Some(format!("{}: {}", parameter.domain, parameter.doc));
            self.problem(&entry.value, scalar, problem);
        }
    }
}

impl Form<'_> {
    /// The detectors that one is made of: kinds with their parameters, or kinds alone.
    fn members(&mut self, entry: &Entry, parameter: &Parameter, path: &str) {
        let path = join(path, parameter.name);
        let Kind::Sequence(items) = &entry.value.kind else {
            if !entry.value.is_broken() {
                let message = format!("`{path}` is a list of detectors");
                self.report.error(entry.key_span, message).help("write `[ isolation_forest, { kind: ewma_z } ]`");
            }
            return;
        };
        if items.is_empty() {
            self.report.error(entry.key_span, format!("`{path}` is empty")).help(parameter.doc);
        }
        let registry = self.registry;
        let names: Vec<&str> = registry
            .names()
            .filter(|name| registry.get(name).is_some_and(|kind| !is_made_of_others(kind.as_ref())))
            .collect();
        for item in items {
            let kind = match &item.kind {
                Kind::Mapping(mapping) => {
                    self.detector_among(&names, mapping, item.span, &path);
                    mapping.get("kind").map(|entry| &entry.value)
                }
                Kind::Scalar(scalar) => {
                    if registry.get(&scalar.text.to_lowercase()).is_none() {
                        self.unknown(&names, scalar, item.span);
                    }
                    Some(item)
                }
                _ => {
                    self.value(item, item.span, &path, Shape::Text(TextKind::Any));
                    None
                }
            };
            if let Some(Kind::Scalar(scalar)) = kind.map(|node| &node.kind)
                && self.registry.get(&scalar.text.to_lowercase()).is_some_and(|kind| is_made_of_others(kind.as_ref()))
            {
                let message = format!("`{path}` cannot hold detectors that are made of others themselves");
                self.report.error(item.span, message).help("list all of them here, side by side");
            }
        }
    }

    fn unknown(&mut self, names: &[&str], scalar: &Scalar, span: Span) {
        let (message, help) = unknown_kind(scalar, names);
        let found = show(self.source, span, scalar);
        self.report.error(span, message.replace("{}", &found)).help(help);
    }
}

/// Whether a kind takes other detectors as a parameter.
fn is_made_of_others(kind: &dyn DetectorKind) -> bool {
    kind.parameters().iter().any(|parameter| matches!(parameter.domain, Domain::Detectors { .. }))
}

/// Reads the parameters of a detector whose form has been checked; what cannot be read has been reported.
pub(crate) fn read_parameters(
    detector: &Mapping,
    kind: &dyn DetectorKind,
    registry: &Registry,
) -> Vec<(String, ParamValue)> {
    let read = |entry: &Entry| {
        let parameter = kind.parameters().iter().find(|parameter| parameter.name == entry.key)?;
        let value = match (&entry.value.kind, parameter.domain) {
            (Kind::Sequence(items), Domain::Detectors { .. }) if !items.is_empty() => {
                ParamValue::Detectors(items.iter().filter_map(|item| read_member(item, registry)).collect())
            }
            (Kind::Scalar(scalar), _) => read_parameter(scalar, parameter).ok()?,
            _ => return None,
        };
        Some((entry.key.clone(), value))
    };
    detector.entries.iter().filter_map(read).collect()
}

fn read_member(node: &Node, registry: &Registry) -> Option<DetectorSpec> {
    let find = |scalar: &Scalar| registry.get(&scalar.text.to_lowercase());
    match &node.kind {
        Kind::Scalar(scalar) => Some(DetectorSpec {
            kind: find(scalar)?.name().to_owned(),
            params: Params::defaults(find(scalar)?.parameters()),
        }),
        Kind::Mapping(mapping) => {
            let Kind::Scalar(scalar) = &mapping.get("kind")?.value.kind else { return None };
            let kind = find(scalar)?;
            let given = read_parameters(mapping, kind.as_ref(), registry);
            let params = Params::resolve(kind.parameters(), given).ok()?;
            Some(DetectorSpec { kind: kind.name().to_owned(), params })
        }
        _ => None,
    }
}

/// Reads a detector's parameter as its kind wants it.
fn read_parameter(scalar: &Scalar, parameter: &Parameter) -> Result<ParamValue, Problem> {
    match parameter.domain {
        Domain::Integer { min, max, .. } => scalar::read_integer(scalar, min, max).map(ParamValue::Integer),
        Domain::Number { min, max, .. } => scalar::read_number(scalar, min, max).map(ParamValue::Number),
        Domain::Choice { options, .. } => {
            scalar::read_choice(scalar, options).map(|word| ParamValue::Text(word.to_owned()))
        }
        Domain::Detectors { .. } => Err(Problem::new("a list of detectors is due here, not {}", "write `[ … ]`")),
    }
}

/// Whether a kind is one that the language has and this version has not.
pub(crate) fn is_planned(scalar: &Scalar) -> bool {
    PLANNED_DETECTORS.contains(&scalar.text.to_lowercase().as_str())
}

/// What to say of a kind that the registry does not have; `{}` stands for the text found.
fn unknown_kind(scalar: &Scalar, names: &[&str]) -> (String, String) {
    let names = || names.iter().copied();
    let help = format!("write {}", any_of(names()));
    if is_planned(scalar) {
        return ("the detector {} is planned, but not yet built".to_owned(), help);
    }
    let meant = if scalar.is_interpolated { None } else { did_you_mean(&scalar.text, names()) };
    let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
    (format!("unknown kind of detector {{}}{guess}"), help)
}
