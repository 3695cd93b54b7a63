//! Tags that are polled, and values that are sent although nothing changed, from a foreign server.

use anyhow::{Result, ensure};
use serde_json::json;
use tagwise_tests::{Adapter, Mapping, Message, Mosquitto, MqttProbe, UaServer, peer_or_skip};

fn flags(message: &Message) -> String {
    message.json().map(|json| json["metadata"]["flags"].to_string()).unwrap_or_default()
}

fn is_flagged(topic: &str, message: &Message, expected: &str) -> bool {
    message.topic == topic && flags(message) == expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polled_values_come_when_they_change_and_heartbeats_when_they_do_not() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let (counter, still) = (UaServer::node("Counter1"), UaServer::node("Types.Double"));
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&format!(
        "models:
  steady: {{ detector: {{ kind: ewma_z }}, training: {{ samples: 10 }} }}
northbound_mappings: [ {{ tag_names: '*', topic: '{{tag}}', include_metadata: true }} ]
tags:
  - {{ name: polled, node: '{counter}', model: steady, subscription: {{ mode: poll, sampling_interval: 50ms }} }}
  - {{ name: coarse, node: '{counter}', subscription: {{ mode: poll, sampling_interval: 50ms, deadband: {{ absolute: 4.5 }} }} }}
  - {{ name: slow, node: '{counter}', subscription: {{ publishing_interval: 1s }} }}
  - {{ name: polled_still, node: '{still}', model: steady, subscription: {{ mode: poll, sampling_interval: 50ms, heartbeat: 300ms }} }}
  - {{ name: still, node: '{still}', subscription: {{ heartbeat: 300ms, stale_after: 1s }} }}
"
    ));
    let mut adapter = Adapter::start(&mapping).await?;

    let polled = probe.wait_for_count("polled", 20).await?;
    let numbers = |messages: &[Message]| -> Result<Vec<f64>> {
        messages.iter().map(|message| Ok(message.json()?["value"].as_f64().unwrap_or(f64::NAN))).collect()
    };
    ensure!(numbers(&polled)?.windows(2).all(|pair| pair[0] < pair[1]), "each change once: {:?}", numbers(&polled)?);
    let coarse = numbers(&probe.wait_for_count("coarse", 4).await?)?;
    ensure!(coarse.windows(2).all(|pair| pair[1] - pair[0] > 4.5), "{coarse:?}");
    probe.wait_for("the slow one has a value", |message| message.topic == "slow").await?;

    for topic in ["polled_still", "still"] {
        let is_heartbeat = |message: &Message| is_flagged(topic, message, "[\"heartbeat\"]");
        let first = probe.wait_for("the first value", |message| message.topic == topic).await?.json()?;
        let repeated = probe.wait_for("a heartbeat", is_heartbeat).await?.json()?;
        ensure!(flags(&probe.on_topic(topic)[0]) == "[\"initial\"]", "{topic}");
        ensure!(
            repeated["value"] == first["value"] && repeated["timestamp"] == first["timestamp"],
            "{topic}: {repeated}"
        );
    }
    let repeated =
        probe.wait_for("a heartbeat", |message| is_flagged("polled_still", message, "[\"heartbeat\"]")).await?;
    ensure!(repeated.json()?["anomaly"]["status"] == "repeated", "{}", repeated.json()?);

    let stale = probe.wait_for("the subscribed one turns stale", |message| is_flagged("still", message, "[\"stale\"]"));
    ensure!(stale.await?.json()?["metadata"]["statusCode"]["symbol"] == "Good");
    let reply = adapter.readiness("the stale tag is named", |reply| reply.body.contains("stale_after")).await?;
    ensure!(
        reply.status == 200 && reply.body.contains("\"still\"") && !reply.body.contains("polled"),
        "{}",
        reply.body
    );
    adapter
        .metrics_where("one tag is stale", |metrics| metrics.sum("tagwise_tags", &[("state", "stale")]) > 0.5)
        .await?;

    let mark = probe.mark();
    server.write("Types.Double", &json!(7.5)).await?;
    for topic in ["polled_still", "still"] {
        let is_new = |message: &Message| {
            message.topic == topic
                && message.json().is_ok_and(|json| json["value"] == 7.5 && json["metadata"]["flags"].is_null())
        };
        probe.wait_after(mark, "the new value", is_new).await?;
    }

    server.kill()?;
    let is_doubtful = |message: &Message| is_flagged("polled_still", message, "[\"heartbeat\",\"stale\"]");
    let doubtful = probe.wait_after(mark, "without a session nobody vouches for it", is_doubtful).await?;
    ensure!(doubtful.json()?["anomaly"]["status"] == "stale", "{}", doubtful.json()?);
    let mark = probe.mark();
    server.resume().await?;
    probe.wait_after(mark, "polling goes on", |message| message.topic == "polled").await?;
    adapter.ensure_running()
}
