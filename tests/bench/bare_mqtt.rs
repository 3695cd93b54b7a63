//! A bare rumqttc client that publishes what the adapter has published, in the same bursts: what publishing alone costs.
//! Prints one JSON object.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, mqttbytes::QoS};
use serde_json::json;
use tagwise_tests::Usage;

use crate::load::Load;

/// Messages sent and not yet acknowledged.
const INFLIGHT: u16 = 1000;

/// What it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The broker's port on loopback.
    #[arg(long)]
    port: u16,
    /// The sample of messages, one a line: topic, tab, payload.
    #[arg(long)]
    sample: PathBuf,
    #[command(flatten)]
    load: Load,
}

/// Runs to the end of its measurement.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let messages = read(&arguments.sample)?;
    let mut options = MqttOptions::new("bench-bare", "127.0.0.1", arguments.port);
    options.set_keep_alive(Duration::from_secs(30)).set_outgoing_inflight_upper_limit(INFLIGHT);
    let (client, mut event_loop) = AsyncClient::new(options, usize::from(INFLIGHT));
    while !matches!(event_loop.poll().await?, Event::Incoming(Incoming::ConnAck(_))) {}

    let before = Usage::of(std::process::id())?;
    let started = Instant::now();
    let publishing = tokio::spawn(publish(client, messages, arguments.load.clone()));
    let mut acknowledged = 0_u64;
    let mut sent = None;
    let mut publishing = Some(publishing);
    while sent != Some(acknowledged) {
        acknowledged += poll(&mut event_loop).await?;
        if let Some(task) = publishing.take_if(|task| task.is_finished()) {
            sent = Some(task.await??);
        }
    }
    let after = Usage::of(std::process::id())?;
    report(acknowledged, started.elapsed(), before, after);
    Ok(())
}

fn read(sample: &PathBuf) -> Result<Vec<(String, Bytes)>> {
    let text = fs::read_to_string(sample).with_context(|| format!("reading {}", sample.display()))?;
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let messages: Vec<_> = lines.map(|(topic, payload)| (topic.to_owned(), Bytes::from(payload.to_owned()))).collect();
    ensure!(!messages.is_empty(), "the sample is empty");
    Ok(messages)
}

/// One burst per publishing interval, as the adapter gets them.
async fn publish(client: AsyncClient, messages: Vec<(String, Bytes)>, load: Load) -> Result<u64> {
    let mut burst = tokio::time::interval(load.publishing_interval());
    let end = Instant::now() + Duration::from_secs(load.seconds);
    let mut cycle = messages.iter().cycle();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of messages")]
    let burst_size = (load.values_per_second() * load.publishing_interval().as_secs_f64()) as usize;
    let mut sent = 0;
    while Instant::now() < end {
        burst.tick().await;
        for (topic, payload) in cycle.by_ref().take(burst_size) {
            client.publish(topic.as_str(), QoS::AtLeastOnce, false, payload.clone()).await?;
            sent += 1;
        }
    }
    Ok(sent)
}

/// Waits for the next event, but not for ever, and says how many messages it acknowledges.
async fn poll(event_loop: &mut EventLoop) -> Result<u64> {
    let event = tokio::time::timeout(Duration::from_millis(200), event_loop.poll()).await;
    Ok(match event {
        Ok(event) => u64::from(matches!(event?, Event::Incoming(Incoming::PubAck(_)))),
        Err(_) => 0,
    })
}

#[expect(clippy::print_stdout, reason = "the result")]
fn report(messages: u64, time: Duration, before: Usage, after: Usage) {
    let result = json!({
        "seconds": time.as_secs_f64(),
        "values": messages,
        "cpu_seconds": after.cpu_seconds - before.cpu_seconds,
        "peak_resident_bytes": after.peak_resident_bytes,
    });
    println!("{result}");
}
