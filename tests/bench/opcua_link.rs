//! The adapter's OPC UA link by itself, up to its queue: what receiving costs when it is supervised, converted and
//! checked. Prints one JSON object, as the bare client does.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use tagwise::{
    config::effective::{OpcUaConfig, QueueSize, Tag},
    domain::{NodeAddress, TagId, TagValue, Timestamp},
    opcua::OpcUaLink,
    pipeline::ingress::{IngressReceiver, MAX_WAITING_VALUES, ingress},
    supervisor::Board,
    telemetry::Metrics,
};
use tagwise_tests::{Simulator, Usage, pause};
use tokio_util::sync::CancellationToken;

use crate::{
    bare_opcua,
    load::Load,
    tally::{Counters, Shared},
};

/// What it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The server's endpoint.
    #[arg(long)]
    url: String,
    #[command(flatten)]
    load: Load,
}

/// Runs to the end of its measurement.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { url, load } = arguments;
    let tags = (1..=load.tags).map(|number| tag(number, &load)).collect::<Result<Arc<[Tag]>>>()?;
    let (sender, receiver) = ingress(MAX_WAITING_VALUES);
    let (board, metrics) = (Arc::new(Board::new(tags.len())), Arc::new(Metrics::new("bench")));
    let config = OpcUaConfig::new(&url);
    let (link, _) = OpcUaLink::new(config, "bench", tags, sender, Arc::clone(&board), metrics);
    let (counters, delays) = (Shared::default(), Delays::new(Mutex::new(Histogram::new(3)?)));
    let cancel = CancellationToken::new();
    let link = tokio::spawn(link.run(cancel.clone()));
    let drain = tokio::spawn(drain(receiver, Arc::clone(&counters), Arc::clone(&delays)));
    // Time for the first notifications, which carry many values at once.
    pause(Duration::from_secs(5)).await;
    let snapshot = board.snapshot();
    ensure!(snapshot.pending_tags == 0 && snapshot.failed_tags.is_empty(), "not every tag is subscribed: {snapshot:?}");
    *counters.lock().unwrap_or_else(PoisonError::into_inner) = Counters::default();
    delays.lock().unwrap_or_else(PoisonError::into_inner).reset();
    let before = Usage::of(std::process::id())?;
    pause(Duration::from_secs(load.seconds)).await;
    let after = Usage::of(std::process::id())?;
    bare_opcua::report(&counters, before, after, Some(&delays.lock().unwrap_or_else(PoisonError::into_inner)));
    cancel.cancel();
    link.await?;
    drain.await?;
    Ok(())
}

/// Microseconds from the receipt of a notification until its values are had from the ingress queue.
type Delays = Arc<Mutex<Histogram<u64>>>;

async fn drain(mut receiver: IngressReceiver, counters: Shared, delays: Delays) {
    while let Some(batch) = receiver.receive().await {
        if let Some(update) = batch.first() {
            let ticks = Timestamp::now().opcua_ticks() - update.received_at.opcua_ticks();
            let micros = u64::try_from(ticks / 10).unwrap_or(0);
            delays.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
        }
        let mut counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
        for update in &batch {
            let TagValue::Double(number) = update.value else { continue };
            let TagId(tag) = update.tag;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the simulator counts from 0")]
            counters.take(tag, number as u64);
        }
    }
}

fn tag(number: usize, load: &Load) -> Result<Tag> {
    let name = format!("T{number:04}");
    let mut tag = Tag::new(&name, Simulator::node("Load", &name).parse::<NodeAddress>()?);
    tag.subscription.publishing_interval = load.publishing_interval();
    tag.subscription.sampling_interval = Duration::from_millis(load.sampling);
    tag.subscription.queue_size = QueueSize::Values(load.queue_size());
    Ok(tag)
}
