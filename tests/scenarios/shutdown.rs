//! SIGTERM drains and says goodbye; SIGKILL leaves it to the Last Will.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tagwise_tests::{
    Adapter, Mapping, Message, Mosquitto, MosquittoOptions, MqttProbe, SequenceCheck, Signal, Simulator,
    SimulatorOptions, peer_or_skip,
};

use crate::values::load_tags;

const STATUS_TOPIC: &str = "tagwise/line1/status";
/// The mapping's `drain_timeout`, and what the rest of a shutdown may take on a busy machine.
const DRAIN_TIME: Duration = Duration::from_secs(5);
const SLACK: Duration = Duration::from_secs(5);

fn is_status(message: &Message, status: &str) -> bool {
    message.topic == STATUS_TOPIC && message.json().is_ok_and(|json| json["status"] == status)
}

async fn simulator() -> Result<Simulator> {
    Simulator::start_with(SimulatorOptions { tags: 20, rate: Some(10.0), user: None }).await
}

/// What a client that comes now finds on the status topic.
async fn kept_status(broker: &Mosquitto) -> Result<serde_json::Value> {
    let late = MqttProbe::connect(broker.access()).await?;
    late.wait_for("the retained status came", |message| message.topic == STATUS_TOPIC).await?.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_drains_says_offline_and_exits_with_0() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = simulator().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&load_tags(20, ""));
    let mut adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("load/T0020", 10).await?;
    let online = probe.wait_for("the adapter says online", |message| is_status(message, "online")).await?.json()?;
    assert_eq!(online["runtime"], "STARTED", "{online}");
    assert_eq!(online["connection"], "CONNECTED", "{online}");

    let started = Instant::now();
    let status = adapter.terminate(DRAIN_TIME + SLACK).await?;
    assert_eq!(status.code(), Some(0), "after {:?}", started.elapsed());
    probe.wait_for("the adapter says offline", |message| is_status(message, "offline")).await?;
    probe.fence().await?;
    SequenceCheck::check(&probe.messages())?;
    let kept = kept_status(&broker).await?;
    assert_eq!(kept["status"], "offline", "{kept}");
    assert_eq!(kept["runtime"], "STOPPED", "{kept}");
    assert!(broker.log()?.contains("Received DISCONNECT from line1"), "it disconnects in order");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigkill_leaves_it_to_the_last_will_and_the_next_start_counts_a_new_epoch() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = simulator().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&load_tags(20, ""));
    let mut adapter = Adapter::start(&mapping).await?;
    let before = probe.wait_for_count("load/T0020", 5).await?;
    adapter.kill()?;
    let will = probe.wait_for("the Last Will came", |message| is_status(message, "offline")).await?;
    assert!(will.is_retained);

    let mark = probe.mark();
    adapter.resume()?;
    adapter.ready().await?;
    let epoch = before.first().context("no message")?.json()?["epoch"].as_u64().context("no epoch")?;
    // What was not acknowledged before the end comes first, as it was.
    let is_new = |message: &Message| {
        message.topic == "load/T0020" && message.json().is_ok_and(|json| json["epoch"].as_u64() == Some(epoch + 1))
    };
    let after = probe.wait_after(mark, "values of the new epoch flow", is_new).await?.json()?;
    assert_eq!(after["sequence"], 1, "{after}");
    probe.wait_after(mark, "it says online again", |message| is_status(message, "online")).await?;
    SequenceCheck::check(&probe.messages()).map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_broker_away_sigterm_ends_within_the_drain_time() -> Result<()> {
    let broker = Mosquitto::prepare(peer_or_skip!(Mosquitto), MosquittoOptions::default())?;
    let simulator = simulator().await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&load_tags(20, ""));
    let mut adapter = Adapter::spawn(&mapping)?;
    adapter.metrics_where("values wait", |metrics| metrics.sum("tagwise_spool_messages", &[]) > 0.0).await?;
    let status = adapter.terminate(DRAIN_TIME + SLACK).await?;
    assert_eq!(status.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_stops_at_once() -> Result<()> {
    let broker = Mosquitto::prepare(peer_or_skip!(Mosquitto), MosquittoOptions::default())?;
    let simulator = simulator().await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.drain_timeout("10m").with(&load_tags(20, ""));
    let mut adapter = Adapter::spawn(&mapping)?;
    adapter.metrics_where("values wait", |metrics| metrics.sum("tagwise_spool_messages", &[]) > 0.0).await?;
    adapter.signal(Signal::Interrupt)?;
    let drains = |reply: &tagwise_tests::Reply| reply.status == 503 && reply.body.contains("shutting down");
    adapter.readiness("it says that it is shutting down", drains).await?;
    adapter.ensure_running().context("it drains while the broker is away")?;
    adapter.signal(Signal::Interrupt)?;
    let status = adapter.exit_within(SLACK).await?;
    assert_eq!(status.code(), Some(1), "it was told not to wait for its delivery, which is no success");
    Ok(())
}
