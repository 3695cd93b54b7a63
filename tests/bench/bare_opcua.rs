//! A bare async-opcua client that receives the load and does nothing with it: what receiving alone costs. Prints one
//! JSON object.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use opcua::{
    client::{ClientBuilder, DataChangeCallback, IdentityToken, Session},
    types::{
        EndpointDescription, ExtensionObject, MessageSecurityMode, MonitoredItemCreateRequest, MonitoringMode,
        MonitoringParameters, NodeId, ReadValueId, TimestampsToReturn, UserTokenPolicy, Variant,
    },
};
use serde_json::json;
use tagwise_tests::{Usage, pause};

use crate::{
    load::Load,
    tally::{Counters, Shared},
};

/// Items created at once.
const CHUNK: usize = 1000;
/// The namespace index of the simulated PLC's nodes.
const NAMESPACE: u16 = 3;

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
    let session = connect(&arguments.url).await?;
    let counters = Shared::default();
    subscribe(&session, &arguments.load, &counters).await?;
    // Time for the first notifications, which carry many values at once.
    pause(Duration::from_secs(5)).await;
    *counters.lock().unwrap_or_else(PoisonError::into_inner) = Counters::default();
    let before = Usage::of(std::process::id())?;
    pause(Duration::from_secs(arguments.load.seconds)).await;
    let after = Usage::of(std::process::id())?;
    report(&counters, before, after, None);
    session.disconnect().await.context("disconnecting")?;
    Ok(())
}

async fn connect(url: &str) -> Result<Arc<Session>> {
    let mut client = ClientBuilder::new()
        .application_name("Bare client")
        .application_uri("urn:tagwise:bench")
        .product_uri("urn:tagwise:bench")
        .pki_dir(tempfile::tempdir()?.path())
        .create_sample_keypair(false)
        .trust_server_certs(true)
        .max_array_length(100_000)
        .max_message_size(64 * 1024 * 1024)
        .max_chunk_count(1024)
        .client()
        .map_err(|errors| anyhow::anyhow!("{}", errors.join("; ")))?;
    let endpoint: EndpointDescription = (url, "None", MessageSecurityMode::None, UserTokenPolicy::anonymous()).into();
    let connecting = client.connect_to_matching_endpoint(endpoint, IdentityToken::Anonymous);
    let (session, event_loop) = connecting.await.with_context(|| format!("connecting to {url}"))?;
    drop(event_loop.spawn());
    ensure!(session.wait_for_connection().await, "no session with {url}");
    Ok(session)
}

async fn subscribe(session: &Session, load: &Load, counters: &Shared) -> Result<()> {
    let counters = Arc::clone(counters);
    let callback = DataChangeCallback::new(move |value, item| {
        let Some(Variant::Double(number)) = value.value else { return };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the simulator counts from 0")]
        counters.lock().unwrap_or_else(PoisonError::into_inner).take(item.client_handle(), number as u64);
    });
    let subscription = session.create_subscription(load.publishing_interval(), 600, 20, 0, 0, true, callback).await?;
    let numbers: Vec<usize> = (1..=load.tags).collect();
    for chunk in numbers.chunks(CHUNK) {
        let items = chunk.iter().map(|number| item(*number, load)).collect();
        let created = session.create_monitored_items(subscription, TimestampsToReturn::Both, items).await?;
        let bad = created.iter().find(|item| item.result.status_code.is_bad());
        ensure!(bad.is_none(), "an item was refused: {bad:?}");
    }
    Ok(())
}

fn item(number: usize, load: &Load) -> MonitoredItemCreateRequest {
    MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId::from(NodeId::new(NAMESPACE, format!("\"Load\".\"T{number:04}\""))),
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: u32::try_from(number).unwrap_or(u32::MAX),
            sampling_interval: load.sampling as f64,
            filter: ExtensionObject::null(),
            queue_size: load.queue_size(),
            discard_oldest: true,
        },
    }
}

/// Prints what came, what it cost, and of the link how long it took, in microseconds.
#[expect(clippy::print_stdout, reason = "the result")]
pub(crate) fn report(counters: &Shared, before: Usage, after: Usage, delays: Option<&Histogram<u64>>) {
    let counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
    let tally = counters.tally();
    let result = json!({
        "tags": counters.tag_count(),
        "values": tally.values,
        "lost": tally.lost,
        "cpu_seconds": after.cpu_seconds - before.cpu_seconds,
        "peak_resident_bytes": after.peak_resident_bytes,
        "notifications": delays.map(Histogram::len),
        "delay_p50_us": delays.map(|delays| delays.value_at_quantile(0.5)),
        "delay_p99_us": delays.map(|delays| delays.value_at_quantile(0.99)),
    });
    println!("{result}");
}
