//! `northbound_mappings:`, and tags that are mappings themselves.

use super::{
    brokers::Brokers, context::Context, groups::Groups, models::Models, southbound::PlannedSouthbound, tags::Tags,
    template, version::Losses,
};
use crate::config::{
    effective::{
        AlarmConfig, AlarmSeverity, AnomalyUserProperties, Include, NorthboundMapping, QualityAction, QualityPolicy,
        Range,
    },
    span::Span,
    view::{Text, View},
};
use crate::domain::{Codepoint, Qos, TagId, TopicName, unsendable};

/// The longest text that an MQTT property can be, in bytes.
const MAX_PROPERTY_LENGTH: usize = 65_535;

/// A mapping with the places that later checks point at.
pub(super) struct PlannedNorthbound<'a> {
    pub(super) mapping: NorthboundMapping,
    /// The topic as written.
    pub(super) topic: Text<'a>,
    pub(super) alarm_span: Option<Span>,
}

/// Reads all northbound mappings, in the order of the tags.
pub(super) fn read<'a>(
    root: &View<'a>,
    adapter: &str,
    brokers: &Brokers,
    tags: &Tags<'a>,
    models: &mut Models,
    southbound: &[PlannedSouthbound<'a>],
    context: &mut Context<'_>,
) -> Vec<PlannedNorthbound<'a>> {
    let defaults = root.section("defaults").and_then(|defaults| defaults.section("northbound_mapping"));
    let groups = Groups::read(root, context);
    let mut own: Vec<Vec<(Span, View<'a>)>> = tags.iter().map(|_| Vec::new()).collect();
    for (id, tag) in tags.iter().filter(|(_, tag)| tag.is_mapping()) {
        own[id.index()].push((tag.span, tag.view.clone()));
    }
    for (span, view) in root.list("northbound_mappings") {
        let tag = view.text("tag_name").and_then(|text| tags.find(text, context));
        if let Some(tag) = tag.filter(|_| !view.has("tag_names")) {
            own[tag.index()].push((span, view));
        }
    }
    let mut reader = Reader { adapter, brokers, tags, models, southbound, losses: Losses::default(), context };
    let mut planned = Vec::new();
    let mut used_groups = vec![false; groups.len()];
    for (id, tag) in tags.iter() {
        let group = groups.first_match(tag.name.value);
        if let Some(group) = group {
            used_groups[group] = true;
        }
        let group = group.map(|group| groups.get(group));
        let mut mappings = std::mem::take(&mut own[id.index()]);
        if mappings.is_empty() {
            mappings.extend(group.clone());
        } else if let Some((_, below)) = &group {
            mappings = mappings.into_iter().map(|(span, view)| (span, view.over(below))).collect();
        }
        for (span, mut view) in mappings {
            if let Some(below) = &defaults {
                view = view.over(below);
            }
            planned.extend(reader.mapping(id, span, &view));
        }
    }
    groups.warn_of_unused(&used_groups, reader.context);
    planned
}

struct Reader<'r, 'a, 'c> {
    adapter: &'r str,
    brokers: &'r Brokers,
    tags: &'r Tags<'a>,
    models: &'r mut Models,
    southbound: &'r [PlannedSouthbound<'a>],
    losses: Losses,
    context: &'r mut Context<'c>,
}

impl<'a> Reader<'_, 'a, '_> {
    fn mapping(&mut self, tag: TagId, span: Span, view: &View<'a>) -> Option<PlannedNorthbound<'a>> {
        let broker = self.brokers.find(view, span, "topic", self.context);
        if let Some(broker) = broker.and_then(|id| self.brokers.get(id)) {
            self.losses.check(view, broker, self.context);
        }
        let model = view.text("model").and_then(|text| self.models.find(text, self.context));
        let qos = self.qos(view);
        let mqtt_user_properties = self.user_properties(view);
        let topic_text = view.text("topic");
        let topic = topic_text.and_then(|text| self.topic(text, tag));
        if topic_text.is_none() && !view.has("topic") && !view.is_misspelt("topic") {
            let shown = self.context.show(self.tags.get(tag).name);
            self.context
                .report
                .error(span, format!("the mapping of the tag {shown} has no topic"))
                .help("write `topic: …` here, or for all tags `defaults: { northbound_mapping: { topic: \"{adapter}/{tag}\" } }`");
        }
        let expiry = self.expiry(view);
        let content_type = self.content_type(view);
        let alarm = self.alarm(view, topic.as_ref(), tag);
        let quality = view.section("quality")?;
        let mapping = NorthboundMapping {
            tag,
            topic: topic?,
            broker: broker?,
            qos: qos?,
            model,
            include: Include {
                timestamp: view.boolean("include_timestamp"),
                tag_name: view.boolean("include_tag_names"),
                metadata: view.boolean("include_metadata"),
                sequence: view.boolean("include_sequence"),
            },
            mqtt_user_properties,
            message_expiry_interval: expiry,
            content_type,
            retain: view.boolean("retain"),
            quality: QualityPolicy { bad: action(&quality, "bad")?, uncertain: action(&quality, "uncertain")? },
            anomaly_user_properties: match view.choice("anomaly_user_properties")? {
                "never" => AnomalyUserProperties::Never,
                "always" => AnomalyUserProperties::Always,
                _ => AnomalyUserProperties::OnAnomaly,
            },
            alarm,
            line: span.line,
        };
        let alarm_span = view.entry("alarm").map(|entry| {
            view.section("alarm").and_then(|alarm| alarm.text("topic")).map_or(entry.key_span, |text| text.span)
        });
        Some(PlannedNorthbound { mapping, topic: topic_text?, alarm_span })
    }

    fn topic(&mut self, text: Text<'_>, tag: TagId) -> Option<TopicName> {
        template::topic(text, self.adapter, Some(self.tags.get(tag).name.value), self.context)
    }

    fn qos(&mut self, view: &View<'_>) -> Option<Qos> {
        match view.integer::<u8>("max_qos")? {
            0 => Some(Qos::AtMostOnce),
            1 => Some(Qos::AtLeastOnce),
            _ => {
                let span = view.entry("max_qos")?.value.span;
                self.context
                    .report
                    .note(span, "quality of service 2 is sent as 1")
                    .help("a repeated message has the same epoch and sequence, so that repeats can be told");
                Some(Qos::AtLeastOnce)
            }
        }
    }

    fn user_properties(&mut self, view: &View<'_>) -> Vec<(String, String)> {
        let mut properties = Vec::new();
        for (entry, text) in view.text_map("mqtt_user_properties") {
            let is_possible = |text: &str| text.len() <= MAX_PROPERTY_LENGTH;
            if entry.key.is_empty() || !is_possible(&entry.key) || !is_possible(text.value) {
                self.context
                    .report
                    .error(entry.key_span, "this cannot be an MQTT user property")
                    .help("name and value have at most 65535 bytes, and the name is not empty");
            }
            for (part, place) in [(entry.key.as_str(), "name"), (text.value, "value")] {
                if let Some(character) = unsendable(part) {
                    let span = if place == "name" { entry.key_span } else { text.span };
                    let character = Codepoint(character);
                    self.context
                        .report
                        .error(
                            span,
                            format!("the character {character} must not stand in the {place} of a user property"),
                        )
                        .help("brokers hang up on it; take it out");
                }
            }
            if text.scalar.is_interpolated {
                self.context.masked.push(text.value.to_owned());
            }
            properties.push((entry.key.clone(), text.value.to_owned()));
        }
        properties
    }

    fn expiry(&mut self, view: &View<'_>) -> Option<std::time::Duration> {
        let entry = view.entry("message_expiry_interval")?;
        let interval = view.duration("message_expiry_interval")?;
        if interval.subsec_nanos() != 0 {
            self.context
                .report
                .error(entry.value.span, "MQTT counts the expiry of messages in whole seconds")
                .help(format!("write `{}s`", interval.as_secs() + 1));
        }
        Some(interval)
    }

    fn content_type(&mut self, view: &View<'_>) -> Option<String> {
        let text = view.text("content_type")?;
        let is_part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic());
        let is_type = text.value.split_once('/').is_some_and(|(kind, rest)| is_part(kind) && is_part(rest));
        if text.value.len() > MAX_PROPERTY_LENGTH || !is_type {
            self.context.reject(text, "content type", "it has not the form `kind/subtype`", "write `application/json`");
        }
        Some(text.value.to_owned())
    }

    fn alarm(&mut self, view: &View<'a>, topic: Option<&TopicName>, tag: TagId) -> Option<AlarmConfig> {
        let entry = view.entry("alarm")?;
        if !view.has("model") {
            // Defaults for alarms may stand where only some mappings have a model.
            if view.has_own("alarm") {
                self.context
                    .report
                    .error(entry.key_span, "an alarm needs a `model`, whose labels raise and clear it")
                    .help("write `model: isolation_forest` beside it, or an entry of `models`");
            }
            return None;
        }
        let alarm = view.section("alarm")?;
        let own_topic = match alarm.text("topic") {
            Some(text) => self.topic(text, tag),
            None => topic.and_then(|topic| TopicName::parse(&format!("{topic}/alarm")).ok()),
        };
        let write_tag = alarm.text("write_tag").and_then(|text| self.write_tag(text));
        let severity = alarm.choice("severity")?;
        Some(AlarmConfig {
            topic: own_topic?,
            raise_after: alarm.integer("raise_after")?,
            clear_after: alarm.integer("clear_after")?,
            severity: AlarmSeverity::ALL.into_iter().find(|known| known.as_str() == severity)?,
            write_tag,
        })
    }

    fn write_tag(&mut self, text: Text<'_>) -> Option<TagId> {
        let tag = self.tags.find(text, self.context)?;
        let of_tag = || self.southbound.iter().filter(|planned| planned.mapping.tag == tag);
        let shown = self.context.show(text);
        // The alarm takes the mapping without a topic filter where there is one.
        match of_tag().find(|planned| planned.filter.is_none()).or_else(|| of_tag().next()) {
            None => self
                .context
                .report
                .error(text.span, format!("the tag {shown} cannot be written: it has no southbound mapping"))
                .help(format!(
                    "add `- {{ tag_name: {} }}` to `southbound_mappings`; it needs no `topic_filter`",
                    shown.trim_matches('"')
                )),
            Some(planned) if planned.mapping.range != Range::default() => self
                .context
                .report
                .error(
                    text.span,
                    format!(
                        "an alarm writes true or false, but the southbound mapping of {shown} on line {} has a `range`",
                        planned.span.line
                    ),
                )
                .help("name a Boolean tag here, and give it a mapping without `range`"),
            Some(_) => {}
        }
        Some(tag)
    }
}

fn action(quality: &View<'_>, name: &str) -> Option<QualityAction> {
    Some(match quality.choice(name)? {
        "drop" => QualityAction::Drop,
        "hold" => QualityAction::Hold,
        _ => QualityAction::Publish,
    })
}
