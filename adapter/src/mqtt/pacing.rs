//! How long answers are let gather before they are read, and when the window is filled again.
//!
//! A wake-up, a read and a write cost the kernel as much for one packet as for a hundred. So while much is on its way,
//! answers are let gather for a moment, and values that trickle in are written together. An urgent message waits for none
//! of it. By measurement with mosquitto at 10,000 messages a second, in CPU-seconds per 100,000: a window of 1,000 costs
//! 0.05 with a pause of half a millisecond where each answer read by itself costs some 1.0; one of 100 costs 0.20 where it
//! is filled again at half; one of 20 gains nothing by any pause. Whoever waits for half a window of PUBACKs meets Nagle's
//! algorithm at the broker, which waits for our kernel's delayed acknowledgement, 44 ms a round: so those are asked for at
//! once (`TCP_QUICKACK`).

use std::time::{Duration, Instant};

/// Packets on their way from which on answers come in numbers.
const BUSY: usize = 16;
/// How long values may wait for others before they are written.
const GATHER: Duration = Duration::from_millis(1);

/// What the window's size suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pacing {
    /// How long answers gather before they are read, while much is on its way.
    pause: Duration,
    /// Room that there must be before values are written again, once the window was full.
    refill_at: usize,
    /// Whether the kernel is to acknowledge at once what it has received.
    pub(super) is_quick_ack: bool,
}

impl Pacing {
    /// For a window of so many packets.
    pub(super) fn new(window: usize) -> Self {
        match window {
            0..50 => Self { pause: Duration::ZERO, refill_at: 1, is_quick_ack: false },
            50..500 => Self { pause: Duration::from_micros(200), refill_at: window / 2, is_quick_ack: true },
            500.. => Self { pause: Duration::from_micros(500), refill_at: 1, is_quick_ack: false },
        }
    }

    /// When answers are to be read next, after those that were read at `now`.
    pub(super) fn read_at(&self, now: Instant, in_flight: usize) -> Option<Instant> {
        (in_flight >= BUSY && !self.pause.is_zero()).then(|| now + self.pause)
    }
}

/// When values are written: at once after a rest, else together with those that follow within a moment.
#[derive(Debug)]
pub(super) struct Gathering {
    pacing: Pacing,
    /// When values were written last.
    last: Option<Instant>,
    /// Whether the window was full, and is to be filled again only when there is enough room.
    was_full: bool,
}

impl Gathering {
    pub(super) const fn new(pacing: Pacing) -> Self {
        Self { pacing, last: None, was_full: false }
    }

    /// Whether values may be written now that the window has `room` and so many packets are on their way.
    pub(super) fn may_write(&mut self, now: Instant, room: usize, in_flight: usize) -> bool {
        if room == 0 {
            self.was_full = true;
            return false;
        }
        if self.was_full && room < self.pacing.refill_at && in_flight > 0 {
            return false;
        }
        if self.due().is_some_and(|due| due > now) && !self.was_full {
            return false;
        }
        self.was_full = false;
        true
    }

    /// Values were written.
    pub(super) const fn on_written(&mut self, now: Instant) {
        self.last = Some(now);
    }

    /// When values that wait for others are to be written at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.last.map(|last| last + GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_gather_only_while_many_are_to_come_and_the_window_is_worth_it() {
        let now = Instant::now();
        assert_eq!(Pacing::new(1_000).read_at(now, BUSY), Some(now + Duration::from_micros(500)));
        assert_eq!(Pacing::new(1_000).read_at(now, BUSY - 1), None);
        assert_eq!(Pacing::new(20).read_at(now, 20), None);
        assert!(Pacing::new(100).is_quick_ack, "who waits for half a window must not wait for the kernel");
    }

    #[test]
    fn a_full_window_of_a_hundred_is_filled_again_at_half() {
        let now = Instant::now();
        let mut gathering = Gathering::new(Pacing::new(100));
        assert!(gathering.may_write(now, 100, 0));
        assert!(!gathering.may_write(now, 0, 100));
        assert!(!gathering.may_write(now, 49, 51));
        assert!(gathering.may_write(now, 50, 50));
        assert!(!gathering.may_write(now, 0, 100));
        assert!(gathering.may_write(now, 10, 0), "no answer is left that could make more room");
    }

    #[test]
    fn the_first_value_after_a_rest_waits_for_nothing() {
        let now = Instant::now();
        let mut gathering = Gathering::new(Pacing::new(1_000));
        assert!(gathering.may_write(now, 10, 0));
        gathering.on_written(now);
        assert!(!gathering.may_write(now, 10, 1));
        assert_eq!(gathering.due(), Some(now + GATHER));
        assert!(gathering.may_write(now + GATHER, 10, 1));
    }
}
