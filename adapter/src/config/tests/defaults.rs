//! The key tables themselves, and what they yield when a mapping says nothing.

use std::{path::Path, time::Duration};

use super::cases::load;
use crate::{
    config::{
        Config,
        duration::parse_duration,
        effective::{AnomalyUserProperties, OpcUaAuth, OpcUaConfig, QualityAction, TagSubscription, Training},
        keys::{Key, ROOT, Section, Shape},
        scalar, size,
        view::default_scalar,
    },
    domain::Qos,
};

fn config(yaml: &str) -> Config {
    load(yaml).unwrap().config
}

/// Every key of the language with its path.
pub(super) fn all_keys() -> Vec<(String, &'static Key)> {
    fn collect(section: &'static Section, path: &str, keys: &mut Vec<(String, &'static Key)>) {
        for key in section.keys() {
            let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
            keys.push((path.clone(), key));
            if let Shape::Section(inner) | Shape::NoneOrSection(inner) | Shape::List(inner) | Shape::Named(inner) =
                key.shape
            {
                collect(inner, &path, keys);
            }
        }
    }
    let mut keys = Vec::new();
    collect(&ROOT, "", &mut keys);
    keys
}

#[test]
fn every_default_in_the_tables_is_a_value_of_its_key() {
    for (path, key) in all_keys() {
        let Some(default) = default_scalar(key) else { continue };
        let is_valid = match key.shape {
            Shape::Text(_) => scalar::read_text(&default).is_ok(),
            Shape::Boolean => scalar::read_boolean(&default).is_ok(),
            Shape::Integer { min, max } => scalar::read_integer(&default, min, max).is_ok(),
            Shape::Number { min, max } => scalar::read_number(&default, min, max).is_ok(),
            Shape::Duration { min, max } => scalar::read_duration(&default, min, max).is_ok(),
            Shape::Choice { options } => scalar::read_choice(&default, options).is_ok(),
            Shape::AutoOrInteger { min, max } => scalar::read_auto_or_integer(&default, min, max).is_ok(),
            Shape::NoneOrNumber { min, max } => scalar::read_none_or_number(&default, min, max).is_ok(),
            Shape::NoneOrDuration { min, max } => scalar::read_none_or_duration(&default, min, max).is_ok(),
            Shape::Size { min, max } => size::read_size(&default, min, max).is_ok(),
            Shape::AlwaysOrDuration { min, max } => size::read_always_or_duration(&default, min, max).is_ok(),
            _ => false,
        };
        assert!(is_valid, "{path}: {:?}", key.default);
    }
}

#[test]
fn every_key_that_is_built_is_explained() {
    for (path, key) in all_keys() {
        assert_eq!(key.is_built(), key.doc.ends_with('.'), "{path}: {:?}", key.doc);
    }
}

#[test]
fn the_smallest_mapping_has_every_default() {
    let config = config("");
    assert_eq!(config.adapter.id, "line1");
    assert_eq!(config.adapter.status_topic.as_str(), "tagwise/line1");
    assert!(config.adapter.state_dir.ends_with(Path::new("state/line1")));
    assert_eq!(config.adapter.drain_timeout, Duration::from_secs(10));
    assert_eq!(config.opcua.uri, "opc.tcp://plc:4840");
    assert!(config.opcua.keeps_own_address);
    assert!(matches!(config.opcua.auth, OpcUaAuth::Anonymous));
    assert_eq!(config.opcua.connection.keep_alive_failures_allowed, 2);
    assert_eq!(
        (config.brokers[0].name.as_str(), config.brokers[0].host.as_str(), config.brokers[0].port),
        ("broker", "edge", 1883)
    );
    assert!(config.brokers[0].tls.is_none() && config.brokers[0].auth.is_none() && config.http.is_none());
    let subscription = &config.tags[0].subscription;
    assert_eq!((subscription.sampling_interval, subscription.asked_queue_size()), (Duration::from_millis(250), 4));
    // Debug prints every field, so that none is forgotten here.
    let opcua = &config.opcua;
    assert!(opcua.pki_dir.ends_with("pki") && opcua.work_dir.ends_with("state/line1/opcua"), "{opcua:?}");
    let (pki_dir, work_dir) = (opcua.pki_dir.clone(), opcua.work_dir.clone());
    let expected = OpcUaConfig { pki_dir, work_dir, ..OpcUaConfig::new("opc.tcp://plc:4840") };
    assert_eq!(format!("{opcua:?}"), format!("{expected:?}"));
    assert_eq!(format!("{subscription:?}"), format!("{:?}", TagSubscription::default()));
    let mapping = &config.northbound_mappings[0];
    assert_eq!(mapping.qos, Qos::AtLeastOnce);
    assert!(mapping.include.timestamp && mapping.include.sequence);
    assert!(!mapping.include.tag_name && !mapping.include.metadata && !mapping.retain);
    assert_eq!((mapping.quality.bad, mapping.quality.uncertain), (QualityAction::Publish, QualityAction::Publish));
    assert_eq!(mapping.anomaly_user_properties, AnomalyUserProperties::OnAnomaly);
    assert!(mapping.model.is_none() && mapping.alarm.is_none() && mapping.message_expiry_interval.is_none());
}

#[test]
fn a_kind_of_detector_is_a_model_with_its_defaults() {
    let config = config("tags: [ { name: a, node: i=1, topic: a, model: isolation_forest, alarm: {} } ]\n");
    let model = &config.models[config.northbound_mappings[0].model.unwrap()];
    assert_eq!((model.name.as_str(), model.spec.kind.as_str()), ("isolation_forest", "isolation_forest"));
    assert!(matches!(model.training, Training::Samples(500)));
    let alarm = config.northbound_mappings[0].alarm.as_ref().unwrap();
    assert_eq!((alarm.topic.as_str(), alarm.raise_after, alarm.clear_after), ("a/alarm", 3, 10));
}

#[test]
fn the_port_follows_the_scheme() {
    #[track_caller]
    fn check(url: &str, port: u16, is_encrypted: bool) {
        let broker = config(&format!("broker: {{ url: '{url}' }}\n")).brokers.remove(0);
        assert_eq!((broker.port, broker.tls.is_some()), (port, is_encrypted));
    }
    check("mqtt://edge", 1883, false);
    check("mqtt://edge:1884/", 1884, false);
    check("mqtts://edge", 8883, true);
    check("MQTTS://[::1]:1", 1, true);
}

#[test]
fn a_queue_is_sized_by_the_ratio_of_the_intervals() {
    #[track_caller]
    fn check(publishing: &str, sampling: &str, expected: u32) {
        let subscription = format!("{{ publishing_interval: {publishing}, sampling_interval: {sampling} }}");
        let opcua =
            format!("opcua: {{ uri: opc.tcp://plc, security: {{ policy: none }}, subscription: {subscription} }}\n");
        assert_eq!(config(&opcua).tags[0].subscription.asked_queue_size(), expected);
    }
    check("500ms", "250ms", 4);
    check("500ms", "100ms", 10);
    check("500ms", "150ms", 8);
    check("100ms", "1h", 2);
    check("500ms", "0ms", 100);
    check("1h", "0ms", 10_000);
}

#[test]
fn the_state_directory_is_systemd_s_if_it_gives_one() {
    let load = |environment: &[(&str, &str); 1]| {
        let text = "version: 1\nopcua: { uri: opc.tcp://plc, security: { policy: none } }\nbroker: { url: mqtt://edge }\ntags: [ { name: a, node: i=1, topic: a } ]\n";
        let registry = tagwise_model::Registry::builtin();
        crate::config::parse(text, Path::new("/etc/tagwise/my line.yaml"), environment, &registry)
            .unwrap()
            .config
            .adapter
    };
    let adapter = load(&[("STATE_DIRECTORY", "/var/lib/tagwise/a:/var/lib/other")]);
    assert_eq!(adapter.state_dir, Path::new("/var/lib/tagwise/a"));
    let adapter = load(&[("STATE_DIRECTORY", "")]);
    assert_eq!(
        (adapter.id.as_str(), adapter.state_dir.as_path()),
        ("my-line", Path::new("/etc/tagwise/state/my-line"))
    );
}

#[test]
fn durations_of_the_tables_are_written_as_mappings_write_them() {
    for (path, key) in all_keys() {
        if let (Shape::Duration { .. }, Some(default)) = (key.shape, key.default) {
            assert!(parse_duration(default).is_ok(), "{path}");
        }
    }
}

#[test]
fn the_client_id_is_made_of_adapter_and_broker_unless_it_is_given() {
    let id = |yaml: &str| config(&format!("adapter: {{ id: press4 }}\n{yaml}\n")).brokers.remove(0).client_id;
    assert_eq!(id("broker: { url: mqtt://edge }"), "press4-broker");
    assert_eq!(id("brokers: { cloud: { url: mqtt://edge } }"), "press4-cloud");
    assert_eq!(id("broker: { url: mqtt://edge, client_id: Gerät 4 }"), "Gerät 4");
}

#[test]
fn aws_is_asked_for_mqtt_on_the_port_of_https_only() {
    let alpn = |broker: &str| config(&format!("broker: {{ {broker} }}\n")).brokers.remove(0).tls.unwrap().alpn;
    let aws = "x.iot.eu-central-1.amazonaws.com";
    assert_eq!(alpn(&format!("url: 'mqtts://{aws}:443'")), ["x-amzn-mqtt-ca"]);
    assert_eq!(alpn(&format!("url: 'mqtts://10.0.0.7:443', tls: {{ server_name: {aws} }}")), ["x-amzn-mqtt-ca"]);
    assert_eq!(alpn(&format!("url: 'mqtts://{aws}:443', tls: {{ alpn: mqtt }}")), ["mqtt"]);
    assert!(alpn(&format!("url: 'mqtts://{aws}:443', tls: {{ alpn: [] }}")).is_empty());
    assert!(alpn(&format!("url: 'mqtts://{aws}:8883'")).is_empty());
    assert!(alpn(&format!("url: 'wss://{aws}:443'")).is_empty());
    assert!(alpn("url: 'mqtts://amazonaws.com.example:443'").is_empty());
}
