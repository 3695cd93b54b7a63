//! The pauses between attempts: doubling, jittered, endless.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Pauses that double from `initial` to `longest`, each shortened at random by up to a half, so that many adapters do
/// not come back to one server at the same moment.
#[derive(Debug)]
pub(in crate::opcua) struct Backoff {
    initial: Duration,
    longest: Duration,
    pauses: ExponentialBackoff,
}

impl Backoff {
    /// Starts at `initial`, which is taken as `longest` when it is longer.
    pub(in crate::opcua) fn new(initial: Duration, longest: Duration) -> Self {
        let initial = initial.min(longest);
        Self { initial, longest, pauses: pauses(initial, longest) }
    }

    /// How long to wait before the next attempt: at least half of `initial`, at most `longest`.
    pub(in crate::opcua) fn pause(&mut self) -> Duration {
        self.pauses.next().unwrap_or(self.longest).min(self.longest)
    }

    /// Something succeeded: the next pause is short again.
    pub(in crate::opcua) fn reset(&mut self) {
        self.pauses = pauses(self.initial, self.longest);
    }
}

/// backon's jitter adds up to as much again, so half of everything goes in.
fn pauses(initial: Duration, longest: Duration) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(initial / 2)
        .with_max_delay(longest / 2)
        .with_factor(2.0)
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_stay_within_bounds_for_ever(initial in 0..100_000_u64, longest in 0..1_000_000_u64, reset in 0..50_usize) {
            let (initial, longest) = (Duration::from_millis(initial), Duration::from_millis(longest));
            let mut backoff = Backoff::new(initial, longest);
            for attempt in 0..100 {
                if attempt == reset {
                    backoff.reset();
                }
                let pause = backoff.pause();
                prop_assert!(pause <= longest, "{pause:?}");
                prop_assert!(pause >= initial.min(longest) / 2, "{pause:?}");
            }
        }
    }

    #[test]
    fn pauses_double_until_the_longest_and_start_anew_after_a_success() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 60 * second);
        let pauses: Vec<Duration> = (0..8).map(|_| backoff.pause()).collect();
        for (pause, nominal) in pauses.iter().zip([1, 2, 4, 8, 16, 32, 60, 60]) {
            assert!(*pause >= nominal * second / 2 && *pause <= nominal * second, "{pause:?} for {nominal} s");
        }
        backoff.reset();
        assert!(backoff.pause() <= second);
    }
}
