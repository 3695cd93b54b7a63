//! A summary of the last n values that is never subtracted from.

/// What several neighbouring values come to, such as their smallest and largest.
pub(super) trait Summary: Copy {
    /// The summary of one value.
    fn of(value: f64) -> Self;
    /// Takes in a value that follows those summed up.
    fn append(&mut self, value: f64);
    /// Takes in a value that comes before those summed up.
    fn prepend(&mut self, value: f64);
    /// The summary of two neighbouring stretches.
    fn join(older: &Self, newer: &Self) -> Self;
}

/// The summary of a sliding window, in constant time per value on average.
///
/// The stream is cut into blocks as long as the window. Of the last whole block, the summaries of all its tails are kept;
/// of the present block, the summary of what has come so far. Any window is a tail of the one followed by all of the
/// other, so one `join` yields it (the scheme of van Herk, Pattern Recognition Letters 13, 1992, and of Gil and Werman,
/// IEEE Transactions on Pattern Analysis and Machine Intelligence 15, 1993, who used it for extremes). When a block is
/// full, its tails are summed up from its end: n steps every n values.
///
/// Running sums, from which each value is subtracted when it leaves, are the usual alternative. They keep the rounding
/// errors of all values ever seen, and an outlier of 10^12 that has long left still hides a spread of 1. Here a summary
/// is made only from values that *are* in the window, starting afresh with every block: after 10^9 values the error is
/// that of the first window, since none is older than two blocks.
#[derive(Clone, Debug)]
pub(super) struct Sliding<S> {
    /// `tails[i]` sums up the places from `i` to the end of the last whole block. Those before the present place are
    /// stale.
    tails: Box<[S]>,
    /// What has come of the present block; nothing between a full block and the next value.
    present: Option<S>,
}

impl<S: Summary> Sliding<S> {
    /// Sums up a ring from its values and the place of the next one. The result is the same to the bit as if they had
    /// been pushed one by one, so that a memory is saved as its values alone.
    pub(super) fn new(values: &[f64], next: usize) -> Self {
        let mut sliding = Self { tails: values.iter().map(|&value| S::of(value)).collect(), present: None };
        sliding.sum_up_tails(values, next);
        for &value in &values[..next] {
            sliding.append(value);
        }
        sliding
    }

    /// Takes in the newest value, which already stands in the ring's `values`; `next` is the place after it.
    pub(super) fn push(&mut self, value: f64, values: &[f64], next: usize) {
        if next == 0 {
            self.sum_up_tails(values, 0);
            self.present = None;
        } else {
            self.append(value);
        }
    }

    /// The summary of the window, given the same `next` as the last `push`.
    pub(super) fn summary(&self, next: usize) -> S {
        match &self.present {
            Some(present) => S::join(&self.tails[next], present),
            None => self.tails[next],
        }
    }

    fn append(&mut self, value: f64) {
        match &mut self.present {
            Some(present) => present.append(value),
            None => self.present = Some(S::of(value)),
        }
    }

    fn sum_up_tails(&mut self, values: &[f64], from: usize) {
        let mut tail: Option<S> = None;
        for place in (from..values.len()).rev() {
            let longer = match tail {
                Some(mut tail) => {
                    tail.prepend(values[place]);
                    tail
                }
                None => S::of(values[place]),
            };
            self.tails[place] = longer;
            tail = Some(longer);
        }
    }
}
