//! A mapping's own key, then the first `tag_names` group that matches, then `defaults`, then built in.

use std::time::Duration;

use super::cases::load;
use crate::{
    config::{
        Config,
        effective::{Deadband, Discard, Mode, QueueSize, TagSubscription, Trigger},
    },
    spool::{SpoolOptions, SyncPolicy},
};

const MAPPING: &str = r#"
defaults:
  tag: { subscription: { sampling_interval: 100ms } }
  northbound_mapping: { topic: "default/{tag}", include_metadata: true, quality: { bad: drop } }
tags:
  - { name: press/speed, node: i=1, topic: "own/{adapter}/{tag[-1]}" }
  - { name: press/force, node: i=2 }
  - { name: oven/heat, node: i=3, include_metadata: false, subscription: { server_queue_size: 7 } }
  - { name: oven/door, node: i=4, subscription: { sampling_interval: 0ms } }
  - { name: fan, node: i=5 }
northbound_mappings:
  - { tag_names: "press/*", topic: "group/{tag[0]}/{tag[1]}", retain: true, quality: { uncertain: drop } }
  - { tag_names: [ "**/heat", "**/force" ], message_expiry_interval: 1h, max_qos: 0 }
  - { tag_name: oven/door, topic: door, include_metadata: false }
  - { tag_name: oven/door, topic: door2 }
southbound_mappings:
  - { tag_name: fan, topic_filter: "{adapter}/{tag}/set" }
"#;

fn config() -> Config {
    load(MAPPING).unwrap().config
}

/// Topic, `include_metadata`, `retain` and whether messages expire, by mapping.
fn mappings(config: &Config, tag: &str) -> Vec<(String, bool, bool, bool)> {
    let of_tag = config.northbound_mappings.iter().filter(|one| config.tags[one.tag.index()].name.as_str() == tag);
    of_tag
        .map(|one| (one.topic.to_string(), one.include.metadata, one.retain, one.message_expiry_interval.is_some()))
        .collect()
}

#[test]
fn the_nearest_layer_decides() {
    let config = config();
    let own = |topic: &str| (topic.to_owned(), true, true, false);
    assert_eq!(mappings(&config, "press/speed"), [own("own/line1/speed")]);
    assert_eq!(mappings(&config, "press/force"), [own("group/press/force")]);
    assert_eq!(mappings(&config, "oven/heat"), [("default/oven/heat".to_owned(), false, false, true)]);
    let door = [("door".to_owned(), false, false, false), ("door2".to_owned(), true, false, false)];
    assert_eq!(mappings(&config, "oven/door"), door);
    assert_eq!(mappings(&config, "fan"), []);
}

#[test]
fn sections_are_laid_over_each_other_key_by_key() {
    let config = config();
    let quality = config.northbound_mappings[0].quality;
    assert_eq!(format!("{quality:?}"), "QualityPolicy { bad: Drop, uncertain: Drop }");
    let sampling: Vec<(Duration, u32)> = config
        .tags
        .iter()
        .map(|tag| (tag.subscription.sampling_interval, tag.subscription.asked_queue_size()))
        .collect();
    let ms = Duration::from_millis;
    assert_eq!(sampling, [(ms(100), 10), (ms(100), 10), (ms(100), 7), (ms(0), 100), (ms(100), 10)]);
}

#[test]
fn placeholders_stand_in_topic_filters_too() {
    assert_eq!(config().southbound_mappings[0].topic_filter.as_ref().unwrap().as_str(), "line1/fan/set");
}

#[test]
fn lines_of_tags_and_mappings_are_kept() {
    let config = config();
    assert_eq!(config.tags[0].line, 6);
    assert_eq!(config.northbound_mappings.iter().map(|one| one.line).collect::<Vec<_>>(), [6, 12, 8, 14, 15]);
    assert_eq!(config.southbound_mappings[0].line, 17);
}

#[test]
fn user_properties_keep_their_order() {
    let properties = "{ site: plant1, b: \"2\", a: x }";
    let loaded =
        load(&format!("tags: [ {{ name: a, node: i=1, topic: a, mqtt_user_properties: {properties} }} ]\n")).unwrap();
    let names: Vec<_> =
        loaded.config.northbound_mappings[0].mqtt_user_properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["site", "b", "a"]);
}

#[test]
fn the_topics_of_values_alarms_and_events_are_our_own() {
    let loaded = load("tags: [ { name: a, node: i=1, topic: x, model: ewma_z, alarm: {} } ]\n").unwrap();
    let mut topics: Vec<String> = loaded.config.own_topics().iter().map(ToString::to_string).collect();
    topics.sort();
    assert_eq!(topics, ["tagwise/line1/gap", "tagwise/line1/status", "x", "x/alarm"]);
}

#[test]
fn each_key_of_a_subscription_comes_from_the_nearest_layer_and_a_deadband_comes_whole() {
    let yaml = "
opcua:
  uri: opc.tcp://plc
  security: { policy: none }
  subscription: { publishing_interval: 1s, deadband: { absolute: 2 }, heartbeat: 1m, stale_after: 5m, discard: newest }
defaults: { tag: { subscription: { sampling_interval: 100ms, heartbeat: 10s } } }
tags:
  - { name: a, node: i=1, topic: a }
  - name: b
    node: i=2
    topic: b
    subscription: { deadband: { percent: 1 }, heartbeat: none, mode: poll, trigger: status_value_timestamp, publishing_interval: 50ms }
  - { name: c, node: i=3, topic: c, subscription: { deadband: none } }
";
    let tags = load(yaml).unwrap().config.tags;
    let shared = TagSubscription {
        mode: Mode::Subscribe,
        publishing_interval: Duration::from_secs(1),
        sampling_interval: Duration::from_millis(100),
        queue_size: QueueSize::Auto,
        discard: Discard::Newest,
        trigger: Trigger::StatusValue,
        deadband: Some(Deadband::Absolute(2.0)),
        heartbeat: Some(Duration::from_secs(10)),
        stale_after: Some(Duration::from_mins(5)),
    };
    assert_eq!(tags[0].subscription, shared);
    let own = TagSubscription {
        mode: Mode::Poll,
        publishing_interval: Duration::from_millis(50),
        trigger: Trigger::StatusValueTimestamp,
        deadband: Some(Deadband::Percent(1.0)),
        heartbeat: None,
        ..shared.clone()
    };
    assert_eq!(tags[1].subscription, own);
    assert_eq!(tags[2].subscription, TagSubscription { deadband: None, ..shared });
}

#[test]
fn each_mapping_goes_to_the_broker_that_the_nearest_layer_names() {
    let yaml = r#"
brokers: { edge: { url: mqtt://localhost }, cloud: { url: mqtt://localhost, spool: { max_bytes: 2GiB, max_age: 1h, sync: always } } }
defaults: { northbound_mapping: { topic: "{tag}", broker: edge } }
tags:
  - { name: a, node: i=1, broker: cloud }
  - { name: b, node: i=2 }
  - { name: c, node: i=3, retain: true }
northbound_mappings: [ { tag_names: b, broker: cloud }, { tag_names: c } ]
southbound_mappings: [ { tag_name: a, topic_filter: a/set, broker: cloud } ]
"#;
    let config = load(yaml).unwrap().config;
    let brokers: Vec<u16> = config.northbound_mappings.iter().map(|mapping| mapping.broker.0).collect();
    assert_eq!((brokers, config.southbound_mappings[0].broker.0), (vec![1, 1, 0], 1));
    assert_eq!(config.brokers[0].spool, SpoolOptions::default());
    let spool = SpoolOptions {
        max_bytes: 2 << 30,
        max_age: Duration::from_hours(1),
        sync: SyncPolicy::Always,
        ..SpoolOptions::default()
    };
    assert_eq!(config.brokers[1].spool, spool);
}
