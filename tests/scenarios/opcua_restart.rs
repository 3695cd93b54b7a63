//! After a restart of the OPC UA server data flows again without help.

use anyhow::Result;
use tagwise_tests::{Adapter, Mapping, Mosquitto, MqttProbe, SequenceCheck, Simulator, UaServer, peer_or_skip};

/// Waits until values come after `mark`, and checks everything heard.
async fn values_flow_again(probe: &MqttProbe, adapter: &mut Adapter, mark: usize) -> Result<()> {
    adapter.ready().await?;
    for _ in 0..2 {
        let mark = probe.mark().max(mark);
        probe.wait_after(mark, "values flow again", |message| message.topic == "a/b").await?;
    }
    SequenceCheck::check(&probe.messages())?;
    let metrics = adapter.http().metrics().await?;
    assert!(metrics.sum("tagwise_opcua_reconnects_total", &[]) >= 1.0, "the reconnect is counted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_flow_again_after_asyncua_was_killed_twice() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?
        .with(&format!("tags:\n  - {{ name: counter, node: '{}', topic: a/b }}", UaServer::node("Counter1")));
    let mut adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("a/b", 5).await?;
    for _ in 0..2 {
        server.kill()?;
        adapter.readiness("the loss is noticed", |reply| reply.status == 503).await?;
        let mark = probe.mark();
        server.resume().await?;
        values_flow_again(&probe, &mut adapter, mark).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_flow_again_after_asyncua_closed_all_sessions() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?
        .with(&format!("tags:\n  - {{ name: counter, node: '{}', topic: a/b }}", UaServer::node("Counter1")));
    let mut adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("a/b", 5).await?;
    server.stop().await?;
    let mark = probe.mark();
    server.resume().await?;
    probe.wait_after(mark, "values flow again", |message| message.topic == "a/b").await?;
    values_flow_again(&probe, &mut adapter, mark).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_flow_again_after_the_simulated_plc_was_killed() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let node = Simulator::node("Machine", "Vibration");
    let mapping = Mapping::between(&simulator.url(), &broker.url())?
        .with(&format!("tags:\n  - {{ name: vibration, node: '{node}', topic: a/b }}"));
    let mut adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("a/b", 5).await?;
    simulator.kill()?;
    adapter.readiness("the loss is noticed", |reply| reply.status == 503).await?;
    let mark = probe.mark();
    simulator.resume().await?;
    values_flow_again(&probe, &mut adapter, mark).await
}
