//! Retraining while values flow: nothing is lost, and the new version shows in the messages.

use anyhow::Result;
use serde_json::{Value, json};
use tagwise_tests::{
    Adapter, Mapping, Message, Mosquitto, MqttProbe, SequenceCheck, Simulator, SimulatorOptions, peer_or_skip,
};

use crate::values::load_tags;

const TAGS: usize = 40;

fn version_of(message: &Message) -> Option<u64> {
    message.json().ok()?["anomaly"]["version"].as_u64()
}

async fn start(mosquitto: std::path::PathBuf, per: &str) -> Result<(Simulator, Mosquitto, MqttProbe, Adapter)> {
    let broker = Mosquitto::start(mosquitto).await?;
    let simulator = Simulator::start_with(SimulatorOptions { tags: TAGS, rate: Some(10.0), user: None }).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&format!(
        "models:\n  forest: {{ detector: {{ kind: isolation_forest }}, per: {per}, training: {{ samples: 40 }} }}\n{}",
        load_tags(TAGS, ", model: forest")
    ));
    let adapter = Adapter::start(&mapping).await?;
    let is_scored = |json: Value| json["anomaly"]["status"] == "scored";
    for topic in ["load/T0001", "load/T0002"] {
        probe
            .wait_for("values are scored", |message| message.topic == topic && message.json().is_ok_and(is_scored))
            .await?;
    }
    Ok((simulator, broker, probe, adapter))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retrained_model_takes_over_while_values_flow() -> Result<()> {
    let (_simulator, _broker, probe, adapter) = start(peer_or_skip!(Mosquitto), "tag").await?;
    let before = probe.on_topic("load/T0002").iter().filter_map(version_of).max();
    for _ in 0..3 {
        let answer = adapter.post("/retrain?tag=T0001", &json!({"from": "recent"})).await?;
        assert_eq!(answer["status"], "retrained", "{answer}");
        assert_eq!(answer["model"], "forest", "{answer}");
        assert!(answer["samples"].as_u64().is_some_and(|samples| samples >= 40), "{answer}");
        let version = answer["version"].as_u64();
        let is_new = |message: &Message| message.topic == "load/T0001" && version_of(message) == version;
        probe.wait_for("messages carry the new version", is_new).await?;
    }
    let versions: Vec<u64> = probe.on_topic("load/T0001").iter().filter_map(version_of).collect();
    assert!(versions.is_sorted(), "versions only grow: {versions:?}");
    assert_eq!(versions.last().zip(versions.first()).map(|(last, first)| last - first), Some(3), "each by one");
    let after = probe.on_topic("load/T0002").iter().filter_map(version_of).max();
    assert_eq!(after, before, "the other tag's instance is another");
    SequenceCheck::check(&probe.messages())?;
    let metrics = adapter.http().metrics().await?;
    assert!(metrics.sum("tagwise_model_retrains_total", &[("model", "forest")]) >= 3.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_an_instance_per_tag_the_tag_must_be_said() -> Result<()> {
    let (_simulator, _broker, _probe, adapter) = start(peer_or_skip!(Mosquitto), "tag").await?;
    let reply = adapter.http().post("/retrain", &json!({"from": "recent"})).await?;
    assert_eq!(reply.status, 409, "{}", reply.body);
    assert!(reply.body.contains("T0001") && reply.body.contains("T0002"), "the choices: {}", reply.body);
    let reply = adapter.http().post("/api/v1/models/nosuch/retrain", &json!({"from": "recent"})).await?;
    assert_eq!(reply.status, 404, "{}", reply.body);
    let reply = adapter.http().post("/retrain?tag=T0001", &json!({"values": ["x"]})).await?;
    assert_eq!(reply.status, 400, "{}", reply.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_model_is_retrained_from_given_values() -> Result<()> {
    let (_simulator, _broker, probe, adapter) = start(peer_or_skip!(Mosquitto), "model").await?;
    let values: Vec<f64> = (0..300).map(|number| f64::from(number % 30)).collect();
    let answer = adapter.post("/api/v1/models/forest/retrain", &json!({ "values": values })).await?;
    assert_eq!(answer["samples"], 300, "{answer}");
    let version = answer["version"].as_u64();
    for topic in ["load/T0001", "load/T0002"] {
        let is_new = |message: &Message| message.topic == topic && version_of(message) == version;
        probe.wait_for("all mappings carry the new version", is_new).await?;
    }
    SequenceCheck::check(&probe.messages()).map(drop)
}
