//! The measuring subscriber: counts, joins and times what the adapter publishes, and reads the adapter's CPU time at both
//! ends of the measurement. Prints one JSON object.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use clap::Args;
use hdrhistogram::Histogram;
use rumqttc::v5::{
    AsyncClient, Event, Incoming, MqttOptions,
    mqttbytes::{QoS, v5::Publish},
};
use serde_json::{Value, json};
use tagwise_tests::Usage;

use crate::{load::Load, tally::Counters};

/// Messages kept as a sample for the bare publisher.
const SAMPLE_SIZE: usize = 20_000;

/// What it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The broker's port on loopback.
    #[arg(long)]
    port: u16,
    /// The process whose CPU time is read.
    #[arg(long)]
    watch: u32,
    /// Where a sample of the messages goes, one a line.
    #[arg(long)]
    sample: PathBuf,
    #[command(flatten)]
    load: Load,
}

/// Everything measured since the start of the window.
struct Window {
    counters: Counters<String>,
    delays: Histogram<u64>,
    scored: u64,
    sample: Vec<String>,
}

impl Window {
    fn new() -> Result<Self> {
        let delays = Histogram::new_with_bounds(1, 600_000, 3)?;
        Ok(Self { counters: Counters::default(), delays, scored: 0, sample: Vec::new() })
    }

    fn take(&mut self, publish: &Publish) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let topic = std::str::from_utf8(&publish.topic)?;
        let payload = std::str::from_utf8(&publish.payload)?;
        let message: Value = serde_json::from_str(payload)?;
        let value = message["value"].as_f64().with_context(|| format!("no counter in {payload}"))?;
        let timestamp = message["timestamp"].as_u64().with_context(|| format!("no timestamp in {payload}"))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the simulator counts from 0")]
        self.counters.take(topic.to_owned(), value as u64);
        let delay = u64::try_from(now.as_millis())?.saturating_sub(timestamp);
        self.delays.saturating_record(delay.max(1));
        if message["anomaly"]["status"] == "scored" {
            self.scored += 1;
        }
        if self.sample.len() < SAMPLE_SIZE {
            self.sample.push(format!("{topic}\t{payload}"));
        }
        Ok(())
    }
}

/// Runs to the end of its measurement.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut options = MqttOptions::new("bench-subscriber", "127.0.0.1", arguments.port);
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut event_loop) = AsyncClient::new(options, 100);
    client.subscribe("bench/#", QoS::AtLeastOnce).await?;

    let begin = Instant::now() + Duration::from_secs(arguments.load.warm_up);
    let length = Duration::from_secs(arguments.load.seconds);
    let mut started: Option<(Instant, Usage)> = None;
    let mut window = Window::new()?;
    loop {
        let event = tokio::time::timeout(Duration::from_secs(1), event_loop.poll()).await;
        let now = Instant::now();
        match &started {
            None if now >= begin => started = Some((now, Usage::of(arguments.watch)?)),
            Some((since, _)) if now.duration_since(*since) >= length => break,
            _ => {}
        }
        // A second without an event is none; the clock is looked at all the same.
        let Ok(event) = event else { continue };
        if let Event::Incoming(Incoming::Publish(publish)) = event?
            && started.is_some()
        {
            window.take(&publish)?;
        }
    }
    let (since, before) = started.context("the window never began")?;
    report(&window, since.elapsed(), before, Usage::of(arguments.watch)?);
    fs::write(&arguments.sample, window.sample.join("\n")).context("writing the sample")
}

#[expect(clippy::print_stdout, reason = "the result")]
fn report(window: &Window, time: Duration, before: Usage, after: Usage) {
    let tally = window.counters.tally();
    let result = json!({
        "seconds": time.as_secs_f64(),
        "tags": window.counters.tag_count(),
        "values": tally.values,
        "lost": tally.lost,
        "duplicates": tally.duplicates,
        "out_of_order": tally.out_of_order,
        "scored": window.scored,
        "delay_p50_ms": window.delays.value_at_quantile(0.5),
        "delay_p99_ms": window.delays.value_at_quantile(0.99),
        "cpu_seconds": after.cpu_seconds - before.cpu_seconds,
        "peak_resident_bytes": after.peak_resident_bytes,
    });
    println!("{result}");
}
