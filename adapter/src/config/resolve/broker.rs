//! `broker:`, or an entry of `brokers:`

use std::time::Duration;

use super::{
    broker_login, broker_tls,
    context::Context,
    url::{ServerUrl, UrlError},
};
use crate::config::{
    effective::{BrokerConfig, ProtocolVersion},
    view::{Text, View},
};
use crate::spool::{SpoolOptions, SyncPolicy};

/// The path at which brokers offer a WebSocket.
const DEFAULT_PATH: &str = "/mqtt";

/// URLs go into logs and messages.
pub(super) const NO_PASSWORD_IN_URL: &str =
    "a user name or password must not stand in a URL, which is shown in many places";

/// Reads one broker of the adapter with this id.
pub(super) fn read(
    name: &str,
    adapter_id: &str,
    section: &View<'_>,
    context: &mut Context<'_>,
) -> Option<BrokerConfig> {
    let url = section.text("url");
    let parsed = url.and_then(|text| parse(text, context));
    let auth = broker_login::auth(section, context)?;
    let client_id = broker_login::client_id(section, &format!("{adapter_id}-{name}"), context);
    let proxy = broker_login::proxy(section, context);
    let tls = broker_tls::tls(section, parsed.as_ref(), context);
    let keep_alive = keep_alive(section, context);
    let spool = spool(section);
    let protocol_version = match section.choice("protocol_version")? {
        "3.1.1" => ProtocolVersion::V311,
        _ => ProtocolVersion::V5,
    };
    let url = parsed?;
    let (is_websocket, is_encrypted) = (url.is_websocket(), url.is_encrypted());
    let (scheme, encrypted) = if is_websocket { ("ws", "wss:// (port 443") } else { ("mqtt", "mqtts:// (port 8883") };
    if let Some(entry) = section.entry("tls").filter(|_| !is_encrypted) {
        context
            .report
            .error(entry.key_span, format!("`tls` has no effect on a connection by {scheme}://"))
            .help(format!("write {encrypted} by default), or remove `tls`"));
    }
    if let Some(entry) = section.entry("auth").filter(|_| !is_encrypted && !url.is_loopback()) {
        context
            .report
            .warning(entry.key_span, format!("by {scheme}:// this password crosses the network in clear text"))
            .help(format!("use {scheme}s:// if the broker offers it"));
    }
    let default_port = match (is_websocket, is_encrypted) {
        (false, false) => 1883,
        (false, true) => 8883,
        (true, false) => 80,
        (true, true) => 443,
    };
    Some(BrokerConfig {
        name: name.to_owned(),
        host: url.host.to_owned(),
        port: url.port.unwrap_or(default_port),
        websocket_path: is_websocket.then(|| if url.path.is_empty() { DEFAULT_PATH } else { url.path }.to_owned()),
        protocol_version,
        keep_alive: keep_alive?,
        client_id,
        max_rate: section.integer("max_rate"),
        proxy,
        tls: is_encrypted.then_some(tls),
        auth,
        spool: spool?,
    })
}

/// `None` when the form is not as it should be.
fn spool(section: &View<'_>) -> Option<SpoolOptions> {
    let spool = section.section("spool")?;
    Some(SpoolOptions {
        max_bytes: spool.size("max_bytes")?,
        max_age: spool.duration("max_age")?,
        sync: spool.always_or_duration("sync")?.map_or(SyncPolicy::Always, SyncPolicy::Every),
        ..SpoolOptions::default()
    })
}

fn keep_alive(section: &View<'_>, context: &mut Context<'_>) -> Option<Duration> {
    let keep_alive = section.duration("keep_alive")?;
    if keep_alive.subsec_nanos() != 0
        && let Some(entry) = section.entry("keep_alive")
    {
        context
            .report
            .error(entry.value.span, "MQTT counts the keep-alive in whole seconds")
            .help(format!("write `{}s`", keep_alive.as_secs() + 1));
    }
    Some(keep_alive)
}

fn parse<'a>(text: Text<'a>, context: &mut Context<'_>) -> Option<ServerUrl<'a>> {
    const HELP: &str = "write `mqtt://host:port`, or `mqtts://host:port` with TLS, or `ws://` or `wss://` for a WebSocket; user name and password go under `auth`";
    let problem = match ServerUrl::parse(text.value) {
        Ok(url) => match url.scheme.as_str() {
            "mqtt" | "mqtts" if url.path.trim_end_matches('/').is_empty() => return Some(url),
            "mqtt" | "mqtts" => "it has a path, which only WebSockets have (`ws://`, `wss://`)".to_owned(),
            "ws" | "wss" if !is_plain_path(url.path) => {
                "its path may have letters, digits and `/ . _ ~ - % : =` only".to_owned()
            }
            "ws" | "wss" => return Some(url),
            _ => "it must start with `mqtt://`, `mqtts://`, `ws://` or `wss://`".to_owned(),
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

/// No query: tokens stand there, and URLs are shown in many places.
fn is_plain_path(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~-%:=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_nothing_that_could_hide_a_token() {
        for path in ["", "/", "/mqtt", "/a/b-c_d.e~f", "/%20", "/a:b=c"] {
            assert!(is_plain_path(path), "{path}");
        }
        for path in ["/mqtt?token=1", "/mqtt#a", "/a b", "/ä", "/a\nb", "/a\"b"] {
            assert!(!is_plain_path(path), "{path}");
        }
    }
}
