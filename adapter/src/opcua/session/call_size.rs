//! How many operations one service call may hold: what the server says, and less where it turns out to say too much.

/// Calls are not made smaller than this on mere suspicion; only a refusal for size goes below.
const SUSPECTED_FLOOR: usize = 50;

/// The size of a call of one service; it only ever shrinks while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) struct CallSize {
    /// What experience has taught.
    learned: usize,
    /// What the server of the current session declares; `None` when it declares nothing.
    declared: Option<usize>,
}

impl CallSize {
    /// Starts with at most `most` operations, at least 1.
    pub(in crate::opcua) fn new(most: usize) -> Self {
        Self { learned: most.max(1), declared: None }
    }

    /// Takes over what the server of a new session declares; 0 means that it has no limit.
    pub(in crate::opcua) fn declare(&mut self, limit: Option<u32>) {
        self.declared = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    }

    /// The size of the next call, at least 1.
    pub(in crate::opcua) fn current(self) -> usize {
        self.declared.map_or(self.learned, |declared| declared.min(self.learned))
    }

    /// The server refused a call of `size` operations for its size. Returns whether a smaller one can be tried.
    pub(in crate::opcua) fn refused(&mut self, size: usize) -> bool {
        self.learned = self.learned.min((size / 2).max(1));
        size > 1
    }

    /// The connection was lost, or no answer came, while a call of `size` operations was under way.
    pub(in crate::opcua) fn suspected(&mut self, size: usize) {
        if size > SUSPECTED_FLOOR {
            self.learned = self.learned.min((size / 2).max(SUSPECTED_FLOOR));
        }
    }

    /// What goes into the next call, and what is left for later ones.
    pub(in crate::opcua) fn split<T>(self, operations: &[T]) -> (&[T], &[T]) {
        operations.split_at(operations.len().min(self.current()))
    }
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
