//! How many messages there are to publish, and when.

use std::time::{Duration, Instant};

use clap::Args;

/// What a bare loop is offered.
#[derive(Args, Clone, Debug)]
pub(crate) struct Offer {
    /// Messages per second; 0 is as many as the broker takes.
    #[arg(long, default_value_t = 10_000)]
    pub(super) offered: u64,
    /// How often they come, in milliseconds.
    #[arg(long, default_value_t = 100)]
    pub(super) tick: u64,
    /// Seconds until it ends; 0 where the number of messages ends it.
    #[arg(long, default_value_t = 0)]
    pub(super) until: u64,
    /// Messages in all; 0 is no limit.
    #[arg(long, default_value_t = 0)]
    pub(super) messages: u64,
}

impl Offer {
    /// The same for a child process.
    pub(super) fn arguments(&self) -> Vec<String> {
        let Self { offered, tick, until, messages } = self;
        let pairs = [("--offered", offered), ("--tick", tick), ("--until", until), ("--messages", messages)];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_string()]).collect()
    }

    /// When it ends, from now on.
    pub(super) fn end(&self) -> Option<Instant> {
        (self.until > 0).then(|| Instant::now() + Duration::from_secs(self.until))
    }

    /// Messages that wait to be sent after this time, of which `sent` have been.
    pub(super) fn due(&self, elapsed: Duration, sent: u64) -> usize {
        let ticks = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX) / self.tick.max(1) + 1;
        let come = if self.offered == 0 { u64::MAX } else { ticks * self.offered * self.tick / 1000 };
        let come = if self.messages == 0 { come } else { come.min(self.messages) };
        usize::try_from(come.saturating_sub(sent)).unwrap_or(usize::MAX)
    }

    /// Whether so many are all there will be.
    pub(super) fn is_all(&self, messages: u64) -> bool {
        self.messages > 0 && messages >= self.messages
    }

    /// When more come.
    pub(super) fn next(&self, started: Instant) -> Option<Instant> {
        let tick = self.tick.max(1);
        let ticks = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) / tick + 1;
        (self.offered > 0).then(|| started + Duration::from_millis(ticks * tick))
    }
}
