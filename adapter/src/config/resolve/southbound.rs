//! `southbound_mappings:`

use std::sync::Arc;

use serde_json_path::JsonPath;

use super::{
    brokers::Brokers,
    context::Context,
    tags::{ReadTag, Tags},
    template, version,
};
use crate::config::{
    effective::{Range, SouthboundMapping},
    span::Span,
    view::{Text, View},
};
use crate::domain::BrokerId;

/// A mapping with the places that later checks point at.
pub(super) struct PlannedSouthbound<'a> {
    pub(super) mapping: SouthboundMapping,
    /// The filter as written.
    pub(super) filter: Option<Text<'a>>,
    pub(super) span: Span,
}

/// Reads `southbound_mappings:`.
pub(super) fn read<'a>(
    root: &View<'a>,
    adapter: &str,
    brokers: &Brokers,
    tags: &Tags<'_>,
    context: &mut Context<'_>,
) -> Vec<PlannedSouthbound<'a>> {
    let entries = root.list("southbound_mappings");
    entries.into_iter().filter_map(|(span, view)| read_one(span, &view, adapter, brokers, tags, context)).collect()
}

fn read_one<'a>(
    span: Span,
    view: &View<'a>,
    adapter: &str,
    brokers: &Brokers,
    tags: &Tags<'_>,
    context: &mut Context<'_>,
) -> Option<PlannedSouthbound<'a>> {
    let tag_text = view.text("tag_name");
    let tag = tag_text.and_then(|text| tags.find(text, context));
    if let (Some(text), Some(tag)) = (tag_text, tag) {
        refuse_member(text, tags.get(tag), context);
    }
    let tag_name = tag.map_or("tag", |tag| tags.get(tag).name.value);
    let filter = view.text("topic_filter");
    let topic_filter = filter.and_then(|text| template::filter(text, adapter, tag_name, context));
    let broker = broker(view, span, brokers, context);
    let value = view.text("value").and_then(|text| json_path(text, context));
    let range = range(view, context)?;
    let mapping = SouthboundMapping {
        topic_filter,
        broker: broker?,
        tag: tag?,
        value,
        range,
        max_age: view.entry("max_age").and_then(|_| view.duration("max_age")),
        max_wait: view.duration("max_wait")?,
        accepts_retained: view.boolean("accept_retained"),
        line: span.line,
    };
    Some(PlannedSouthbound { mapping, filter, span })
}

/// A tag that only alarms write takes no commands, so it needs no broker.
fn broker(view: &View<'_>, span: Span, brokers: &Brokers, context: &mut Context<'_>) -> Option<BrokerId> {
    if !view.has("topic_filter") && !view.has("broker") {
        return Some(BrokerId::default());
    }
    let id = brokers.find(view, span, "topic_filter", context)?;
    if let Some(broker) = brokers.get(id) {
        version::check_retained(view, broker, context);
    }
    Some(id)
}

/// OPC UA writes a node's whole value; what a command would have to say of the other members, nobody knows.
fn refuse_member(text: Text<'_>, tag: &ReadTag<'_>, context: &mut Context<'_>) {
    if tag.view.has_own("field") {
        let shown = context.show(text);
        context
            .report
            .error(
                text.span,
                format!("the tag {shown} is a member of its node's value (`field`), which cannot be written alone"),
            )
            .help("map the member's own node where the server has one, or leave this mapping out");
    }
}

fn json_path(text: Text<'_>, context: &mut Context<'_>) -> Option<Arc<JsonPath>> {
    const HELP: &str = "write where the value stands in the payload, such as `$.value` or `$.setpoint.speed`";
    // The parser is recursive: what comes from outside must not choose how deep.
    const MAX_LENGTH: usize = 256;
    const MAX_BRACKETS: usize = 16;
    if text.value.len() > MAX_LENGTH || text.value.matches(['(', '[', '!']).count() > MAX_BRACKETS {
        context.reject(text, "JSONPath", "it is too long or nests too deep", HELP);
        return None;
    }
    let parsed = JsonPath::parse(text.value);
    if parsed.is_err() {
        // The parser's own words, "at position 0, parser error", help nobody.
        let starts_well = text.value.starts_with('$');
        let reason = if starts_well { "it cannot be read" } else { "it must start with `$`, which is the payload" };
        context.reject(text, "JSONPath", reason, HELP);
    }
    parsed.ok().map(Arc::new)
}

fn range(view: &View<'_>, context: &mut Context<'_>) -> Option<Range> {
    let section = view.section("range")?;
    let range = Range { min: section.number("min"), max: section.number("max") };
    if let (Some(min), Some(max)) = (range.min, range.max)
        && min > max
        && let Some(entry) = section.entry("min")
    {
        context
            .report
            .error(entry.value.span, format!("no value lies in this range: {min} is greater than {max}"))
            .help("`min` must be at most `max`");
    }
    Some(range)
}
