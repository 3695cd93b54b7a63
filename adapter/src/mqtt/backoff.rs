//! Pauses between attempts: growing, with jitter, so that many adapters do not come back all at once.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// An endless series of pauses.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    pauses: ExponentialBackoff,
}

impl Backoff {
    /// From `first` to `longest`, doubling; jitter can add as much again.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, pauses: Self::pauses(first, longest) }
    }

    /// The next pause.
    pub(super) fn pause(&mut self) -> Duration {
        self.pauses.next().unwrap_or(self.longest)
    }

    /// Starts again with the first pause.
    pub(super) fn reset(&mut self) {
        self.pauses = Self::pauses(self.first, self.longest);
    }

    fn pauses(first: Duration, longest: Duration) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(longest)
            .without_max_times()
            .with_jitter()
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew_after_a_reset() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(first, longest);
        assert!(backoff.pause() <= 2 * first);
        let later: Vec<_> = (0..50).map(|_| backoff.pause()).collect();
        assert!(later.iter().skip(10).all(|pause| (longest..=2 * longest).contains(pause)), "{later:?}");
        backoff.reset();
        assert!(backoff.pause() <= 2 * first);
    }
}
