//! How far our clock, the server's and the sources' are apart: measured always, and said where it is too much. A clock
//! that is wrong is to be told from values that took their time.

use std::time::Duration;

use prometheus::Gauge;
use tracing::warn;

use crate::{
    config::effective::Tag,
    domain::{TagUpdate, Timestamp},
    telemetry::Metrics,
};

/// A difference that is worth a word.
const TOLERANCE: Duration = Duration::from_secs(5);
/// So many batches are looked at; the one that was fastest says most about the clocks.
const BATCHES: u32 = 10;

/// Both differences.
pub(in crate::opcua) struct Clocks {
    server: Skew,
    source: Skew,
    server_gauge: Gauge,
    source_gauge: Gauge,
}

/// The newest times of one batch.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::opcua) struct Newest {
    server: Option<Timestamp>,
    source: Option<Timestamp>,
}

impl Newest {
    /// Of a change; an initial value may be as old as the plant.
    pub(in crate::opcua) fn look_at(&mut self, update: &TagUpdate) {
        if !update.flags.is_initial {
            self.server = self.server.max(update.server_timestamp);
            self.source = self.source.max(update.source_timestamp);
        }
    }
}

impl Clocks {
    /// Nothing is known yet.
    pub(in crate::opcua) fn new(tags: &[Tag], metrics: &Metrics) -> Self {
        let subscriptions = tags.iter().map(|tag| &tag.subscription);
        let delays =
            subscriptions.map(|one| if one.is_polled() { one.sampling_interval } else { one.publishing_interval });
        let delay = delays.max().unwrap_or_default();
        Self {
            server: Skew::new(delay),
            source: Skew::new(delay),
            server_gauge: metrics.clock_skew_seconds.clone(),
            source_gauge: metrics.source_skew_seconds.clone(),
        }
    }

    /// Begins anew with a session.
    pub(in crate::opcua) fn begin_session(&mut self) {
        self.server.begin_session();
        self.source.begin_session();
    }

    /// Takes the newest times of a batch.
    pub(in crate::opcua) fn observe(&mut self, newest: Newest, received_at: Timestamp) {
        let both = [
            (newest.server, &mut self.server, &self.server_gauge, "the server's clock (ServerTimestamp)"),
            (newest.source, &mut self.source, &self.source_gauge, "the clock of the values' source (SourceTimestamp)"),
        ];
        for (time, skew, gauge, clock) in both {
            let Some(time) = time else { continue };
            let seconds = received_at.seconds_since(time);
            gauge.set(seconds);
            if let Some(seconds) = skew.observe(seconds) {
                warn!(
                    "{clock} and this machine's differ by {:.1} s ({} is ahead); set both by NTP, since payloads carry these times",
                    seconds.abs(),
                    if seconds > 0.0 { "this machine" } else { "the other" }
                );
            }
        }
    }
}

/// The difference between our clock and another one, over the first batches of a session.
#[derive(Debug)]
struct Skew {
    tolerance: f64,
    batches: u32,
    least: f64,
}

impl Skew {
    /// Values may wait for as long as `publishing_interval` before they leave the server.
    fn new(publishing_interval: Duration) -> Self {
        Self { tolerance: (TOLERANCE + publishing_interval).as_secs_f64(), batches: 0, least: f64::INFINITY }
    }

    /// Begins anew with a session.
    fn begin_session(&mut self) {
        (self.batches, self.least) = (0, f64::INFINITY);
    }

    /// Takes the time of receipt minus the newest timestamp of a batch of changes. Returns the difference once it is
    /// known and too large, once in a session.
    fn observe(&mut self, seconds: f64) -> Option<f64> {
        if self.batches >= BATCHES {
            return None;
        }
        self.batches += 1;
        self.least = self.least.min(seconds);
        (self.batches == BATCHES && self.least.abs() > self.tolerance).then_some(self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(seconds: impl Fn(u32) -> f64) -> Vec<f64> {
        let mut skew = Skew::new(Duration::from_secs(1));
        (0..100).filter_map(|batch| skew.observe(seconds(batch))).collect()
    }

    #[test]
    fn a_clock_that_is_wrong_is_told_once_a_session() {
        assert_eq!(said(|batch| 60.0 + f64::from(batch)), [60.0]);
        assert_eq!(said(|batch| f64::from(batch) - 60.0), [-60.0]);
        let mut skew = Skew::new(Duration::ZERO);
        for _ in 0..2 {
            skew.begin_session();
            assert_eq!((0..20).filter_map(|_| skew.observe(9.0)).count(), 1);
        }
    }

    #[test]
    fn values_that_took_their_time_are_no_sign_while_one_was_quick() {
        assert_eq!(said(|batch| if batch == 3 { 0.2 } else { 60.0 }), Vec::<f64>::new());
        assert_eq!(said(|_| 5.5), Vec::<f64>::new(), "the publishing interval is allowed for");
    }
}
