//! Messages that were encoded and that the kernel has not yet taken.

use std::collections::VecDeque;

use crate::domain::{OutboundMessage, Timestamp};

#[derive(Debug)]
struct Entry {
    /// Where its packet ends, in bytes since the connection began.
    end: u64,
    /// A message of QoS 0, which nobody else remembers.
    volatile: Option<OutboundMessage>,
    received_at: Option<Timestamp>,
}

/// What was encoded, in order, until it is written.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    entries: VecDeque<Entry>,
    written: u64,
}

impl Unwritten {
    /// A packet was encoded that ends where `waiting` bytes wait to be written.
    pub(super) fn push(&mut self, waiting: usize, volatile: Option<OutboundMessage>, received_at: Option<Timestamp>) {
        let end = self.written + waiting as u64;
        self.entries.push_back(Entry { end, volatile, received_at });
    }

    /// So many bytes were written; `each` is told of each message that is now written as a whole whether it was of QoS 0,
    /// and when its value was received from the PLC.
    pub(super) fn advance(&mut self, bytes: usize, mut each: impl FnMut(bool, Option<Timestamp>)) {
        self.written += bytes as u64;
        while self.entries.front().is_some_and(|entry| entry.end <= self.written) {
            let Some(entry) = self.entries.pop_front() else { return };
            each(entry.volatile.is_some(), entry.received_at);
        }
    }

    /// Messages of QoS 0 that were not written as a whole.
    pub(super) fn take_volatile(&mut self) -> Vec<OutboundMessage> {
        self.entries.drain(..).filter_map(|entry| entry.volatile).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::sample;

    #[test]
    fn what_is_not_written_as_a_whole_is_known() {
        let mut unwritten = Unwritten::default();
        unwritten.push(10, Some(sample::message("a", 1)), None);
        unwritten.push(25, None, None);
        unwritten.push(40, Some(sample::message("b", 2)), None);
        let mut written = Vec::new();
        unwritten.advance(9, |is_volatile, _| written.push(is_volatile));
        assert!(written.is_empty());
        unwritten.advance(17, |is_volatile, _| written.push(is_volatile));
        assert_eq!(written, [true, false]);
        // 14 bytes wait, and then comes another.
        unwritten.push(20, Some(sample::message("c", 3)), None);
        let topics: Vec<_> = unwritten.take_volatile().iter().map(|message| message.route.topic.to_string()).collect();
        assert_eq!(topics, ["b", "c"]);
    }
}
