//! How many Publish requests wait at the server: as many as it takes.

use std::time::Duration;

use tokio::time::Instant;

/// Requests beyond one for each Subscription: one is being answered, one is on its way.
const SPARE: usize = 2;
const MOST: usize = 100;
/// After how long a server that takes fewer is tried with one more.
const RELEARN: Duration = Duration::from_mins(1);

/// What was learned of it. It outlives the session: a server that says so once says so again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::opcua) struct PublishRequests {
    learned: Option<(usize, Instant)>,
}

impl PublishRequests {
    /// How many may wait for so many Subscriptions, at least 1.
    pub(in crate::opcua) fn allowed(&mut self, subscriptions: usize, now: Instant) -> usize {
        let wished = (subscriptions + SPARE).min(MOST);
        let Some((learned, since)) = self.learned else { return wished };
        if learned >= wished {
            return wished;
        }
        if now >= since + RELEARN {
            self.learned = Some((learned + 1, now));
            return learned + 1;
        }
        learned
    }

    /// The server has refused one of them with BadTooManyPublishRequests; so many still wait.
    pub(in crate::opcua) fn refused(&mut self, still_waiting: usize, now: Instant) {
        self.learned = Some((still_waiting.max(1), now));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_refusal_is_a_lesson_and_is_tried_anew_from_time_to_time() {
        let now = Instant::now();
        let mut requests = PublishRequests::default();
        assert_eq!(requests.allowed(12, now), 14);
        requests.refused(10, now);
        assert_eq!(requests.allowed(12, now), 10);
        assert_eq!(requests.allowed(12, now + RELEARN), 11);
        assert_eq!(requests.allowed(12, now + RELEARN), 11);
        requests.refused(0, now);
        assert_eq!(requests.allowed(12, now), 1);
    }

    proptest! {
        /// A server with any limit, and any number of Subscriptions.
        #[test]
        fn the_limit_is_found_with_few_refusals(limit in 1..150_usize, subscriptions in 1..200_usize) {
            let now = Instant::now();
            let mut requests = PublishRequests::default();
            let (mut waiting, mut refusals) = (0_usize, 0);
            for _ in 0..1_000 {
                if waiting < requests.allowed(subscriptions, now) {
                    waiting += 1;
                    if waiting > limit {
                        // The server answers the oldest with the refusal.
                        waiting -= 1;
                        refusals += 1;
                        requests.refused(waiting, now);
                    }
                }
            }
            prop_assert!(refusals <= 1, "{}", refusals);
            prop_assert_eq!(waiting, limit.min(subscriptions + SPARE).min(MOST));
        }
    }
}
