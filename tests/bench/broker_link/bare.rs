//! A bare loop over rumqttc's packets: encodes what the window allows, writes once, reads answers in bulk. What a link
//! costs at the least. Prints one JSON object.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bytes::BytesMut;
use clap::Args;
use hdrhistogram::Histogram;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason, Publish};
use serde_json::json;
use tagwise_tests::Usage;
use tokio::time::timeout_at;

use super::{
    offer::Offer,
    sample,
    settings::Settings,
    wire::{CHUNK, Target, Wire},
};

/// What it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The broker's process, whose CPU time is read too.
    #[arg(long)]
    broker: u32,
    /// The messages, as PUBLISH packets.
    #[arg(long)]
    sample: PathBuf,
    /// The most messages sent and not yet acknowledged; the broker may grant fewer.
    #[arg(long)]
    window: u16,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    offer: Offer,
}

/// Runs to the end of its measurement, on one thread.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(arguments))
}

#[expect(clippy::print_stdout, reason = "the result")]
async fn measure(arguments: Arguments) -> Result<()> {
    let Arguments { target, broker, sample, window, settings, offer } = arguments;
    let messages = sample::read(&sample)?;
    let (wire, answer) = Wire::open(&target, "bench-bare").await?;
    let granted = answer.properties.and_then(|properties| properties.receive_max).unwrap_or(u16::MAX);
    let mut publisher = Publisher::new(wire, messages, window.min(granted), settings)?;
    let own = std::process::id();
    let (started, before, broker_before) = (Instant::now(), Usage::of(own)?, Usage::of(broker)?);
    publisher.publish(&offer).await?;
    let (seconds, after, broker_after) = (started.elapsed().as_secs_f64(), Usage::of(own)?, Usage::of(broker)?);
    let result = json!({
        "window": publisher.window,
        "messages": publisher.acknowledged,
        "seconds": seconds,
        "cpu_seconds": after.cpu_seconds - before.cpu_seconds,
        "broker_cpu_seconds": broker_after.cpu_seconds - broker_before.cpu_seconds,
        "peak_resident_bytes": after.peak_resident_bytes,
        "puback_p50_ms": publisher.delays.value_at_quantile(0.5) as f64 / 1e3,
        "puback_p99_ms": publisher.delays.value_at_quantile(0.99) as f64 / 1e3,
        "writes": publisher.writes,
    });
    println!("{result}");
    Ok(())
}

struct Publisher {
    wire: Wire,
    messages: Vec<Publish>,
    next: usize,
    window: usize,
    settings: Settings,
    last_id: u16,
    /// When the message of each packet identifier was written.
    sent_at: Vec<Instant>,
    in_flight: usize,
    acknowledged: u64,
    writes: u64,
    output: BytesMut,
    /// Microseconds from the write of a PUBLISH to the reading of its PUBACK.
    delays: Histogram<u64>,
}

impl Publisher {
    fn new(wire: Wire, messages: Vec<Publish>, window: u16, settings: Settings) -> Result<Self> {
        ensure!(window > 0, "the window is 0");
        Ok(Self {
            wire,
            messages,
            next: 0,
            window: usize::from(window),
            settings,
            last_id: 0,
            sent_at: vec![Instant::now(); usize::from(u16::MAX) + 1],
            in_flight: 0,
            acknowledged: 0,
            writes: 0,
            output: BytesMut::with_capacity(2 * CHUNK),
            delays: Histogram::new_with_bounds(1, 60_000_000, 3)?,
        })
    }

    async fn publish(&mut self, offer: &Offer) -> Result<()> {
        let (started, end) = (Instant::now(), offer.end());
        let refill = self.settings.refilled(self.window);
        while end.is_none_or(|end| Instant::now() < end) {
            let due = offer.due(started.elapsed(), self.acknowledged + self.in_flight as u64);
            if due == 0 && self.in_flight == 0 && offer.is_all(self.acknowledged) {
                break;
            }
            let free = self.window - self.in_flight;
            // At least as many as shall be written at a time, or all there are.
            if due > 0 && free >= refill.min(due).max(1) {
                self.write(free.min(due)).await?;
                continue;
            }
            // With room in the window, what becomes due next is written then.
            let room = self.in_flight < self.window;
            let until = if room { offer.next(started).or(end) } else { end };
            self.read(until.unwrap_or_else(|| Instant::now() + Duration::from_secs(1))).await?;
        }
        Ok(())
    }

    /// Up to so many messages, as far as one write holds them.
    async fn write(&mut self, count: usize) -> Result<()> {
        let now = Instant::now();
        for _ in 0..count {
            self.next = (self.next + 1) % self.messages.len();
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let message = &mut self.messages[self.next];
            message.pkid = self.last_id;
            message.write(&mut self.output)?;
            self.sent_at[usize::from(self.last_id)] = now;
            self.in_flight += 1;
            if self.output.len() >= CHUNK {
                break;
            }
        }
        self.writes += 1;
        self.wire.write(&mut self.output).await
    }

    /// Whatever comes until `until`, all of it that is there by then.
    async fn read(&mut self, until: Instant) -> Result<()> {
        // An elapsed time is not waited for: what is there is read all the same.
        let Ok(read) = timeout_at(until.into(), self.wire.read(self.settings.pause())).await else { return Ok(()) };
        read?;
        if self.settings.quick_ack {
            self.wire.quick_ack()?;
        }
        let now = Instant::now();
        while let Some(packet) = self.wire.take()? {
            let Packet::PubAck(answer) = packet else { continue };
            let is_taken = matches!(answer.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers);
            ensure!(is_taken, "the broker answered {answer:?}");
            let delay = now.saturating_duration_since(self.sent_at[usize::from(answer.pkid)]);
            self.delays.saturating_record(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX).max(1));
            self.in_flight -= 1;
            self.acknowledged += 1;
        }
        Ok(())
    }
}
