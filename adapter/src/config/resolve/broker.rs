//! `broker:` or `brokers:`

use super::{
    context::Context,
    url::{ServerUrl, UrlError},
};
use crate::config::{
    effective::{BrokerAuth, BrokerConfig, TlsConfig},
    span::Span,
    view::{Text, View},
};

/// The name of a broker that the mapping does not name.
const DEFAULT_NAME: &str = "broker";

/// URLs go into logs and messages.
pub(super) const NO_PASSWORD_IN_URL: &str =
    "a user name or password must not stand in a URL, which is shown in many places";

/// The one broker.
pub(super) fn broker(root: &View<'_>, context: &mut Context<'_>) -> Option<BrokerConfig> {
    match (root.entry("broker"), root.entry("brokers")) {
        (Some(_), Some(both)) => {
            context
                .report
                .error(both.key_span, "`broker` and `brokers` exclude each other")
                .help("keep `broker` for a single broker, or `brokers` with a name for each");
            None
        }
        (Some(single), None) => {
            single.value.as_mapping()?;
            read(DEFAULT_NAME, &root.section("broker")?, context)
        }
        (None, Some(several)) => {
            let named = root.named("brokers");
            if let Some((second, _)) = named.get(1) {
                context.report.error(second.key_span, "several brokers are planned, but not yet built").help(
                    "keep one; a bridge of HiveMQ Edge can carry messages on, or a second process a second mapping",
                );
            }
            if several.value.as_mapping().is_some_and(|mapping| mapping.entries.is_empty()) {
                context
                    .report
                    .error(several.key_span, "`brokers` names no broker")
                    .help("write `brokers: { edge: { url: mqtt://edge:1883 } }`");
            }
            let (entry, section) = named.into_iter().next()?;
            check_name(&entry.key, entry.key_span, "broker", context).then(|| read(&entry.key, &section, context))?
        }
        (None, None) => {
            context
                .report
                .error(Span::on_line(1, 1, 1), "`broker` is missing in the file")
                .help("write `broker: { url: mqtt://broker:1883 }`");
            None
        }
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

fn read(name: &str, section: &View<'_>, context: &mut Context<'_>) -> Option<BrokerConfig> {
    let url = section.text("url");
    let parsed = url.and_then(|text| parse(text, context));
    let auth = section.section("auth")?;
    let auth = auth.text("username").map(|username| BrokerAuth {
        username: username.value.to_owned(),
        password: auth.text("password").map_or_else(String::new, |password| password.value.to_owned()).into(),
    });
    let tls = tls(section, context);
    let url = parsed?;
    let is_encrypted = url.scheme == "mqtts";
    if let Some(entry) = section.entry("tls").filter(|_| !is_encrypted) {
        context
            .report
            .error(entry.key_span, "`tls` has no effect on a connection by mqtt://")
            .help("write mqtts:// (port 8883 by default), or remove `tls`");
    }
    if let Some(entry) = section.entry("auth").filter(|_| !is_encrypted && !url.is_loopback()) {
        context
            .report
            .warning(entry.key_span, "by mqtt:// this password crosses the network in clear text")
            .help("use mqtts:// if the broker offers it");
    }
    Some(BrokerConfig {
        name: name.to_owned(),
        host: url.host.to_owned(),
        port: url.port.unwrap_or(if is_encrypted { 8883 } else { 1883 }),
        tls: is_encrypted.then_some(tls),
        auth,
    })
}

fn parse<'a>(text: Text<'a>, context: &mut Context<'_>) -> Option<ServerUrl<'a>> {
    const HELP: &str =
        "write `mqtt://host:port`, or `mqtts://host:port` with TLS; user name and password go under `auth`";
    let problem = match ServerUrl::parse(text.value) {
        Ok(url) => match url.scheme.as_str() {
            "mqtt" | "mqtts" if url.path.trim_end_matches('/').is_empty() => return Some(url),
            "mqtt" | "mqtts" => "it has a path, which MQTT brokers do not have".to_owned(),
            "ws" | "wss" => {
                let message = "MQTT over WebSockets is planned, but not yet built";
                context.report.error(text.span, message).help("use mqtt:// or mqtts://");
                return None;
            }
            _ => "it must start with `mqtt://` or `mqtts://`".to_owned(),
        },
        Err(UrlError::UserInformation) => {
            context.report.error(text.span, NO_PASSWORD_IN_URL).help(HELP);
            return None;
        }
        Err(error) => error.to_string(),
    };
    context.reject(text, "broker URL", problem, HELP);
    None
}

fn tls(section: &View<'_>, context: &mut Context<'_>) -> TlsConfig {
    let ca_file = section.section("tls").and_then(|tls| tls.text("ca_file")).map(|text| {
        let path = context.path(text);
        context.require_file(text, &path);
        path
    });
    TlsConfig { ca_file }
}
