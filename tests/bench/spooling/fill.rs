//! Appends to a spool that nobody reads, up to a number of messages or of bytes.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use tagwise::{domain::Lane, spool::SpoolOptions};

use crate::delivery::{Delivery, Flow, Measured};

/// Room for what is measured, so that nothing is dropped.
const MAX_BYTES: u64 = 8 << 30;

/// What it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Where the spool is.
    #[arg(long)]
    folder: PathBuf,
    /// Ends with so many bytes in the spool, where there are as many messages.
    #[arg(long, default_value_t = u64::MAX)]
    bytes: u64,
    #[command(flatten)]
    flow: Flow,
}

/// How the spools of this measurement are set up.
pub(super) fn options() -> SpoolOptions {
    SpoolOptions { max_bytes: MAX_BYTES, ..SpoolOptions::default() }
}

/// Runs to its end.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { folder, bytes, flow } = arguments;
    let delivery = Delivery::open(&folder, 1, options())?;
    let routes = flow.routes()?;
    let measured = Measured::begin(None)?;
    let mut number = 0;
    while number < flow.messages && delivery.spooled_bytes() < bytes {
        delivery.spool.append(Lane::Values, flow.batch(number, &routes));
        number += flow.batch;
        tokio::task::yield_now().await;
    }
    ensure!(!delivery.spool.is_degraded(), "the disk refuses the spool: {:?}", delivery.spool.trouble());
    let appended = delivery.spool.len();
    measured.report(appended, None)?;
    delivery.close().await
}
