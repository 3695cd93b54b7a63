//! The adapter starts when PLC, broker or both are away, and connects when they come.

use anyhow::Result;
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MosquittoOptions, MqttProbe, UaServer, UaServerOptions, peer_or_skip,
};

struct Absent {
    broker: Mosquitto,
    server: UaServer,
    adapter: Adapter,
}

async fn start_without_peers(mosquitto: std::path::PathBuf, python: std::path::PathBuf) -> Result<Absent> {
    let broker = Mosquitto::prepare(mosquitto, MosquittoOptions::default())?;
    let server = UaServer::prepare(python, UaServerOptions::default())?;
    let mapping = Mapping::between(&server.url(), &broker.url())?
        .with(&format!("tags:\n  - {{ name: counter, node: '{}', topic: a/b }}", UaServer::node("Counter1")));
    let mut adapter = Adapter::spawn(&mapping)?;
    let what = "both absences are reported";
    adapter
        .readiness(what, |reply| reply.status == 503 && names(&reply.body, "opcua") && names(&reply.body, "broker"))
        .await?;
    assert_eq!(adapter.http().get("/healthz").await?.status, 200, "absence of peers is no ill health");
    Ok(Absent { broker, server, adapter })
}

fn names(body: &str, word: &str) -> bool {
    body.to_lowercase().replace([' ', '_'], "").contains(word)
}

async fn values_flow(Absent { broker, mut adapter, .. }: Absent) -> Result<()> {
    let probe = MqttProbe::connect(broker.access()).await?;
    adapter.ready().await?;
    probe.wait_for_count("a/b", 5).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_comes_first_and_then_the_plc() -> Result<()> {
    let mut absent = start_without_peers(peer_or_skip!(Mosquitto), peer_or_skip!(Asyncua)).await?;
    absent.broker.resume().await?;
    absent
        .adapter
        .metrics_where("the broker is connected", |metrics| metrics.sum("tagwise_mqtt_connected", &[]) > 0.0)
        .await?;
    let reply = absent.adapter.http().get("/readyz").await?;
    assert_eq!(reply.status, 503, "the PLC is still away: {}", reply.body);
    absent.server.resume().await?;
    values_flow(absent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plc_comes_first_and_then_the_broker() -> Result<()> {
    let mut absent = start_without_peers(peer_or_skip!(Mosquitto), peer_or_skip!(Asyncua)).await?;
    absent.server.resume().await?;
    absent
        .adapter
        .metrics_where("the PLC is connected", |metrics| metrics.sum("tagwise_opcua_connected", &[]) > 0.0)
        .await?;
    absent
        .adapter
        .metrics_where("values wait for the broker", |metrics| metrics.sum("tagwise_spool_messages", &[]) > 0.0)
        .await?;
    absent.broker.resume().await?;
    values_flow(absent).await
}
