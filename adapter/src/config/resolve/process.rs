//! `adapter:` and `http:`

use std::{net::SocketAddr, path::PathBuf};

use super::{context::Context, template};
use crate::config::{
    effective::{AdapterConfig, HttpConfig},
    span::Span,
    view::View,
};
use crate::domain::TopicName;

/// `adapter:`
pub(super) fn adapter(root: &View<'_>, context: &mut Context<'_>) -> Option<AdapterConfig> {
    let section = root.section("adapter")?;
    let id = id(&section, context)?;
    let state_dir = match section.text("state_dir") {
        Some(text) => context.path(text),
        None => default_state_dir(&id, context),
    };
    let topic = section.text("status_topic");
    let default_topic = format!("tagwise/{id}");
    let status_topic = match topic {
        Some(text) => template::topic(text, &id, None, context)?,
        None => TopicName::parse(&default_topic).ok()?,
    };
    Some(AdapterConfig { id, state_dir, status_topic, drain_timeout: section.duration("drain_timeout")? })
}

fn id(section: &View<'_>, context: &mut Context<'_>) -> Option<String> {
    const HELP: &str = "write `adapter: { id: line1 }` with letters A-Z a-z, digits, `_` and `-` only";
    const MAX_LENGTH: usize = 64;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if let Some(text) = section.text("id") {
        let is_valid = !text.value.is_empty() && text.value.len() <= MAX_LENGTH && text.value.chars().all(is_allowed);
        if !is_valid {
            let reason = "an id has 1 to 64 letters A-Z a-z, digits, `_` and `-`";
            context.reject(text, "adapter id", reason, "topics, metrics and client ids are made of it");
        }
        return is_valid.then(|| text.value.to_owned());
    }
    if section.has("id") {
        return None;
    }
    let stem = context.source.file().file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let id: String = stem.chars().take(MAX_LENGTH).map(|c| if is_allowed(c) { c } else { '-' }).collect();
    if id.chars().any(|c| c.is_ascii_alphanumeric()) {
        return Some(id);
    }
    context.report.error(Span::on_line(1, 1, 1), "the file's name gives no adapter id").help(HELP);
    None
}

/// What systemd gives a service, else a directory beside the mapping.
fn default_state_dir(id: &str, context: &Context<'_>) -> PathBuf {
    let from_systemd = context.environment.variable("STATE_DIRECTORY").filter(|value| !value.is_empty());
    match from_systemd.as_deref().and_then(|value| value.split(':').next()) {
        Some(directory) => context.directory.join(directory),
        None => context.directory.join("state").join(id),
    }
}

/// `http:`
pub(super) fn http(root: &View<'_>, context: &mut Context<'_>) -> Option<HttpConfig> {
    let entry = root.entry("http")?;
    entry.value.as_mapping()?;
    let section = root.section("http")?;
    let token = section.text("token");
    if let Some(token) = token.filter(|token| token.value.is_empty()) {
        context
            .report
            .error(token.span, "the token is empty")
            .help("remove the key to have none; then changes are accepted from this machine only");
    }
    let listen = match section.text("listen") {
        Some(text) => {
            let parsed = text.value.parse::<SocketAddr>();
            if parsed.is_err() {
                let reason = "an IP address and a port are due";
                let help = "write `127.0.0.1:9464` for this machine alone, `0.0.0.0:9464` for all of its addresses";
                context.reject(text, "address to listen at", reason, help);
            }
            parsed.ok().map(|listen| (listen, text.span))
        }
        None if section.has("listen") => None,
        None => Some((SocketAddr::from(([127, 0, 0, 1], 9464)), entry.key_span)),
    };
    let (listen, span) = listen?;
    if !listen.ip().is_loopback() && token.is_none() && !section.has("token") {
        context
            .report
            .warning(span, "everyone on the network can read metrics and values here, and no `token` is set")
            .help("set `token`; without one, calls that change something are accepted from this machine only");
    }
    Some(HttpConfig { listen, token: token.map(|token| token.value.to_owned().into()) })
}
