//! Beside HiveMQ Edge: what `deploy/hivemq-edge` shows is right. HiveMQ Community Edition stands for Edge.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use serde_yaml::Value;
use tagwise::domain::TopicFilter;
use tagwise_tests::{
    Adapter, HiveMq, Mapping, Message, MqttProbe, Simulator, peer_or_skip, run_to_end_in, workspace_root,
};

const HOP_COUNT: &str = "hmq-bridge-hop-count";
const TO_EDGE: &str = "deploy/hivemq-edge/to-edge.yaml";
const TO_CLOUD: &str = "deploy/hivemq-edge/to-cloud.yaml";
const TO_BOTH: &str = "deploy/hivemq-edge/to-both.yaml";
const CLOUD: [(&str, &str); 3] =
    [("CLOUD_HOST", "cluster.example"), ("CLOUD_USER", "edge"), ("CLOUD_PASSWORD", "secret")];

fn text(file: &str) -> Result<String> {
    fs::read_to_string(workspace_root().join(file)).with_context(|| file.to_owned())
}

#[tokio::test]
async fn the_mappings_of_all_ways_are_good_ones() -> Result<()> {
    for file in [TO_EDGE, TO_CLOUD, TO_BOTH] {
        let output = run_to_end_in(&["check", file], &CLOUD, workspace_root(), Duration::from_secs(30)).await?;
        assert_eq!(output.code, Some(0), "{file}: {output:?}");
        assert!(!output.stderr.contains("warning"), "{file}: {output:?}");
    }
    Ok(())
}

#[test]
fn the_mappings_of_both_ways_differ_in_nothing_but_the_broker() -> Result<()> {
    let without_broker = |file: &str| -> Result<Value> {
        let mut mapping: Value = serde_yaml::from_str(&text(file)?)?;
        let broker = mapping.as_mapping_mut().and_then(|keys| keys.remove("broker"));
        assert!(broker.is_some(), "{file} names a broker");
        Ok(mapping)
    };
    assert_eq!(without_broker(TO_EDGE)?, without_broker(TO_CLOUD)?);
    Ok(())
}

/// The topic filters within the first element of this name.
fn filters(config: &str, element: &str) -> Result<Vec<TopicFilter>> {
    let inner =
        config.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    let (inner, _) = inner.with_context(|| format!("no {element}"))?;
    // What a forwarded topic excludes stands in an element of its own, within it and after its filters.
    let inner = if element == "excludes" { inner } else { inner.split("<excludes>").next().unwrap_or_default() };
    let found = inner.split("<mqtt-topic-filter>").skip(1).filter_map(|rest| rest.split('<').next());
    found.map(|filter| TopicFilter::parse(filter).with_context(|| filter.to_owned())).collect()
}

#[test]
fn edges_bridge_carries_up_what_the_mapping_publishes_and_down_what_it_listens_to() -> Result<()> {
    let config = text("deploy/hivemq-edge/edge.xml")?;
    let up = filters(&config, "forwarded-topics")?;
    let excluded = filters(&config, "excludes")?;
    let down = filters(&config, "remote-subscriptions")?;
    let matches = |filters: &[TopicFilter], topic: &str| filters.iter().any(|filter| filter.matches(topic));
    let goes_up = |topic: &str| matches(&up, topic) && !matches(&excluded, topic);

    let mapping: Value = serde_yaml::from_str(&text(TO_EDGE)?)?;
    let all = |list: &str| mapping[list].as_sequence().cloned().unwrap_or_default();
    let mut published = vec!["plant1/line1/tagwise".to_owned(), "plant1/line1/tagwise/gap".to_owned()];
    assert_eq!(mapping["adapter"]["status_topic"], "plant1/{adapter}/tagwise");
    let mut commands = Vec::new();
    for tag in all("tags") {
        let topics = [&tag["topic"], &tag["alarm"]["topic"]];
        published.extend(topics.into_iter().filter_map(Value::as_str).map(str::to_owned));
    }
    for south in all("southbound_mappings") {
        let topic = south["topic_filter"].as_str().context("a topic filter")?;
        published.push(format!("{topic}/result"));
        commands.push(topic.to_owned());
    }
    assert!(published.len() >= 5 && !commands.is_empty(), "{published:?} {commands:?}");
    for topic in &published {
        assert!(goes_up(topic), "the bridge does not carry {topic} up");
        assert!(!matches(&down, topic), "the bridge brings {topic} down again");
    }
    for topic in &commands {
        assert!(matches(&down, topic), "the bridge does not bring {topic} down");
        assert!(!goes_up(topic), "the bridge carries {topic} up again");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hop_count_of_edges_bridge_never_comes_back_out() -> Result<()> {
    let broker = HiveMq::start(peer_or_skip!(HiveMq)).await?;
    let simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let addresses = [("opc.tcp://plc:4840", simulator.url()), ("mqtt://hivemq-edge:1883", broker.url())];
    let mapping = Mapping::of_repository(TO_EDGE, &addresses.each_ref().map(|(old, new)| (*old, new.as_str())))?;
    let _adapter = Adapter::start(&mapping).await?;

    // Two commands as a bridge brings them from the cloud; the second one is refused.
    let bridged = |response_topic: Option<&str>| PublishProperties {
        response_topic: response_topic.map(str::to_owned),
        user_properties: vec![(HOP_COUNT.to_owned(), "1".to_owned()), ("site".to_owned(), "cloud".to_owned())],
        ..PublishProperties::default()
    };
    let (speed, command) = ("plant1/line1/speed", "plant1/line1/speed/set");
    probe.publish_with(command, r#"{"value":1234}"#, false, bridged(Some("plant1/answers/1"))).await?;
    probe.publish_with(command, r#"{"value":9999}"#, false, bridged(None)).await?;
    let answer = probe.wait_for("the verdict came", |message| message.topic == "plant1/answers/1").await?;
    assert_eq!(answer.json()?["outcome"], "succeeded", "{answer:?}");
    let refusal = probe.wait_for("the refusal came", |message| message.topic == format!("{command}/result")).await?;
    assert_eq!(refusal.json()?["outcome"], "rejected", "{refusal:?}");
    let is_new_speed = |message: &Message| message.json().is_ok_and(|json| json["value"] == 1234);
    probe.wait_for("the new speed came", |message| message.topic == speed && is_new_speed(message)).await?;

    let heard = probe.messages();
    let (commands, ours): (Vec<_>, Vec<_>) = heard.iter().partition(|message| message.topic == command);
    assert_eq!(commands.len(), 2);
    let has_mark = |message: &&Message| message.user_property(HOP_COUNT).is_some();
    assert!(commands.iter().all(has_mark), "the broker passes the mark on: {commands:?}");
    assert!(!ours.iter().any(has_mark), "a bridge would not take these on: {ours:?}");
    let of_the_cloud = |message: &&Message| message.user_property("site") == Some("cloud");
    assert!(!ours.iter().any(of_the_cloud), "nothing else is copied either: {ours:?}");
    Ok(())
}
