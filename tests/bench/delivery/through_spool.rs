//! The adapter's side: batches into a spool on the disk, and out of it by the MQTT link.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use clap::Args;
use tagwise::{domain::Lane, spool::SpoolOptions};
use tagwise_tests::pause;

use super::{
    Delivery, Flow, Measured, ToBroker,
    pace::{Pace, watch},
};

/// Batches that may wait in the spool: enough for the link never to wait, and few enough for memory.
const WAITING_BATCHES: u64 = 10;

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
    let folder = tempfile::tempdir()?;
    let mut delivery = Delivery::open(folder.path(), 1, SpoolOptions::default())?;
    delivery.connect(to.port).await?;
    let (acknowledged, routes) = (delivery.acknowledged(), flow.routes()?);
    let mut pace = Pace::new(&flow);
    let watching = (flow.rate > 0).then(|| watch(&flow, pace.handed(), acknowledged.clone())).transpose()?;

    let measured = Measured::begin(Some(to.broker))?;
    let (spool, all) = (Arc::clone(&delivery.spool), flow.messages);
    let counter = acknowledged.clone();
    let appending = tokio::spawn(async move {
        let mut number = 0;
        while number < flow.messages {
            pace.next().await;
            while number - counter().min(number) > WAITING_BATCHES * flow.batch {
                pause(Duration::from_millis(1)).await;
            }
            spool.append(Lane::Values, flow.batch(number, &routes));
            number += flow.batch;
        }
    });
    appending.await?;
    while acknowledged() < all {
        pause(Duration::from_millis(1)).await;
    }
    let delays = watching.and_then(|thread| thread.join().ok());
    measured.report(all, delays.as_ref())?;
    delivery.close().await
}
