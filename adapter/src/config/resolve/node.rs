//! A tag's `node` or `browse_path`: exactly one of them.

use super::context::Context;
use crate::{
    config::{
        node_help,
        span::Span,
        view::{Text, View},
    },
    domain::{
        BrowsePath, NodeAddress, NodeLocator,
        node_doubt::{doubt, is_escape},
    },
};

/// Reads it, with its place; what is wrong with it goes into the report.
pub(super) fn read(view: &View<'_>, tag: Span, context: &mut Context<'_>) -> Option<(Span, NodeLocator)> {
    match (view.entry("node"), view.entry("browse_path")) {
        (Some(_), Some(entry)) => {
            let message = "this tag has a `node` and a `browse_path`, and both say which node it is";
            context.report.error(entry.key_span, message).help("remove one of the two; a node id needs no look-up");
            None
        }
        (Some(_), None) => {
            let text = view.text("node")?;
            Some((text.span, node(text, context)?.into()))
        }
        (None, Some(entry)) => {
            let texts = view.texts("browse_path");
            let span = texts.first().map_or(entry.key_span, |text| text.span);
            Some((span, NodeLocator::Path(path(&texts, entry.value.as_sequence().is_some(), span, context)?)))
        }
        (None, None) => {
            if !view.is_misspelt("node") && !view.is_misspelt("browse_path") {
                let help = "write `node: 'nsu=<namespace uri>;s=<identifier>'`, or `browse_path: 'nsu=<namespace uri>;<name>/<name>'`";
                context.report.error(tag, "`node` is missing in this tag").help(help);
            }
            None
        }
    }
}

fn node(text: Text<'_>, context: &mut Context<'_>) -> Option<NodeAddress> {
    match text.value.parse() {
        Ok(node) => {
            warn_of_doubt(text, &node, context);
            Some(node)
        }
        Err(error) => {
            let advice = if is_shown(text, context) { node_help::advice(text.value) } else { None };
            context.reject(text, "node id", error, advice.as_deref().unwrap_or(node_help::EXAMPLE));
            None
        }
    }
}

/// What can be read and hardly be meant.
fn warn_of_doubt(text: Text<'_>, node: &NodeAddress, context: &mut Context<'_>) {
    let Some(doubt) = doubt(text.value, node) else { return };
    let advice = if is_shown(text, context) {
        let raw = raw_of_escapes(text, context).and_then(|raw| node_help::advice(&raw));
        raw.or_else(|| node_help::written(&doubt.meant?))
    } else {
        None
    };
    let help = advice.unwrap_or_else(|| node_help::EXAMPLE.to_owned());
    context.report.warning(text.span, doubt.why).help(help);
}

/// Whether advice may quote it.
fn is_shown(text: Text<'_>, context: &Context<'_>) -> bool {
    !text.scalar.is_interpolated && !context.source.is_secret(text.span)
}

/// What stands between the double quotes, where an escape yielded a control character.
fn raw_of_escapes(text: Text<'_>, context: &Context<'_>) -> Option<String> {
    if text.span.line != text.span.end_line || !text.value.chars().any(is_escape) {
        return None;
    }
    let raw = context.source.raw(text.span);
    raw.strip_prefix('"')?.strip_suffix('"').map(str::to_owned)
}

fn path(texts: &[Text<'_>], is_list: bool, span: Span, context: &mut Context<'_>) -> Option<BrowsePath> {
    const HELP: &str = "write the names from below the Objects folder on, such as `nsu=http://www.siemens.com/simatic-s7-opcua;PLC/Machine`; `&` takes the character behind it as it is";
    let parsed = match texts {
        [text] if !is_list => text.value.parse(),
        texts => BrowsePath::from_elements(texts.iter().map(|text| text.value)),
    };
    match parsed {
        Ok(path) => Some(path),
        Err(error) => {
            match texts {
                [text] => context.reject(*text, "browse path", error, HELP),
                // The reason may quote what `${…}` yields, which may be a secret.
                texts if texts.iter().any(|text| text.scalar.is_interpolated) => {
                    context.report.error(span, "what these names yield is no browse path").help(HELP);
                }
                _ => context.report.error(span, format!("this is no browse path: {error}")).help(HELP),
            }
            None
        }
    }
}
