//! What is lost although nothing is broken, because it was to be let go, is announced.

use anyhow::{Context, Result};
use serde_json::Value;
use tagwise_tests::{Adapter, Mapping, Message, Mosquitto, MqttProbe, UaServer, peer_or_skip};

fn sequence_of(message: &Message) -> Option<u64> {
    message.json().ok()?["sequence"].as_u64()
}

/// The gap messages for one topic.
fn gaps(messages: &[Message], topic: &str) -> Vec<Value> {
    let gaps = messages.iter().filter(|message| message.topic == "tagwise/line1/gap");
    gaps.filter_map(|message| message.json().ok()).filter(|gap| gap["topic"] == topic).collect()
}

/// Checks that the hole in the numbers of a topic is announced up to its end, for this cause.
fn check_hole(messages: &[Message], topic: &str, cause: &str) -> Result<()> {
    let numbers: Vec<u64> = messages.iter().filter(|message| message.topic == topic).filter_map(sequence_of).collect();
    let hole =
        numbers.windows(2).find(|pair| pair[1] > pair[0] + 1).with_context(|| format!("no hole in {numbers:?}"))?;
    let gaps = gaps(messages, topic);
    let gap = gaps.iter().find(|gap| gap["toSequence"] == hole[1] - 1).with_context(|| {
        format!("nothing announces the numbers from {} to {} of {topic}: {gaps:?}", hole[0] + 1, hole[1] - 1)
    })?;
    assert_eq!(gap["scope"], "spool", "{gap}");
    assert_eq!(gap["cause"], cause, "{gap}");
    assert_eq!(gap["tagName"], "counter", "{gap}");
    let first = gap["fromSequence"].as_u64().context("no fromSequence")?;
    assert!(first > hole[0], "{gap} announces what arrived: {numbers:?}");
    assert_eq!(gap["count"], hole[1] - first, "{gap}");
    assert!(gap["epoch"].is_u64() && gap["fromTime"].as_i64() <= gap["toTime"].as_i64(), "{gap}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_while_the_broker_is_away_is_announced_and_what_must_arrive_does() -> Result<()> {
    let mut broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&format!(
        "tags:
  - {{ name: counter, node: '{}' }}
northbound_mappings:
  - {{ tag_name: counter, topic: at_most_once, max_qos: 0 }}
  - {{ tag_name: counter, topic: short_lived, message_expiry_interval: 1s }}
  - {{ tag_name: counter, topic: at_least_once }}
",
        UaServer::node("Counter1")
    ));
    let adapter = Adapter::start(&mapping).await?;
    for topic in ["at_most_once", "short_lived", "at_least_once"] {
        probe.wait_for_count(topic, 5).await?;
    }
    broker.kill()?;
    let dropped = |reason| {
        move |metrics: &tagwise_tests::Metrics| {
            metrics.sum("tagwise_spool_dropped_total", &[("reason", reason)]) >= 30.0
        }
    };
    adapter.metrics_where("values of QoS 0 are dropped", dropped("away")).await?;
    broker.resume().await?;
    probe.subscribed(2).await?;
    let mark = probe.mark();
    for topic in ["at_most_once", "short_lived", "at_least_once"] {
        let is_live = |message: &Message| message.topic == topic && message.user_property("replay").is_none();
        probe.wait_after(mark, "live values flow again", is_live).await?;
        let is_announced = |messages: &[Message]| (!gaps(messages, topic).is_empty()).then_some(());
        if topic != "at_least_once" {
            probe.wait_until("the loss is announced", tagwise_tests::PATIENCE, is_announced).await?;
        }
    }
    let messages = probe.messages();
    check_hole(&messages, "at_most_once", "overflow")?;
    check_hole(&messages, "short_lived", "retention")?;
    assert!(gaps(&messages, "at_least_once").is_empty(), "nothing of it was to be let go");
    Ok(())
}
