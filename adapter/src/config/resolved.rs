//! The effective mapping as YAML: long form, every default filled in, secrets masked.

use std::{path::Path, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    credential::Credential,
    duration::show_duration,
    effective::{
        AlarmConfig, AnomalyUserProperties, BrokerConfig, Config, EnumerationForm, NorthboundMapping, OpcUaAuth,
        OpcUaConfig, OpcUaLimits, QualityAction, ServerProfile, SouthboundMapping, Tag,
    },
    load::Loaded,
    proxy::Proxy,
    resolved_model, resolved_subscription, scalar,
    size::show_size,
};
use crate::{
    domain::{BrokerId, Qos, TagId},
    spool::{SpoolOptions, SyncPolicy},
};

/// Stands for a secret.
const MASK: &str = "***";

/// The mapping as it runs, in the mapping language. Read again, with the secrets put back, it gives the same `Config`.
pub fn resolved_yaml(loaded: &Loaded) -> String {
    let config = &loaded.config;
    let mut root = Map::new();
    root.insert("version".to_owned(), json!(1));
    root.insert("adapter".to_owned(), adapter(config));
    root.insert("opcua".to_owned(), opcua(&config.opcua));
    let brokers: Map<String, Value> = config.brokers.iter().map(|one| (one.name.clone(), broker(one))).collect();
    root.insert("brokers".to_owned(), Value::Object(brokers));
    let models: Map<String, Value> =
        config.models.iter().map(|one| (one.name.clone(), resolved_model::model(one, config))).collect();
    if !models.is_empty() {
        root.insert("models".to_owned(), Value::Object(models));
    }
    root.insert("tags".to_owned(), config.tags.iter().map(tag).collect());
    let north = config.northbound_mappings.iter().map(|one| northbound(one, config, &loaded.masked));
    root.insert("northbound_mappings".to_owned(), north.collect());
    let south = config.southbound_mappings.iter().map(|one| southbound(one, config));
    root.insert("southbound_mappings".to_owned(), south.collect());
    if let Some(http) = &config.http {
        let token = http.token.as_ref().map(|_| json!(MASK));
        root.insert("http".to_owned(), object([("listen", Some(json!(http.listen.to_string()))), ("token", token)]));
    }
    // Values of a JSON tree with text keys always have a YAML form.
    quote_words(&serde_yaml::to_string(&Value::Object(root)).unwrap_or_default())
}

/// Makes the writer put quotes around a text that YAML 1.1 reads as something else (`on`), where it would leave them out
/// by YAML 1.2. Goes away again afterwards.
const FORCE_QUOTES: char = '\u{1}';

/// Takes the marks of [`FORCE_QUOTES`] out.
fn quote_words(yaml: &str) -> String {
    yaml.replace("\"\\u0001", "\"").replace("\"\\x01", "\"")
}

fn adapter(config: &Config) -> Value {
    let adapter = &config.adapter;
    object([
        ("id", Some(text(&adapter.id))),
        ("state_dir", Some(path(&adapter.state_dir))),
        ("status_topic", Some(text(adapter.status_topic.as_str()))),
        ("drain_timeout", Some(time(adapter.drain_timeout))),
    ])
}

fn opcua(opcua: &OpcUaConfig) -> Value {
    let auth = match &opcua.auth {
        OpcUaAuth::Anonymous => None,
        OpcUaAuth::Basic { username, .. } => Some(json!({ "basic": { "username": text(username), "password": MASK } })),
        OpcUaAuth::X509 { certificate, private_key } => {
            Some(json!({ "x509": { "certificate": path(certificate), "private_key": path(private_key) } }))
        }
    };
    let (policy, mode) =
        opcua.security.map_or(("none", "none"), |security| (security.policy.as_str(), security.mode.as_str()));
    let connection = &opcua.connection;
    object([
        ("uri", Some(text(&opcua.uri))),
        ("override_uri", Some(json!(opcua.keeps_own_address))),
        ("security", Some(json!({ "policy": policy, "message_security_mode": mode }))),
        ("pki_dir", Some(path(&opcua.pki_dir))),
        ("application_uri", opcua.application_uri.as_deref().map(text)),
        ("application_uri_of_server", opcua.application_uri_of_server.as_deref().map(text)),
        ("auth", auth),
        (
            "connection_options",
            Some(json!({
                "session_timeout": time(connection.session_timeout),
                "request_timeout": time(connection.request_timeout),
                "keep_alive_interval": time(connection.keep_alive_interval),
                "keep_alive_failures_allowed": connection.keep_alive_failures_allowed,
                "retry": { "initial": time(connection.retry_initial), "max": time(connection.retry_max) },
            })),
        ),
        ("profile", Some(json!(profile(opcua.profile)))),
        ("limits", limits(&opcua.limits)),
    ])
}

fn profile(profile: Option<ServerProfile>) -> &'static str {
    match profile {
        None => "auto",
        Some(ServerProfile::Generic) => "generic",
        Some(ServerProfile::S71200) => "s7_1200",
        Some(ServerProfile::S71500) => "s7_1500",
        Some(ServerProfile::Kepware) => "kepware",
        Some(ServerProfile::Ignition) => "ignition",
        Some(ServerProfile::Prosys) => "prosys",
    }
}

fn limits(limits: &OpcUaLimits) -> Option<Value> {
    let given = [
        ("nodes_per_read", limits.nodes_per_read),
        ("monitored_items_per_call", limits.monitored_items_per_call),
        ("monitored_items_per_subscription", limits.monitored_items_per_subscription),
        ("writes_in_flight", limits.writes_in_flight),
    ];
    let section = object(given.map(|(name, limit)| (name, limit.map(|limit| json!(limit)))));
    given.iter().any(|(_, limit)| limit.is_some()).then_some(section)
}

fn broker(broker: &BrokerConfig) -> Value {
    let (scheme, host, port) = (broker.scheme(), broker.url_host(), broker.port);
    let websocket_path = broker.websocket_path.as_deref().unwrap_or_default();
    let auth = broker.auth.as_ref().map(|auth| json!({ "username": text(auth.username.loaded()), "password": MASK }));
    let tls = broker.tls.as_ref().map(|tls| {
        object([
            ("ca_file", tls.ca_file.as_deref().map(path)),
            ("cert_file", tls.client.as_ref().map(|client| path(&client.cert_file))),
            ("key_file", tls.client.as_ref().map(|client| path(&client.key_file))),
            ("server_name", tls.server_name.as_deref().map(text)),
            ("alpn", (!tls.alpn.is_empty()).then(|| tls.alpn.iter().map(|one| text(one)).collect())),
        ])
    });
    object([
        ("url", Some(json!(format!("{scheme}://{host}:{port}{websocket_path}")))),
        ("protocol_version", Some(json!(broker.protocol_version.as_str()))),
        ("keep_alive", Some(time(broker.keep_alive))),
        ("client_id", Some(text(&broker.client_id))),
        ("max_rate", broker.max_rate.map(|rate| json!(rate))),
        ("auth", auth),
        ("tls", tls.filter(|tls| tls.as_object().is_some_and(|keys| !keys.is_empty()))),
        ("proxy", broker.proxy.as_ref().and_then(proxy)),
        ("spool", Some(spool(&broker.spool))),
    ])
}

/// Where it is, but not who we are to it.
fn proxy(proxy: &Credential) -> Option<Value> {
    let proxy = Proxy::parse(proxy.loaded()).ok()?;
    let login = proxy.login.as_ref().map(|_| format!("{MASK}@")).unwrap_or_default();
    Some(json!(format!("http://{login}{}", proxy.address())))
}

fn spool(spool: &SpoolOptions) -> Value {
    let sync = match spool.sync {
        SyncPolicy::Every(interval) => time(interval),
        SyncPolicy::Always => json!("always"),
    };
    json!({ "max_bytes": show_size(spool.max_bytes), "max_age": time(spool.max_age), "sync": sync })
}

fn tag(tag: &Tag) -> Value {
    let enumeration = match tag.enumeration {
        EnumerationForm::Number => "number",
        EnumerationForm::Name => "name",
    };
    object([
        ("name", Some(text(tag.name.as_str()))),
        (tag.node.key(), Some(text(&tag.node.to_string()))),
        ("field", tag.field.as_ref().map(|field| text(&field.to_string()))),
        ("unit", tag.unit.as_deref().map(text)),
        ("description", tag.description.as_deref().map(text)),
        ("enumeration", Some(json!(enumeration))),
        ("subscription", Some(resolved_subscription::subscription(&tag.subscription))),
    ])
}

fn northbound(mapping: &NorthboundMapping, config: &Config, masked: &[String]) -> Value {
    let properties: Map<String, Value> = mapping
        .mqtt_user_properties
        .iter()
        .map(|(name, value)| (name.clone(), if masked.contains(value) { json!(MASK) } else { text(value) }))
        .collect();
    let action = |action| match action {
        QualityAction::Publish => "publish",
        QualityAction::Hold => "hold",
        QualityAction::Drop => "drop",
    };
    let anomaly_user_properties = match mapping.anomaly_user_properties {
        AnomalyUserProperties::Never => "never",
        AnomalyUserProperties::OnAnomaly => "on_anomaly",
        AnomalyUserProperties::Always => "always",
    };
    let qos = match mapping.qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 1,
    };
    object([
        ("tag_name", Some(tag_name(mapping.tag, config))),
        ("topic", Some(text(mapping.topic.as_str()))),
        ("max_qos", Some(json!(qos))),
        ("broker", Some(broker_name(mapping.broker, config))),
        ("model", mapping.model.and_then(|model| config.models.get(model)).map(|model| json!(model.name))),
        ("include_timestamp", Some(json!(mapping.include.timestamp))),
        ("include_tag_names", Some(json!(mapping.include.tag_name))),
        ("include_metadata", Some(json!(mapping.include.metadata))),
        ("include_sequence", Some(json!(mapping.include.sequence))),
        ("mqtt_user_properties", (!properties.is_empty()).then_some(Value::Object(properties))),
        ("message_expiry_interval", mapping.message_expiry_interval.map(time)),
        ("content_type", mapping.content_type.as_deref().map(text)),
        ("retain", Some(json!(mapping.retain))),
        (
            "quality",
            Some(json!({ "bad": action(mapping.quality.bad), "uncertain": action(mapping.quality.uncertain) })),
        ),
        ("anomaly_user_properties", Some(json!(anomaly_user_properties))),
        ("alarm", mapping.alarm.as_ref().map(|one| alarm(one, config))),
    ])
}

fn alarm(alarm: &AlarmConfig, config: &Config) -> Value {
    object([
        ("topic", Some(text(alarm.topic.as_str()))),
        ("raise_after", Some(json!(alarm.raise_after))),
        ("clear_after", Some(json!(alarm.clear_after))),
        ("severity", Some(json!(alarm.severity.as_str()))),
        ("write_tag", alarm.write_tag.map(|tag| tag_name(tag, config))),
    ])
}

fn southbound(mapping: &SouthboundMapping, config: &Config) -> Value {
    let range =
        object([("min", mapping.range.min.map(|min| json!(min))), ("max", mapping.range.max.map(|max| json!(max)))]);
    object([
        ("topic_filter", mapping.topic_filter.as_ref().map(|filter| text(filter.as_str()))),
        ("broker", mapping.topic_filter.as_ref().map(|_| broker_name(mapping.broker, config))),
        ("tag_name", Some(tag_name(mapping.tag, config))),
        ("value", mapping.value.as_ref().map(|value| text(&value.to_string()))),
        ("range", Some(range)),
        ("max_age", mapping.max_age.map(time)),
        ("max_wait", Some(time(mapping.max_wait))),
        ("accept_retained", Some(json!(mapping.accepts_retained))),
    ])
}

fn broker_name(broker: BrokerId, config: &Config) -> Value {
    config.brokers.get(broker.index()).map_or(Value::Null, |broker| text(&broker.name))
}

fn tag_name(tag: TagId, config: &Config) -> Value {
    config.tags.get(tag.index()).map_or(Value::Null, |tag| text(tag.name.as_str()))
}

/// Only the keys that have a value.
pub(super) fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    Value::Object(entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

/// A text in which `${` is no expression any more.
pub(super) fn text(text: &str) -> Value {
    if scalar::other_type(text).is_some() {
        return json!(format!("{FORCE_QUOTES}{text}"));
    }
    json!(text.replace("${", "$${"))
}

pub(super) fn path(path: &Path) -> Value {
    text(&path.display().to_string())
}

pub(super) fn time(duration: Duration) -> Value {
    json!(show_duration(duration))
}
