//! Health, readiness and logs.

use anyhow::Result;
use serde_json::Value;
use tagwise_tests::{Adapter, Mapping, Mosquitto, MqttProbe, Simulator, peer_or_skip};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_and_the_status_message_follow_the_connections() -> Result<()> {
    let mut broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let node = Simulator::node("Machine", "Vibration");
    let mapping = Mapping::between(&simulator.url(), &broker.url())?
        .adapter("status_topic: \"plant/{adapter}\"")
        .with(&format!("tags:\n  - {{ name: vibration, node: '{node}', topic: a/b }}"));
    let mut adapter = Adapter::start(&mapping).await?;
    assert_eq!(adapter.http().get("/healthz").await?.status, 200);
    let has = |json: Value, key: &str, value: &str| json[key] == value;
    let is = |message: &tagwise_tests::Message, key: &str, value: &str| {
        message.topic == "plant/line1/status" && message.json().is_ok_and(|json| has(json, key, value))
    };
    probe.wait_for("the adapter says online", |message| is(message, "status", "online")).await?;

    let mark = probe.mark();
    simulator.kill()?;
    adapter.readiness("the loss of the PLC shows", |reply| reply.status == 503).await?;
    probe
        .wait_after(mark, "the status is no longer CONNECTED", |message| {
            is(message, "connection", "CONNECTING") || is(message, "connection", "ERROR")
        })
        .await?;
    let mark = probe.mark();
    simulator.resume().await?;
    adapter.ready().await?;
    probe.wait_after(mark, "the status is CONNECTED again", |message| is(message, "connection", "CONNECTED")).await?;

    broker.kill()?;
    adapter.readiness("the loss of the broker shows", |reply| reply.status == 503).await?;
    assert_eq!(adapter.http().get("/healthz").await?.status, 200);
    broker.resume().await?;
    adapter.ready().await?;
    adapter.ensure_running()
}
