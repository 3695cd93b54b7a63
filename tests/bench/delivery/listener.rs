//! A subscriber that times every message from its handing over to its arrival. Prints one line when it is subscribed, and
//! one JSON object at its end.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use hdrhistogram::Histogram;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions, mqttbytes::QoS};
use serde_json::json;
use tagwise::domain::Timestamp;

use super::{Flow, ToBroker};

/// What it prints when it is subscribed.
pub(crate) const SUBSCRIBED: &str = "subscribed";

/// What it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    to: ToBroker,
    #[command(flatten)]
    flow: Flow,
}

/// Runs until it has seen all messages.
#[expect(clippy::print_stdout, reason = "the result")]
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { to, flow } = arguments;
    let mut options = MqttOptions::new("bench-listener", "127.0.0.1", to.port);
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut event_loop) = AsyncClient::new(options, 10);
    client.subscribe("bench/#", QoS::AtMostOnce).await?;
    let mut delays = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    while delays.len() < flow.messages {
        match event_loop.poll().await? {
            Event::Incoming(Incoming::SubAck(_)) => println!("{SUBSCRIBED}"),
            Event::Incoming(Incoming::Publish(publish)) => {
                if let Some(appended) = Flow::appended(&publish.payload) {
                    let delay = Timestamp::now().unix_micros() - appended;
                    delays.saturating_record(u64::try_from(delay).unwrap_or_default().max(1));
                }
            }
            _ => {}
        }
    }
    let result =
        json!({ "delay_p50_us": delays.value_at_quantile(0.5), "delay_p99_us": delays.value_at_quantile(0.99) });
    println!("{result}");
    Ok(())
}
