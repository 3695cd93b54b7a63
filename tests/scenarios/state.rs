//! The state directory: one process each.

use std::time::Duration;

use anyhow::Result;
use tagwise_tests::{
    Adapter, Mapping, Message, Mosquitto, MosquittoOptions, MqttProbe, PATIENCE, Simulator, SimulatorOptions,
    SmallDisk, UaServer, cannot_mount, peer_or_skip, run_to_end,
};

use crate::values::load_tags;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_state_is_refused() -> Result<()> {
    let broker = Mosquitto::prepare(peer_or_skip!(Mosquitto), MosquittoOptions::default())?;
    let mapping = Mapping::between("opc.tcp://127.0.0.1:9", &broker.url())?
        .with(&format!("tags:\n  - {{ name: counter, node: '{}', topic: a/b }}", UaServer::node("Counter1")));
    let mut first = Adapter::spawn(&mapping)?;
    first.readiness("the first is up", |reply| reply.status == 503).await?;
    let second = run_to_end(&["run", "line1.yaml"], first.directory(), Duration::from_secs(20)).await?;
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("state"), "it says why: {}", second.stderr);
    first.ensure_running()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adapter_starts_on_a_full_disk_and_counts_its_start() -> Result<()> {
    if cannot_mount("an_adapter_starts_on_a_full_disk_and_counts_its_start") {
        return Ok(());
    }
    let disk = SmallDisk::in_memory(8)?;
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start_with(SimulatorOptions { tags: 2, rate: Some(10.0), user: None }).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let state_dir = format!("state_dir: \"{}\"", disk.path().join("line1").display());
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.adapter(&state_dir).with(&load_tags(2, ""));
    let mut adapter = Adapter::start(&mapping).await?;
    let of_epoch = |epoch: u64| {
        move |message: &Message| message.json().is_ok_and(|json| json["epoch"] == epoch && json["value"].is_number())
    };
    probe.wait_for("values of the first start", of_epoch(1)).await?;
    adapter.terminate(PATIENCE).await?;

    disk.fill()?;
    adapter.resume()?;
    probe.wait_for("values of the second start, from memory", of_epoch(2)).await?;
    adapter.readiness("the full disk shows", |reply| reply.status == 503 && reply.body.contains("spool")).await?;
    adapter.kill()?;
    adapter.resume()?;
    probe.wait_for("values of the third start", of_epoch(3)).await?;
    let second = run_to_end(&["run", "line1.yaml"], adapter.directory(), Duration::from_secs(20)).await?;
    assert!(second.stderr.contains("is in use by"), "the lock holds: {}", second.stderr);
    disk.free()?;
    adapter.ready().await.map(drop)
}
