//! `opcua:`

use std::path::Path;

use super::{
    broker::NO_PASSWORD_IN_URL,
    context::Context,
    security,
    url::{ServerUrl, UrlError},
};
use crate::config::{
    effective::{ConnectionOptions, OpcUaConfig, OpcUaLimits, ServerProfile},
    view::{Text, View},
};

/// The port that is registered for OPC UA.
const DEFAULT_PORT: u16 = 4840;

/// `opcua:`
pub(super) fn opcua(root: &View<'_>, state_dir: Option<&Path>, context: &mut Context<'_>) -> Option<OpcUaConfig> {
    let section = root.section("opcua")?;
    let uri = section.text("uri").and_then(|text| endpoint(text, context));
    let security = security::security(&section, context);
    let auth = security::auth(&section, security, context);
    let pki_dir = match section.text("pki_dir") {
        Some(text) => context.path(text),
        None => context.directory.join("pki"),
    };
    let application_uri = section.text("application_uri").map(|text| security::application_uri(text, context));
    let application_uri_of_server =
        section.text("application_uri_of_server").map(|text| security::application_uri_of_server(text, context));
    let connection = connection(&section, context);
    Some(OpcUaConfig {
        uri: uri?,
        keeps_own_address: section.boolean("override_uri"),
        security: security?.security(),
        work_dir: state_dir.map_or_else(|| pki_dir.join("session"), |state| state.join("opcua")),
        pki_dir,
        application_uri,
        application_uri_of_server,
        auth: auth?,
        connection: connection?,
        profile: profile(&section),
        limits: limits(&section),
    })
}

/// `None` for `auto`.
fn profile(section: &View<'_>) -> Option<ServerProfile> {
    match section.choice("profile")? {
        "s7_1200" => Some(ServerProfile::S71200),
        "s7_1500" => Some(ServerProfile::S71500),
        "kepware" => Some(ServerProfile::Kepware),
        "ignition" => Some(ServerProfile::Ignition),
        "prosys" => Some(ServerProfile::Prosys),
        "generic" => Some(ServerProfile::Generic),
        _ => None,
    }
}

fn limits(section: &View<'_>) -> OpcUaLimits {
    let Some(limits) = section.section("limits") else { return OpcUaLimits::default() };
    OpcUaLimits {
        nodes_per_read: limits.integer("nodes_per_read"),
        monitored_items_per_call: limits.integer("monitored_items_per_call"),
        monitored_items_per_subscription: limits.integer("monitored_items_per_subscription"),
        writes_in_flight: limits.integer("writes_in_flight"),
    }
}

/// The endpoint with its port written out.
fn endpoint(text: Text<'_>, context: &mut Context<'_>) -> Option<String> {
    const HELP: &str = "write `opc.tcp://host:port/path`; the port is 4840 by default, the path is often empty";
    let url = match ServerUrl::parse(text.value) {
        Ok(url) if url.scheme == "opc.tcp" => url,
        Ok(_) => {
            context.reject(text, "OPC UA endpoint", "it must start with `opc.tcp://`", HELP);
            return None;
        }
        Err(UrlError::UserInformation) => {
            let help = "write `auth: { basic: { username: …, password: \"${env:PLC_PASSWORD}\" } }` under `opcua`";
            context.report.error(text.span, NO_PASSWORD_IN_URL).help(help);
            return None;
        }
        Err(error) => {
            context.reject(text, "OPC UA endpoint", error, HELP);
            return None;
        }
    };
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.to_owned() };
    Some(format!("opc.tcp://{host}:{}{}", url.port.unwrap_or(DEFAULT_PORT), url.path))
}

fn connection(section: &View<'_>, context: &mut Context<'_>) -> Option<ConnectionOptions> {
    let options = section.section("connection_options")?;
    let retry = options.section("retry")?;
    let (initial, max) = (retry.duration("initial")?, retry.duration("max")?);
    if initial > max {
        let span = retry.entry("initial").or_else(|| retry.entry("max"))?.value.span;
        context
            .report
            .error(span, "the first pause of `retry` is longer than the longest")
            .help("`initial` must be at most `max` (1s and 60s by default)");
    }
    Some(ConnectionOptions {
        session_timeout: options.duration("session_timeout")?,
        request_timeout: options.duration("request_timeout")?,
        keep_alive_interval: options.duration("keep_alive_interval")?,
        keep_alive_failures_allowed: options.integer("keep_alive_failures_allowed")?,
        retry_initial: initial,
        retry_max: max,
    })
}
