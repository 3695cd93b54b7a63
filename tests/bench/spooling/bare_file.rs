//! What writing the same bytes to a file costs: one write a batch, and a sync as often as the spool has one.

use std::{fs::File, io::Write, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use clap::Args;
use tagwise::domain::Timestamp;
use tokio::{task, time};

use crate::delivery::{Flow, Measured};

const SYNC_INTERVAL: Duration = Duration::from_millis(100);

/// What it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The file.
    #[arg(long)]
    file: PathBuf,
    #[command(flatten)]
    flow: Flow,
}

/// Runs to its end.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { file, flow } = arguments;
    let file = Arc::new(File::create(file)?);
    let topics = flow.topics();
    let synced = Arc::clone(&file);
    let syncing = tokio::spawn(async move {
        let mut interval = time::interval(SYNC_INTERVAL);
        loop {
            interval.tick().await;
            let file = Arc::clone(&synced);
            if !matches!(task::spawn_blocking(move || file.sync_data()).await, Ok(Ok(()))) {
                return;
            }
        }
    });
    let measured = Measured::begin(None)?;
    let (mut number, mut buffer) = (0, Vec::new());
    while number < flow.messages {
        buffer.clear();
        let now = Timestamp::now();
        for number in number..flow.messages.min(number + flow.batch) {
            buffer.extend_from_slice(topics[usize::try_from(number % flow.mappings)?].as_bytes());
            buffer.extend_from_slice(&flow.payload(number, now));
        }
        (&*file).write_all(&buffer)?;
        number += flow.batch;
        task::yield_now().await;
    }
    measured.report(flow.messages, None)?;
    syncing.abort();
    Ok(())
}
