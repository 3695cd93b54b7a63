//! The bare side: the same messages straight into rumqttc.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use clap::Args;
use rumqttc::{
    NetworkOptions,
    v5::{
        AsyncClient, Event, EventLoop, Incoming, MqttOptions,
        mqttbytes::{QoS, v5::PublishProperties},
    },
};
use tagwise::domain::Timestamp;

use super::{
    Flow, Measured, ToBroker,
    pace::{Pace, watch},
};

/// Messages sent and not yet acknowledged, as many as the link has.
const IN_FLIGHT: u16 = 1_000;

/// What it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    to: ToBroker,
    #[command(flatten)]
    flow: Flow,
}

/// Runs to the end of its measurement.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { to, flow } = arguments;
    let mut options = MqttOptions::new("bench-bare", "127.0.0.1", to.port);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options
        .set_keep_alive(Duration::from_secs(30))
        .set_outgoing_inflight_upper_limit(IN_FLIGHT)
        .set_network_options(network);
    let (client, mut event_loop) = AsyncClient::new(options, usize::from(IN_FLIGHT));
    while !matches!(event_loop.poll().await?, Event::Incoming(Incoming::ConnAck(_))) {}

    let pace = Pace::new(&flow);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&acknowledged);
    let watching =
        (flow.rate > 0).then(|| watch(&flow, pace.handed(), move || counter.load(Ordering::Relaxed))).transpose()?;
    let all = flow.messages;
    let measured = Measured::begin(Some(to.broker))?;
    let publishing = tokio::spawn(publish(client, flow, pace));
    poll(&mut event_loop, all, &acknowledged).await?;
    let delays = watching.and_then(|thread| thread.join().ok());
    measured.report(all, delays.as_ref())?;
    publishing.await?
}

async fn publish(client: AsyncClient, flow: Flow, mut pace: Pace) -> Result<()> {
    let (topics, user_properties) = (flow.topics(), flow.user_properties());
    let properties = flow.message_expiry().map(|expiry| PublishProperties {
        message_expiry_interval: u32::try_from(expiry.as_secs()).ok(),
        user_properties,
        ..PublishProperties::default()
    });
    let mut number = 0;
    while number < flow.messages {
        pace.next().await;
        let now = Timestamp::now();
        for number in number..flow.messages.min(number + flow.batch) {
            let topic = topics[usize::try_from(number % flow.mappings)?].as_str();
            let payload = flow.payload(number, now);
            match properties.clone() {
                None => client.publish(topic, QoS::AtLeastOnce, false, payload).await?,
                Some(properties) => {
                    client.publish_with_properties(topic, QoS::AtLeastOnce, false, payload, properties).await?;
                }
            }
        }
        number += flow.batch;
    }
    Ok(())
}

async fn poll(event_loop: &mut EventLoop, all: u64, acknowledged: &AtomicU64) -> Result<()> {
    while acknowledged.load(Ordering::Relaxed) < all {
        if let Event::Incoming(Incoming::PubAck(_)) = event_loop.poll().await? {
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}
