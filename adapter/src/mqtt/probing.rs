//! Sending one packet at a time, while one is suspected: messages first, then the link's own.

/// Messages that are sent one at a time.
const PROBES: u32 = 64;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probing {
    /// Nothing is suspected: everybody's, as fast as window and rate allow.
    No,
    /// So many more messages', one at a time.
    Messages(u32),
    /// The link's own packets', one at a time.
    Own,
}

impl Probing {
    /// At the beginning of a connection.
    pub(super) const fn new(is_suspected: bool) -> Self {
        if is_suspected { Self::Messages(PROBES) } else { Self::No }
    }

    /// A message was answered.
    pub(super) const fn on_answer(&mut self) {
        if let Self::Messages(left) = self {
            *left = left.saturating_sub(1);
        }
    }

    /// How many messages may be written, where the window has `room` and so many packets are on their way.
    pub(super) fn room(self, room: usize, in_flight: usize) -> usize {
        match self {
            Self::No => room,
            Self::Messages(left) => room.min(usize::from(in_flight == 0 && left > 0)),
            Self::Own => 0,
        }
    }

    /// The same for packets of the link's own.
    pub(super) fn room_for_own(self, room: usize, in_flight: usize) -> usize {
        match self {
            Self::No => room,
            Self::Messages(_) => 0,
            Self::Own => usize::from(in_flight == 0),
        }
    }

    /// Nothing is on its way; `is_empty` when no message waits either. The link's own packets have their turn when enough
    /// messages were answered, or all.
    pub(super) fn on_idle(&mut self, is_empty: bool) {
        if matches!(self, Self::Messages(left) if *left == 0 || is_empty) {
            *self = Self::Own;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_first_and_one_at_a_time_and_then_the_links_own() {
        let mut probing = Probing::new(true);
        assert_eq!((probing.room(20, 0), probing.room(20, 1), probing.room_for_own(20, 0)), (1, 0, 0));
        probing.on_idle(false);
        (0..PROBES).for_each(|_| probing.on_answer());
        assert_eq!(probing.room(20, 0), 0);
        probing.on_idle(false);
        assert_eq!(probing, Probing::Own);
        assert_eq!((probing.room(20, 0), probing.room_for_own(20, 0), probing.room_for_own(20, 1)), (0, 1, 0));
        let mut probing = Probing::new(true);
        probing.on_idle(true);
        assert_eq!(probing, Probing::Own, "no message is left that could be at fault");
        assert_eq!(Probing::new(false).room(20, 5), 20);
    }
}
