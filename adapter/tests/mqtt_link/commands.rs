//! Commands on their way south.

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use tagwise::{
    config::effective::ProtocolVersion,
    domain::{Command, RejectReason},
    supervisor::Connection,
};
use tokio::time;

use crate::{
    mosquitto::Mosquitto,
    rig::{COMMAND_CAPACITY, Rig, plain, spoken},
    scripted_broker::{Reply, ScriptedBroker},
    scripted_wire::Greeting,
    versions::in_both_versions,
    watcher::{PATIENCE, Watcher},
};

in_both_versions!(
    a_command_comes_with_all_that_its_verdict_needs,
    commands_that_nobody_has_time_for_are_refused_not_lost,
    a_command_is_acknowledged_under_its_own_id,
);

async fn next(rig: &mut Rig) -> Command {
    time::timeout(PATIENCE, rig.commands_rx.recv()).await.expect("a command should have come").unwrap()
}

/// Publishes until the subscription stands and nothing else is on its way.
async fn until_subscribed(watcher: &mut Watcher, rig: &mut Rig) {
    loop {
        watcher.publish("machine/hello/set", "hello", false, PublishProperties::default()).await;
        if time::timeout(time::Duration::from_millis(100), rig.commands_rx.recv()).await.is_ok() {
            break;
        }
    }
    watcher.publish("machine/ready/set", "ready", false, PublishProperties::default()).await;
    while next(rig).await.topic != "machine/ready/set" {}
}

async fn a_command_comes_with_all_that_its_verdict_needs(version: ProtocolVersion) {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, "none").await;
    let mut rig = Rig::start(spoken(version, broker.port), &["machine/+/set"]);
    until_subscribed(&mut watcher, &mut rig).await;
    let properties = PublishProperties {
        response_topic: Some("answers/7".into()),
        correlation_data: Some(Bytes::from_static(b"\x00\xff7")),
        message_expiry_interval: Some(60),
        user_properties: vec![("hmq-bridge-hop-count".into(), "1".into())],
        ..PublishProperties::default()
    };
    watcher.publish("machine/speed/set", "{\"value\":1500}", false, properties).await;
    let command = next(&mut rig).await;
    assert_eq!(command.topic, "machine/speed/set");
    assert_eq!(command.payload, "{\"value\":1500}");
    if version == ProtocolVersion::V5 {
        assert_eq!(command.response_topic.as_deref(), Some("answers/7"));
        assert_eq!(command.correlation_data.as_deref(), Some(&b"\x00\xff7"[..]));
        assert!(command.message_expiry_seconds.is_some_and(|seconds| (55..=60).contains(&seconds)), "{command:?}");
    } else {
        assert!(command.response_topic.is_none() && command.correlation_data.is_none(), "{command:?}");
    }
    assert!(!command.is_retained && !command.is_duplicate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retained_command_is_not_delivered_and_a_retain_bit_is_seen() {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, "none").await;
    watcher.publish("machine/speed/set", "old", true, PublishProperties::default()).await;
    let mut rig = Rig::start(plain(broker.port), &["machine/+/set"]);
    until_subscribed(&mut watcher, &mut rig).await;
    watcher.publish("machine/speed/set", "new", true, PublishProperties::default()).await;
    loop {
        let command = next(&mut rig).await;
        assert_ne!(command.payload, "old");
        if command.payload == "new" {
            assert!(command.is_retained);
            return;
        }
    }
}

async fn commands_that_nobody_has_time_for_are_refused_not_lost(version: ProtocolVersion) {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, "none").await;
    let mut rig = Rig::start(spoken(version, broker.port), &["machine/+/set"]);
    until_subscribed(&mut watcher, &mut rig).await;
    for number in 0..COMMAND_CAPACITY + 3 {
        watcher.publish(&format!("machine/{number}/set"), "1", false, PublishProperties::default()).await;
    }
    let wait = async {
        while rig.refused.lock().unwrap().len() < 3 {
            time::sleep(time::Duration::from_millis(5)).await;
        }
    };
    time::timeout(PATIENCE, wait).await.expect("three commands should have been refused");
    let expected = [0, 1, 2].map(|number| format!("machine/{}/set", COMMAND_CAPACITY + number));
    let refused = rig.refused.lock().unwrap().clone();
    assert_eq!(refused, expected.map(|topic| (topic, RejectReason::Overloaded)));
    assert_eq!(next(&mut rig).await.topic, "machine/0/set");
}

async fn a_command_is_acknowledged_under_its_own_id(version: ProtocolVersion) {
    let greeting = Greeting { command: Some(777), ..Greeting::of(version) };
    let broker = ScriptedBroker::start(greeting, |_| Reply::Acknowledge).await;
    let mut rig = Rig::start(spoken(version, broker.port), &["machine/set"]);
    assert_eq!(next(&mut rig).await.topic, "machine/set");
    let wait = async {
        while broker.acknowledged.lock().unwrap().is_empty() {
            time::sleep(time::Duration::from_millis(5)).await;
        }
    };
    time::timeout(PATIENCE, wait).await.expect("the command should have been acknowledged");
    assert_eq!(*broker.acknowledged.lock().unwrap(), [777]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_command_does_not_end_the_connection() {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, "none").await;
    let mut rig = Rig::start(plain(broker.port), &["machine/+/set"]);
    until_subscribed(&mut watcher, &mut rig).await;
    let publish = |bytes: usize| "x".repeat(bytes);
    watcher.publish("machine/a/set", &publish(100_000), false, PublishProperties::default()).await;
    assert_eq!(next(&mut rig).await.payload.len(), 100_000);
    watcher.publish("machine/b/set", &publish(2_000_000), false, PublishProperties::default()).await;
    watcher.publish("machine/c/set", "1", false, PublishProperties::default()).await;
    assert_eq!(next(&mut rig).await.topic, "machine/c/set");
    assert_eq!(rig.board.snapshot().brokers[0].connection, Connection::Connected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_mqtt_3_1_1_a_retained_command_is_told_from_a_fresh_one() {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, "none").await;
    watcher.publish("machine/speed/set", "old", true, PublishProperties::default()).await;
    let mut rig = Rig::start(spoken(ProtocolVersion::V311, broker.port), &["machine/+/set"]);
    let kept = next(&mut rig).await;
    assert_eq!((kept.payload.as_ref(), kept.is_retained), (&b"old"[..], true));
    watcher.publish("machine/speed/set", "new", true, PublishProperties::default()).await;
    let fresh = next(&mut rig).await;
    assert_eq!((fresh.payload.as_ref(), fresh.is_retained), (&b"new"[..], false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_mqtt_3_1_1_a_command_that_is_too_large_ends_the_connection_and_the_next_one_comes() {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, "none").await;
    let mut rig = Rig::start(spoken(ProtocolVersion::V311, broker.port), &["machine/+/set"]);
    until_subscribed(&mut watcher, &mut rig).await;
    watcher.publish("machine/a/set", &"x".repeat(100_000), false, PublishProperties::default()).await;
    assert_eq!(next(&mut rig).await.payload.len(), 100_000);
    watcher.publish("machine/b/set", &"x".repeat(2_000_000), false, PublishProperties::default()).await;
    let connection = rig.until_broker(|connection| connection.reason().is_some()).await;
    assert!(connection.reason().unwrap().contains("more than is taken here"), "{connection:?}");
    rig.until_connected().await;
    until_subscribed(&mut watcher, &mut rig).await;
}
