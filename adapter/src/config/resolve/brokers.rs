//! `broker:` or `brokers:`, and which of them a mapping means.

use super::{broker::read, context::Context};
use crate::{
    config::{
        effective::BrokerConfig,
        scalar::other_type,
        span::Span,
        suggest::{any_of, did_you_mean},
        view::View,
    },
    domain::BrokerId,
};

/// The name of a broker that the mapping does not name.
const DEFAULT_NAME: &str = "broker";
/// More are no way to go: each has tasks, files and a connection of its own.
const MAX_BROKERS: usize = 16;

/// All brokers, those with mistakes included as names, so that what refers to them is not called unknown.
pub(super) struct Brokers {
    names: Vec<String>,
    spans: Vec<Span>,
    list: Vec<Option<BrokerConfig>>,
}

impl Brokers {
    /// Reads `broker:` or `brokers:`.
    pub(super) fn read(root: &View<'_>, adapter_id: &str, context: &mut Context<'_>) -> Self {
        let mut brokers = Self { names: Vec::new(), spans: Vec::new(), list: Vec::new() };
        match (root.entry("broker"), root.entry("brokers")) {
            (Some(_), Some(both)) => context
                .report
                .error(both.key_span, "`broker` and `brokers` exclude each other")
                .help("keep `broker` for a single broker, or `brokers` with a name for each"),
            (Some(single), None) => {
                if let Some(section) = root.section("broker").filter(|_| single.value.as_mapping().is_some()) {
                    let config = read(DEFAULT_NAME, adapter_id, &section, context);
                    brokers.add(DEFAULT_NAME, single.key_span, config);
                }
            }
            (None, Some(several)) => {
                let named = root.named("brokers");
                if several.value.as_mapping().is_some_and(|mapping| mapping.entries.is_empty()) {
                    context
                        .report
                        .error(several.key_span, "`brokers` names no broker")
                        .help("write `brokers: { edge: { url: mqtt://edge:1883 } }`");
                }
                if let Some((one_more, _)) = named.get(MAX_BROKERS) {
                    context
                        .report
                        .error(one_more.key_span, format!("more than {MAX_BROKERS} brokers"))
                        .help("each has a connection and a spool of its own; let a broker's bridge carry messages on");
                }
                for (entry, section) in named.into_iter().take(MAX_BROKERS) {
                    let is_named = check_broker_name(&entry.key, entry.key_span, context);
                    let config = read(&entry.key, adapter_id, &section, context);
                    if let Some(config) = &config {
                        brokers.check_client_id(config, entry.key_span, context);
                    }
                    brokers.add(&entry.key, entry.key_span, config.filter(|_| is_named));
                }
            }
            (None, None) => context
                .report
                .error(Span::on_line(1, 1, 1), "`broker` is missing in the file")
                .help("write `broker: { url: mqtt://broker:1883 }`"),
        }
        brokers
    }

    /// The broker that a mapping means: the one that it names, or the only one. `None` is in the report.
    ///
    /// `span` is of the mapping, `topic` says which of its keys makes a broker needed.
    pub(super) fn find(&self, view: &View<'_>, span: Span, topic: &str, context: &mut Context<'_>) -> Option<BrokerId> {
        let Some(text) = view.text("broker") else {
            if self.names.len() > 1 && !view.has("broker") && !view.is_misspelt("broker") {
                let defaults = if topic == "topic" { ", or under `defaults.northbound_mapping` for all" } else { "" };
                context
                    .report
                    .error(span, format!("`broker` is missing: there are several, and `{topic}` does not say at which"))
                    .help(format!("write `broker: {}` here{defaults}", self.choices().join("` or `broker: ")));
            }
            return (self.names.len() == 1).then(BrokerId::default);
        };
        let position = self.names.iter().position(|name| name == text.value);
        if position.is_none() && !self.names.is_empty() {
            let shown = context.show(text);
            let names = self.names.iter().map(String::as_str);
            let meant = did_you_mean(text.value, names).filter(|_| !text.scalar.is_interpolated);
            let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
            let help = match self.names.as_slice() {
                [only] => format!("the broker of this file is named \"{only}\"; with only one the key can be left out"),
                _ => format!("the brokers of this file are {}", any_of(self.choices().iter().map(String::as_str))),
            };
            context.report.error(text.span, format!("unknown broker {shown}{guess}")).help(help);
        }
        position.and_then(|position| u16::try_from(position).ok()).map(BrokerId)
    }

    /// A broker, when it has no mistakes.
    pub(super) fn get(&self, id: BrokerId) -> Option<&BrokerConfig> {
        self.list.get(id.index())?.as_ref()
    }

    /// Says which of several brokers no mapping names.
    pub(super) fn warn_of_unused(&self, used: &[BrokerId], context: &mut Context<'_>) {
        // With a mistake elsewhere the mapping that names it may not have been read.
        if self.names.len() < 2 || context.report.has_errors() {
            return;
        }
        for (id, (name, span)) in (0..).map(BrokerId).zip(self.names.iter().zip(&self.spans)) {
            if !used.contains(&id) {
                let shown = context.source.quote(*span, name);
                context
                    .report
                    .warning(*span, format!("no mapping names the broker {shown}, so only the status goes there"))
                    .help("name it as `broker` of a mapping, or remove it");
            }
        }
    }

    /// The brokers, if there are some and all of them are good.
    pub(super) fn into_configs(self) -> Option<Vec<BrokerConfig>> {
        let list: Option<Vec<BrokerConfig>> = self.list.into_iter().collect();
        list.filter(|list| !list.is_empty())
    }

    /// Two clients with one id throw each other out, for ever.
    fn check_client_id(&self, config: &BrokerConfig, span: Span, context: &mut Context<'_>) {
        let is_same = |other: &&BrokerConfig| {
            (&other.client_id, &other.host, other.port) == (&config.client_id, &config.host, config.port)
        };
        if let Some(other) = self.list.iter().flatten().find(is_same) {
            context
                .report
                .error(span, format!("this is the same client at the same broker as `{}`", other.name))
                .help("give one of them another `client_id`: a broker lets a client id in only once");
        }
    }

    fn add(&mut self, name: &str, span: Span, config: Option<BrokerConfig>) {
        self.names.push(name.to_owned());
        self.spans.push(span);
        self.list.push(config);
    }

    /// The names as a mapping writes them, as many as a message can hold.
    fn choices(&self) -> Vec<String> {
        const SHOWN: usize = 8;
        let quoted = |name: &String| if other_type(name).is_some() { format!("\"{name}\"") } else { name.clone() };
        self.names.iter().take(SHOWN).map(quoted).collect()
    }
}

/// Names stand in metrics, topics and file names.
pub(super) fn check_name(name: &str, span: Span, what: &str, context: &mut Context<'_>) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_valid = (1..=64).contains(&name.len()) && name.chars().all(is_allowed);
    if !is_valid {
        let shown = context.source.quote(span, name);
        context
            .report
            .error(span, format!("{shown} is no name for a {what}"))
            .help("names have 1 to 64 letters A-Z a-z, digits, `_`, `-` and `.`");
    }
    is_valid
}

/// The spool's directory has the broker's name, and must not be `..` or hidden.
fn check_broker_name(name: &str, span: Span, context: &mut Context<'_>) -> bool {
    if !check_name(name, span, "broker", context) {
        return false;
    }
    if name.starts_with('.') {
        let shown = context.source.quote(span, name);
        context
            .report
            .error(span, format!("{shown} is no name for a broker: a directory is named like it"))
            .help("begin with a letter or a digit");
    }
    !name.starts_with('.')
}
