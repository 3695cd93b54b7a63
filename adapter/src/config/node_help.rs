//! What to write in place of a text that is no node id, or hardly the one that was meant.

use super::scalar::Problem;
use crate::domain::{
    BrowsePath, Identifier,
    node_spelling::{Meant, meant},
};

/// Where nothing can be said about what was meant.
pub(super) const EXAMPLE: &str = "copy it from the server's browser, such as `nsu=http://www.siemens.com/simatic-s7-opcua;s=\"Machine\".\"Vibration\"`, and put it in single quotes";

/// What to write in place of a text, if what was meant can be told.
pub(super) fn advice(text: &str) -> Option<String> {
    if text.starts_with('/') && text.parse::<BrowsePath>().is_ok() {
        return Some(format!(
            "the names that lead to a node are a browse path: write `browse_path: {}`",
            quoted(text)?
        ));
    }
    written(&meant(text)?)
}

/// What to write for a node id that was meant.
pub(super) fn written(meant: &Meant) -> Option<String> {
    let Meant { address, has_namespace } = meant;
    if *has_namespace {
        return Some(format!("write {}", quoted(&address.to_string())?));
    }
    let named = quoted(&format!("nsu=<namespace uri>;{}", address.identifier))?;
    let own = match address.identifier {
        Identifier::Numeric(number) => format!("'i={number}' alone is a node of OPC UA's own namespace"),
        _ => "the server's browser shows it".to_owned(),
    };
    Some(format!("write {named} with the URI of its namespace; {own}"))
}

/// The problem of a node id without quotes that YAML takes for another type; quotes do not make it a node id.
pub(super) fn of_other_type(problem: Problem, text: &str) -> Problem {
    let number = Some(text).filter(|text| text.starts_with(|c: char| c.is_ascii_digit()));
    Problem { help: Some(number.and_then(advice).unwrap_or_else(|| EXAMPLE.to_owned())), ..problem }
}

/// As YAML takes it letter by letter.
fn quoted(text: &str) -> Option<String> {
    let is_shown = !text.chars().any(char::is_control);
    is_shown.then(|| format!("'{}'", text.replace('\'', "''")))
}
