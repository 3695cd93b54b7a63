//! What each mapping says may be right, and yet not go together.

use std::collections::{BTreeSet, HashMap};

use super::{context::Context, northbound::PlannedNorthbound, southbound::PlannedSouthbound, tags::Tags};
use crate::config::{effective::AdapterConfig, span::Span};
use crate::domain::{BrokerId, TagId, TopicFilter};

/// Checks mappings against each other.
pub(super) fn check(
    tags: &Tags<'_>,
    northbound: &[PlannedNorthbound<'_>],
    southbound: &[PlannedSouthbound<'_>],
    adapter: Option<&AdapterConfig>,
    context: &mut Context<'_>,
) {
    // Topics are a broker's own: the same one at another is another.
    let brokers = northbound.iter().map(|planned| planned.mapping.broker);
    let brokers: BTreeSet<BrokerId> = brokers.chain(southbound.iter().map(|planned| planned.mapping.broker)).collect();
    for broker in brokers {
        let north: Vec<_> = northbound.iter().filter(|planned| planned.mapping.broker == broker).collect();
        let south: Vec<_> = southbound.iter().filter(|planned| planned.mapping.broker == broker).collect();
        shared_topics(tags, &north, context);
        own_topics(&north, adapter, context);
        overlapping_filters(&south, context);
        loops(&north, &south, context);
    }
    unreachable_southbound(northbound, southbound, tags, context);
    shared_write_tags(northbound, context);
    unused_tags(tags, northbound, southbound, context);
}

/// One tag twice to one topic is a mistake; two tags on one topic may be meant.
fn shared_topics(tags: &Tags<'_>, northbound: &[&PlannedNorthbound<'_>], context: &mut Context<'_>) {
    let mut by_topic: HashMap<&str, Vec<&PlannedNorthbound<'_>>> = HashMap::new();
    for planned in northbound {
        let sharing = by_topic.entry(planned.mapping.topic.as_str()).or_default();
        let shown = context.show(tags.get(planned.mapping.tag).name);
        if sharing.iter().any(|other| other.mapping.tag == planned.mapping.tag) {
            context
                .report
                .error(planned.topic.span, format!("the tag {shown} goes to this topic twice"))
                .help("remove one of the two mappings, or give it another topic");
        } else if let [first] = sharing.as_slice() {
            let first = context.show(tags.get(first.mapping.tag).name);
            context
                .report
                .warning(planned.topic.span, format!("the tags {first} and {shown} share this topic"))
                .help("if they should not, use `{tag}` in the topic; if they should, `include_tag_names: true` tells them apart");
        }
        sharing.push(planned);
    }
}

/// Alarms and status messages are retained: nothing else may go to their topics.
fn own_topics(northbound: &[&PlannedNorthbound<'_>], adapter: Option<&AdapterConfig>, context: &mut Context<'_>) {
    let mut taken: HashMap<String, &str> = HashMap::new();
    if let Some(adapter) = adapter {
        taken.insert(format!("{}/status", adapter.status_topic), "the adapter's status");
        taken.insert(format!("{}/gap", adapter.status_topic), "the adapter's gap messages");
    }
    for planned in northbound {
        if let Some(owner) = taken.get(planned.mapping.topic.as_str()) {
            let message = format!("this topic belongs to {owner}");
            context.report.error(planned.topic.span, message).help("choose another topic");
        }
    }
    for planned in northbound {
        taken.entry(planned.mapping.topic.to_string()).or_insert("the values of a tag");
    }
    for planned in northbound {
        let (Some(alarm), Some(span)) = (&planned.mapping.alarm, planned.alarm_span) else { continue };
        match taken.get(alarm.topic.as_str()) {
            Some(owner) => context
                .report
                .error(span, format!("the alarm's topic belongs to {owner} already"))
                .help("give each alarm a topic of its own, such as the mapping's topic and `/alarm`"),
            None => drop(taken.insert(alarm.topic.to_string(), "another alarm")),
        }
    }
}

/// A command must have one mapping that takes it.
fn overlapping_filters(southbound: &[&PlannedSouthbound<'_>], context: &mut Context<'_>) {
    let filters: Vec<(&TopicFilter, &PlannedSouthbound<'_>)> =
        southbound.iter().filter_map(|planned| Some((planned.mapping.topic_filter.as_ref()?, *planned))).collect();
    let mut exact: HashMap<&str, &PlannedSouthbound<'_>> = HashMap::new();
    let mut wildcards: Vec<(&TopicFilter, &PlannedSouthbound<'_>)> = Vec::new();
    for (filter, planned) in filters {
        let is_wildcard = filter.as_str().contains(['+', '#']);
        let same = exact.get(filter.as_str()).copied();
        let other =
            same.or_else(|| wildcards.iter().find(|(other, _)| other.overlaps(filter)).map(|(_, other)| *other));
        let other = other.or_else(|| {
            let is_matched = |name: &&&str| is_wildcard && filter.matches(name);
            exact.iter().filter(|(name, _)| is_matched(name)).map(|(_, other)| *other).min_by_key(|other| other.span)
        });
        if let (Some(other), Some(text)) = (other, planned.filter) {
            let line = other.span.line;
            let is_same = other.mapping.topic_filter.as_ref() == Some(filter);
            let (message, help) = if is_same {
                (
                    format!("the mapping on line {line} has this topic filter already"),
                    "remove one of the two; one command writes one tag",
                )
            } else {
                (
                    format!("a command could match this topic filter and the one on line {line}"),
                    "make them differ in a level that is no wildcard; one command writes one tag",
                )
            };
            context.report.error(text.span, message).help(help);
        }
        if is_wildcard {
            wildcards.push((filter, planned));
        } else {
            exact.entry(filter.as_str()).or_insert(planned);
        }
    }
}

/// What is sent north must not come back as a command.
fn loops(northbound: &[&PlannedNorthbound<'_>], southbound: &[&PlannedSouthbound<'_>], context: &mut Context<'_>) {
    let filters: Vec<(&TopicFilter, usize)> = southbound
        .iter()
        .filter_map(|planned| Some((planned.mapping.topic_filter.as_ref()?, planned.span.line)))
        .collect();
    let exact: HashMap<&str, usize> = filters.iter().map(|(filter, line)| (filter.as_str(), *line)).collect();
    let wildcards: Vec<_> = filters.iter().filter(|(filter, _)| filter.as_str().contains(['+', '#'])).collect();
    let find = |topic: &str| {
        exact
            .get(topic)
            .copied()
            .or_else(|| wildcards.iter().find(|(filter, _)| filter.matches(topic)).map(|(_, line)| *line))
    };
    for planned in northbound {
        if let Some(line) = find(planned.mapping.topic.as_str()) {
            report_loop(planned.topic.span, "values", line, context);
        }
        if let (Some(alarm), Some(span)) = (&planned.mapping.alarm, planned.alarm_span)
            && let Some(line) = find(alarm.topic.as_str())
        {
            report_loop(span, "alarms", line, context);
        }
    }
    for planned in southbound {
        let (Some(filter), Some(text)) = (&planned.mapping.topic_filter, planned.filter) else { continue };
        if filter.as_str().ends_with('#') {
            context
                .report
                .warning(text.span, "this topic filter matches the verdicts too, which go to `<topic>/result`")
                .help(
                    "senders that name a response topic elsewhere avoid that; a filter without `#` at its end does too",
                );
        }
    }
}

fn report_loop(span: Span, what: &str, line: usize, context: &mut Context<'_>) {
    context
        .report
        .error(
            span,
            format!("the {what} that go to this topic would come back as commands by the topic filter on line {line}"),
        )
        .help("give commands topics of their own, such as `…/set`");
}

/// Without a topic filter only an alarm can write a tag.
fn unreachable_southbound(
    northbound: &[PlannedNorthbound<'_>],
    southbound: &[PlannedSouthbound<'_>],
    tags: &Tags<'_>,
    context: &mut Context<'_>,
) {
    let is_written_by_alarm = |tag: TagId| {
        northbound.iter().any(|planned| planned.mapping.alarm.as_ref().and_then(|alarm| alarm.write_tag) == Some(tag))
    };
    let mut seen: HashMap<TagId, usize> = HashMap::new();
    for planned in
        southbound.iter().filter(|planned| planned.filter.is_none() && planned.mapping.topic_filter.is_none())
    {
        let tag = planned.mapping.tag;
        let shown = context.show(tags.get(tag).name);
        if let Some(line) = seen.insert(tag, planned.span.line) {
            context
                .report
                .error(
                    planned.span,
                    format!("the tag {shown} has a mapping without `topic_filter` on line {line} already"),
                )
                .help("remove one of the two");
        } else if !is_written_by_alarm(tag) && !context.report.has_errors() {
            context
                .report
                .error(planned.span, format!("nothing can write the tag {shown}: this mapping has no `topic_filter`"))
                .help("write `topic_filter: …`, or name the tag as `write_tag` of an alarm");
        }
    }
}

fn shared_write_tags(northbound: &[PlannedNorthbound<'_>], context: &mut Context<'_>) {
    let mut writers: HashMap<TagId, usize> = HashMap::new();
    for planned in northbound {
        let (Some(alarm), Some(span)) = (&planned.mapping.alarm, planned.alarm_span) else { continue };
        let Some(tag) = alarm.write_tag else { continue };
        if let Some(line) = writers.insert(tag, planned.mapping.line) {
            context
                .report
                .warning(span, format!("this alarm writes the same tag as the alarm of the mapping on line {line}"))
                .help("the tag shows whichever changed last; give each alarm a tag of its own");
        }
    }
}

fn unused_tags(
    tags: &Tags<'_>,
    northbound: &[PlannedNorthbound<'_>],
    southbound: &[PlannedSouthbound<'_>],
    context: &mut Context<'_>,
) {
    // With a mistake elsewhere its mapping may not have been read.
    if context.report.has_errors() {
        return;
    }
    let mut is_used = vec![false; tags.list.len()];
    let north = northbound.iter().map(|planned| planned.mapping.tag);
    for tag in north.chain(southbound.iter().map(|planned| planned.mapping.tag)) {
        is_used[tag.index()] = true;
    }
    for (tag, _) in tags.list.iter().zip(is_used).filter(|(_, is_used)| !is_used) {
        let shown = context.show(tag.name);
        context
            .report
            .warning(tag.name.span, format!("the tag {shown} is in no mapping, so nothing is done with it"))
            .help("give it a `topic`, or name it in `northbound_mappings` or `southbound_mappings`");
    }
}
