//! The load with faults for a long time: `cargo xtask soak`.

use std::{
    env,
    time::{Duration, Instant},
};

use anyhow::Result;
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MqttProbe, SequenceCheck, Signal, Simulator, SimulatorOptions, Usage, pause,
    peer_or_skip,
};

use crate::values::load_tags;

const TAGS: usize = 200;
/// How often a peer is restarted, the PLC and the broker by turns.
const ROUND: Duration = Duration::from_secs(30);
/// How much the adapter may grow after its first rounds.
const GROWTH_BYTES: u64 = 20_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half an hour; run by `cargo xtask soak`"]
async fn soak_under_load_keeps_order_and_memory() -> Result<()> {
    let seconds = env::var("TAGWISE_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1800);
    let mut broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let options = SimulatorOptions { tags: TAGS, rate: Some(10.0), user: None };
    let mut simulator = Simulator::start_with(options).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let model = "models:\n  forest: { detector: { kind: isolation_forest }, training: { samples: 100 } }\n";
    let mapping = Mapping::between(&simulator.url(), &broker.url())?
        .publishing(Duration::from_millis(500), 0)
        .with(model)
        .with(&load_tags(TAGS, ", model: forest"));
    let mut adapter = Adapter::start(&mapping).await?;

    let started = Instant::now();
    let mut check = SequenceCheck::from_the_start();
    let mut settled: Option<u64> = None;
    let mut round = 0_u64;
    while started.elapsed() < Duration::from_secs(seconds) {
        pause(ROUND).await;
        round += 1;
        if round.is_multiple_of(2) {
            simulator.kill()?;
            adapter.readiness("the loss of the PLC is noticed", |reply| reply.status == 503).await?;
            simulator.resume().await?;
        } else {
            adapter.signal(Signal::Stop)?;
            probe.fence().await?;
            probe.silence("load/", Duration::from_millis(500)).await?;
            let connections = probe.subscription_count();
            broker.kill()?;
            broker.resume().await?;
            probe.subscribed(connections + 1).await?;
            adapter.signal(Signal::Continue)?;
        }
        let mark = probe.mark();
        probe.wait_after(mark, "values flow again", |message| message.topic == "load/T0001").await?;
        check.take_all(&probe.take_messages())?;
        adapter.ensure_running()?;
        let peak = Usage::of(adapter.id()?)?.peak_resident_bytes;
        let limit = *settled.get_or_insert(peak) + GROWTH_BYTES;
        assert!(round < 6 || peak < limit, "the adapter grows: {peak} bytes after {round} rounds");
        if round == 5 {
            settled = Some(peak);
        }
    }
    assert_eq!(check.series_count(), TAGS);
    let status = adapter.terminate(Duration::from_secs(15)).await?;
    assert_eq!(status.code(), Some(0));
    Ok(())
}
