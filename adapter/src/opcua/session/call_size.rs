//! How many operations one service call may hold: what the server says, and less where it turns out to say too much.

use std::time::Duration;

use tokio::time::Instant;

/// Calls are not made smaller than this on mere suspicion; only a refusal for size goes below.
const SUSPECTED_FLOOR: usize = 50;
/// After how long without a refusal twice as much is tried again.
pub(in crate::opcua) const RELEARN: Duration = Duration::from_hours(1);

/// The size of a call of one service. It shrinks with each refusal, and doubles with each hour without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) struct CallSize {
    /// Never more, whatever the server declares.
    most: usize,
    /// What experience has taught, and when.
    learned: Option<(usize, Instant)>,
    /// What the server of the current session declares; `None` when it declares nothing.
    declared: Option<usize>,
}

impl CallSize {
    /// Starts with at most `most` operations, at least 1.
    pub(in crate::opcua) fn new(most: usize) -> Self {
        Self { most: most.max(1), learned: None, declared: None }
    }

    /// Takes over what the server of a new session declares; 0 means that it has no limit.
    pub(in crate::opcua) fn declare(&mut self, limit: Option<u32>) {
        self.declared = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    }

    /// The size of the next call, at least 1.
    pub(in crate::opcua) fn current(self) -> usize {
        self.current_at(Instant::now())
    }

    fn current_at(self, now: Instant) -> usize {
        self.declared.unwrap_or(usize::MAX).min(self.learned_at(now))
    }

    fn learned_at(self, now: Instant) -> usize {
        let grown = |(size, since): (usize, Instant)| size.saturating_mul(2_usize.saturating_pow(hours(since, now)));
        self.learned.map_or(self.most, |learned| grown(learned).min(self.most))
    }

    /// The server refused a call of `size` operations for its size. Returns whether a smaller one can be tried.
    pub(in crate::opcua) fn refused(&mut self, size: usize) -> bool {
        self.shrink((size / 2).max(1), Instant::now());
        size > 1
    }

    /// The connection was lost, or no answer came, while a call of `size` operations was under way.
    pub(in crate::opcua) fn suspected(&mut self, size: usize) {
        if size > SUSPECTED_FLOOR {
            self.shrink((size / 2).max(SUSPECTED_FLOOR), Instant::now());
        }
    }

    fn shrink(&mut self, size: usize, now: Instant) {
        self.learned = Some((self.learned_at(now).min(size), now));
    }

    /// What goes into the next call, and what is left for later ones.
    pub(in crate::opcua) fn split<T>(self, operations: &[T]) -> (&[T], &[T]) {
        operations.split_at(operations.len().min(self.current()))
    }
}

/// Whole hours since a lesson.
pub(in crate::opcua) fn hours(since: Instant, now: Instant) -> u32 {
    let hours = now.saturating_duration_since(since).as_secs() / RELEARN.as_secs();
    u32::try_from(hours).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_smaller_of_declared_and_learned_counts() {
        let mut size = CallSize::new(1000);
        assert_eq!(size.current(), 1000);
        size.declare(Some(100));
        assert_eq!(size.current(), 100);
        size.declare(Some(0));
        assert_eq!(size.current(), 1000);
        size.declare(Some(5000));
        assert_eq!(size.current(), 1000);
    }

    #[test]
    fn a_refusal_halves_and_is_remembered() {
        let mut size = CallSize::new(1000);
        size.declare(Some(100));
        assert!(size.refused(100));
        assert_eq!(size.current(), 50);
        size.declare(Some(100));
        assert_eq!(size.current(), 50);
        assert!(!size.refused(1));
        assert_eq!(size.current(), 1);
    }

    #[test]
    fn suspicion_alone_does_not_shrink_calls_for_ever() {
        let mut size = CallSize::new(1000);
        for _ in 0..20 {
            size.suspected(size.current());
        }
        assert_eq!(size.current(), SUSPECTED_FLOOR);
        size.suspected(3);
        assert_eq!(size.current(), SUSPECTED_FLOOR);
    }

    #[test]
    fn calls_become_larger_again_with_each_hour_without_a_refusal() {
        let now = Instant::now();
        let mut size = CallSize::new(1000);
        size.shrink(100, now);
        let after = |size: CallSize, hours: u32| size.current_at(now + RELEARN * hours);
        assert_eq!(size.current_at(now + RELEARN - Duration::from_secs(1)), 100);
        assert_eq!([1, 2, 3, 4, 1_000].map(|hours| after(size, hours)), [200, 400, 800, 1000, 1000]);
        size.shrink(200, now + RELEARN * 2);
        assert_eq!([2, 3, 4].map(|hours| after(size, hours)), [200, 400, 800]);
        size.declare(Some(300));
        assert_eq!([2, 3, 4].map(|hours| after(size, hours)), [200, 300, 300]);
    }

    proptest! {
        /// A server that takes at most `capacity` operations and may declare anything.
        #[test]
        fn every_operation_is_done_once_whatever_the_server_takes(
            total in 0..3000_usize,
            capacity in 1..2000_usize,
            most in 0..2000_usize,
            declared in proptest::option::of(any::<u32>()),
        ) {
            let mut size = CallSize::new(most);
            size.declare(declared);
            let operations: Vec<usize> = (0..total).collect();
            let (mut done, mut refusals, mut left) = (0, 0, operations.as_slice());
            while !left.is_empty() {
                let (call, rest) = size.split(left);
                prop_assert!(call.first() == Some(&done));
                if call.len() > capacity {
                    prop_assert!(size.refused(call.len()));
                    refusals += 1;
                    prop_assert!(refusals <= 12);
                } else {
                    done += call.len();
                    left = rest;
                }
            }
            prop_assert_eq!(done, total);
        }
    }
}
