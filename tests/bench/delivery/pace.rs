//! When batches are handed over, and how long each message then takes to its PUBACK.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use hdrhistogram::Histogram;

use super::Flow;

/// How often acknowledgements are looked at; the delays are as exact as this.
const LOOK: Duration = Duration::from_micros(100);

/// The moments at which the batches were handed over.
pub(crate) type Handed = Arc<Mutex<Vec<Instant>>>;

/// Lets batches go at their time.
pub(crate) struct Pace {
    interval: Option<tokio::time::Interval>,
    handed: Handed,
}

impl Pace {
    /// Of this flow.
    pub(crate) fn new(flow: &Flow) -> Self {
        let interval = (flow.rate > 0)
            .then(|| tokio::time::interval(Duration::from_secs_f64(flow.batch as f64 / flow.rate as f64)));
        Self { interval, handed: Handed::default() }
    }

    /// Where the moments are noted.
    pub(crate) fn handed(&self) -> Handed {
        Arc::clone(&self.handed)
    }

    /// Returns when the next batch is due.
    pub(crate) async fn next(&mut self) {
        if let Some(interval) = &mut self.interval {
            interval.tick().await;
            self.handed.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
    }
}

/// Looks at `acknowledged` from a thread of its own until all messages of the flow are, and times each. For flows with a
/// rate.
pub(crate) fn watch(
    flow: &Flow,
    handed: Handed,
    acknowledged: impl Fn() -> u64 + Send + 'static,
) -> Result<thread::JoinHandle<Histogram<u64>>> {
    let mut delays = Histogram::new_with_bounds(1, 60_000_000, 3)?;
    let (messages, batch) = (flow.messages, flow.batch);
    Ok(thread::spawn(move || {
        let mut seen = 0;
        while seen < messages {
            let (newest, now) = (acknowledged(), Instant::now());
            let handed = handed.lock().unwrap_or_else(PoisonError::into_inner);
            for number in seen..newest {
                let at = usize::try_from(number / batch).ok().and_then(|index| handed.get(index));
                let delay = at.map_or(Duration::ZERO, |at| now.saturating_duration_since(*at));
                delays.saturating_record(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX).max(1));
            }
            drop(handed);
            seen = newest;
            thread::park_timeout(LOOK);
        }
        delays
    }))
}
