//! `detector:`, whose keys the model crate's registry knows.

use tagwise_model::{Domain, ParamValue, Parameter, Registry};

use super::walk::{Form, join, show};
use crate::config::{
    keys::{PLANNED_DETECTORS, Shape, TextKind},
    scalar::{self, Problem},
    span::Span,
    suggest::{any_of, did_you_mean},
    tree::{Entry, Kind, Mapping, Scalar},
};

impl Form<'_> {
    /// Checks kind and parameters.
    pub(super) fn detector(&mut self, mapping: &Mapping, span: Span, path: &str) {
        let Some(kind) = mapping.get("kind") else {
            let help = format!("write `kind: …`: {}", any_of(self.registry.names()));
            self.report.error(span, format!("`kind` is missing in `{path}`")).help(help);
            return;
        };
        let Kind::Scalar(scalar) = &kind.value.kind else {
            self.value(&kind.value, kind.key_span, &join(path, "kind"), Shape::Text(TextKind::Any));
            return;
        };
        let Some(known) = self.registry.get(&scalar.text.to_lowercase()) else {
            let (message, help) = unknown_kind(scalar, self.registry);
            let found = show(self.source, kind.value.span, scalar);
            self.report.error(kind.value.span, message.replace("{}", &found)).help(help);
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

/// Reads a detector's parameter as its kind wants it.
pub(crate) fn read_parameter(scalar: &Scalar, parameter: &Parameter) -> Result<ParamValue, Problem> {
    match parameter.domain {
        Domain::Integer { min, max, .. } => scalar::read_integer(scalar, min, max).map(ParamValue::Integer),
        Domain::Number { min, max, .. } => scalar::read_number(scalar, min, max).map(ParamValue::Number),
        Domain::Choice { options, .. } => {
            scalar::read_choice(scalar, options, &[]).map(|word| ParamValue::Text(word.to_owned()))
        }
    }
}

/// What to say of a kind that the registry does not have; `{}` stands for the text found.
pub(crate) fn unknown_kind(scalar: &Scalar, registry: &Registry) -> (String, String) {
    let help = format!("write {}", any_of(registry.names()));
    if PLANNED_DETECTORS.contains(&scalar.text.to_lowercase().as_str()) {
        return ("the detector {} is planned, but not yet built".to_owned(), help);
    }
    let meant = if scalar.is_interpolated { None } else { did_you_mean(&scalar.text, registry.names()) };
    let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
    (format!("unknown kind of detector {{}}{guess}"), help)
}
