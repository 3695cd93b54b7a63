//! Opens a spool and publishes what is in it. Prints how long the opening took on a line of its own, before the result.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Args;
use tagwise_tests::pause;

use super::fill::options;
use crate::delivery::{Delivery, Flow, Measured, ToBroker};

/// What comes before the seconds that opening took.
pub(super) const OPENED: &str = "opened in";

/// What it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Where the spool is.
    #[arg(long)]
    folder: PathBuf,
    #[command(flatten)]
    to: ToBroker,
    #[command(flatten)]
    flow: Flow,
}

/// Runs to its end.
#[expect(clippy::print_stdout, reason = "the result")]
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { folder, to, .. } = arguments;
    let started = Instant::now();
    let mut delivery = Delivery::open(&folder, 2, options())?;
    println!("{OPENED} {:.4}", started.elapsed().as_secs_f64());
    let (waiting, acknowledged) = (delivery.spool.len(), delivery.acknowledged());
    let measured = Measured::begin(Some(to.broker))?;
    delivery.connect(to.port).await?;
    while acknowledged() < waiting {
        pause(Duration::from_millis(5)).await;
    }
    measured.report(waiting, None)?;
    delivery.close().await
}
