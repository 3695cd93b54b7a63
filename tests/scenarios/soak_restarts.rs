//! Fifty restarts of a server in a row leave nothing behind in the adapter.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tagwise_tests::{
    Adapter, Mapping, Metrics, Mosquitto, MqttProbe, Simulator, SimulatorOptions, Usage, peer_or_skip,
};

use crate::values::load_tags;

const RESTARTS: usize = 50;
/// By then everything has been used once, and the allocator has taken what it takes.
const SETTLED: usize = 5;
/// Few enough values that an adapter without optimisation keeps up: it is a leak that is looked for, and no backlog.
const TAGS: usize = 200;
const RATE: f64 = 5.0;
/// Pages that the allocator holds back vary by so much.
const GROWTH_BYTES: u64 = 8_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes; run by `cargo xtask soak`"]
async fn soak_of_restarts_ends_with_the_memory_of_the_fifth() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let options = SimulatorOptions { tags: TAGS, rate: Some(RATE), user: None };
    let mut simulator = Simulator::start_with(options).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?
        .publishing(Duration::from_millis(500), 0)
        .with(&load_tags(TAGS, ""));
    let mut adapter = Adapter::start(&mapping).await?;
    let last = format!("load/T{TAGS:04}");

    let mut settled = None;
    let mut slowest = Duration::ZERO;
    let mut resident = 0;
    for restart in 1..=RESTARTS {
        simulator.kill()?;
        adapter.readiness("the loss of the PLC is noticed", |reply| reply.status == 503).await?;
        probe.take_messages();
        simulator.resume().await?;
        let begun = Instant::now();
        probe.wait_for("values flow again", |message| message.topic == last).await?;
        slowest = slowest.max(begun.elapsed());
        probe.wait_for_count(&last, 10).await?;
        let is_caught_up = |metrics: &Metrics| metrics.sum("tagwise_spool_messages", &[]) < 100.0;
        adapter.metrics_where("the spool is empty", is_caught_up).await?;
        resident = Usage::of(adapter.id()?)?.resident_bytes;
        report(restart, resident, begun.elapsed());
        if restart == SETTLED {
            settled = Some(resident);
        }
    }
    let settled = settled.context("there were fewer restarts than that")?;
    conclude(settled, resident, slowest);
    assert!(resident < settled + GROWTH_BYTES, "the adapter grew from {settled} to {resident} bytes");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "measured figures")]
fn report(restart: usize, resident: u64, time: Duration) {
    if restart.is_multiple_of(SETTLED) {
        println!("restart {restart:>2}: {:.1} MB resident, {:.2} s in all", megabytes(resident), time.as_secs_f64());
    }
}

#[expect(clippy::print_stdout, reason = "the result")]
fn conclude(settled: u64, resident: u64, slowest: Duration) {
    println!(
        "\n{RESTARTS} restarts with {TAGS} tags: {:.1} MB resident after {SETTLED}, {:.1} MB after {RESTARTS}; \
         values flowed again within {:.2} s",
        megabytes(settled),
        megabytes(resident),
        slowest.as_secs_f64()
    );
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
