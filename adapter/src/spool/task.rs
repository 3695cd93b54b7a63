//! The task that keeps a spool in order: syncs, cursors, retention by age, and its state on the board.

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::{task, time};
use tokio_util::sync::CancellationToken;

use super::{Spool, SyncPolicy};
use crate::{
    domain::{BrokerId, Timestamp},
    supervisor::Board,
};

/// How often all but the sync is done.
const TICK: Duration = Duration::from_secs(1);

/// Looks after one spool.
#[derive(Debug)]
pub struct SpoolTask {
    spool: Arc<Spool>,
    board: Arc<Board>,
    broker: BrokerId,
    /// The task's name on the board.
    name: Cow<'static, str>,
}

impl SpoolTask {
    /// For the spool of this broker, whose troubles are shown on this board; `name` is the task's there.
    pub fn new(spool: Arc<Spool>, broker: BrokerId, name: Cow<'static, str>, board: Arc<Board>) -> Self {
        Self { spool, board, broker, name }
    }

    /// Works until it is cancelled; then it closes what is open, and syncs once more.
    pub async fn run(self, cancel: CancellationToken) {
        let mut ticks = time::interval(TICK);
        let mut syncs = time::interval(match self.spool.sync_policy() {
            SyncPolicy::Every(interval) => interval.max(Duration::from_millis(1)),
            SyncPolicy::Always => TICK,
        });
        for interval in [&mut ticks, &mut syncs] {
            interval.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                () = self.spool.wants_sync() => self.on_disk(Spool::sync).await,
                _ = syncs.tick() => self.on_disk(Spool::sync).await,
                _ = ticks.tick() => self.tick().await,
            }
        }
        self.tick().await;
        self.on_disk(Spool::close).await;
        self.on_disk(Spool::sync).await;
    }

    async fn tick(&self) {
        // While a broker takes all that waits in memory, a full disk has nothing to refuse at this moment and seems to be
        // well again. What it has refused since the last tick counts, too.
        let before = self.spool.trouble();
        self.on_disk(|spool| spool.tick(Timestamp::now())).await;
        self.board.set_spool(self.broker, self.spool.trouble().or(before));
        self.board.progress(&self.name);
    }

    /// Where it may block.
    async fn on_disk(&self, work: impl FnOnce(&Spool) + Send + 'static) {
        let spool = Arc::clone(&self.spool);
        if let Err(error) = task::spawn_blocking(move || work(&spool)).await {
            tracing::error!(%error, "the spool's upkeep failed");
        }
    }
}
