//! The publish window: what was handed to the client, which packet id it got, and up to where all is acknowledged.
//!
//! A pure state machine. rumqttc has no acknowledgement future; it tells packet ids only in the order in which it takes
//! requests, so requests and ids are paired first in, first out. Ids run from 1 to the inflight maximum and round again,
//! and an id that is still in use makes rumqttc hold the publish back, in the worst case until the link drops. So the
//! *span* from the oldest unanswered packet to the newest stays within the inflight maximum, not only their number;
//! subscriptions draw ids from the same circle and count too.
//!
//! Slots leave the window at its front only, in the order in which they were requested. So the watermark of a lane
//! never passes a message without its PUBACK, whatever the order in which PUBACKs come.

use std::{collections::VecDeque, time::Instant};

use thiserror::Error;

use crate::{domain::Lane, spool::Position};

/// What the broker says to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Taken.
    Accepted,
    /// Refused; the same message may be taken later. It holds the watermark back until the window is rewound.
    RefusedForNow,
    /// The same, for a reason that has nothing to do with the message.
    Postponed,
    /// Refused, and it would be again. The watermark passes it.
    RefusedForGood,
}

/// The client reported a packet that was not asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the client sent packet id {id}, for which there was no request")]
pub(super) struct UnexpectedPacket {
    /// The packet id.
    pub(super) id: u16,
}

/// A packet that the broker has answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered<T> {
    /// What was given at the request.
    pub(super) content: T,
    /// When the packet was written.
    pub(super) sent_at: Instant,
}

#[derive(Debug)]
enum Progress<T> {
    /// Handed to the client, no packet id yet.
    Requested(T),
    /// Written, no answer yet.
    Sent { content: T, id: u16, at: Instant },
    /// Nothing more is expected.
    Done,
    /// Refused for now; nothing more is expected in this round.
    HeldBack(Answer),
}

#[derive(Debug)]
struct Slot<T> {
    place: Option<(Lane, Position)>,
    progress: Progress<T>,
}

/// The window of one connection. `T` is what the owner wants back with the answer.
#[derive(Debug)]
pub(super) struct Window<T> {
    limit: usize,
    slots: VecDeque<Slot<T>>,
    /// No slot before this index waits for its packet id.
    first_requested: usize,
    requested: usize,
    volatile_requested: usize,
    in_flight: usize,
    urgent: Option<Position>,
    values: Option<Position>,
    /// A message was refused for now: no message may follow until the window is rewound.
    is_rewinding: bool,
    /// The first refused message that has reached the front: the watermarks stay where they are.
    held_back: Option<((Lane, Position), Answer)>,
}

impl<T> Window<T> {
    /// A window for a client whose packet ids run from 1 to `inflight_maximum`.
    pub(super) fn new(inflight_maximum: u16) -> Self {
        let limit = usize::from(inflight_maximum);
        Self {
            limit,
            slots: VecDeque::with_capacity(limit),
            first_requested: 0,
            requested: 0,
            volatile_requested: 0,
            in_flight: 0,
            urgent: None,
            values: None,
            is_rewinding: false,
            held_back: None,
        }
    }

    /// How many packets with an id may be requested now.
    pub(super) fn room(&self) -> usize {
        self.limit - self.slots.len().min(self.limit)
    }

    /// Packets with an id that the client was asked for and has not yet written.
    pub(super) const fn requested(&self) -> usize {
        self.requested
    }

    /// QoS 0 packets that the client was asked for and has not yet written.
    pub(super) const fn volatile_requested(&self) -> usize {
        self.volatile_requested
    }

    /// Packets written and not yet answered.
    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The first message in the row that was refused for now and holds the watermarks back, and the refusal.
    pub(super) const fn held_back(&self) -> Option<((Lane, Position), Answer)> {
        self.held_back
    }

    /// The message that is on its way and was written since `since`, when nothing else is.
    pub(super) fn alone(&self, since: Instant) -> Option<(Lane, Position)> {
        match self.slots.front()? {
            Slot { place, progress: Progress::Sent { at, .. } } if self.slots.len() == 1 && *at >= since => *place,
            _ => None,
        }
    }

    /// Whether a message of the spool is on its way.
    pub(super) fn has_messages(&self) -> bool {
        self.slots.iter().any(|slot| slot.place.is_some() && matches!(slot.progress, Progress::Sent { .. }))
    }

    /// Whether nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.slots.is_empty() && self.volatile_requested == 0
    }

    /// Whether messages were refused for now, so that none may be requested until `rewind`.
    pub(super) const fn is_rewinding(&self) -> bool {
        self.is_rewinding
    }

    /// The client was asked to send a packet that takes an id; `place` for messages of the spool, `None` for packets of
    /// the link's own.
    pub(super) fn request(&mut self, place: Option<(Lane, Position)>, content: T) {
        debug_assert!(self.room() > 0, "the caller asks for room first");
        self.slots.push_back(Slot { place, progress: Progress::Requested(content) });
        self.requested += 1;
    }

    /// The client was asked to send a QoS 0 publish.
    pub(super) const fn request_volatile(&mut self) {
        self.volatile_requested += 1;
    }

    /// A message of the spool that will not be sent: the watermark passes it in its turn.
    pub(super) fn skip(&mut self, lane: Lane, position: Position) {
        self.slots.push_back(Slot { place: Some((lane, position)), progress: Progress::Done });
        self.sweep();
    }

    /// The client has written the next requested packet, under this id; 0 means QoS 0.
    pub(super) fn on_sent(&mut self, id: u16, now: Instant) -> Result<(), UnexpectedPacket> {
        if id == 0 {
            self.volatile_requested = self.volatile_requested.checked_sub(1).ok_or(UnexpectedPacket { id })?;
            return Ok(());
        }
        while let Some(slot) = self.slots.get_mut(self.first_requested) {
            self.first_requested += 1;
            match std::mem::replace(&mut slot.progress, Progress::Done) {
                Progress::Requested(content) => {
                    slot.progress = Progress::Sent { content, id, at: now };
                    self.requested -= 1;
                    self.in_flight += 1;
                    return Ok(());
                }
                other => slot.progress = other,
            }
        }
        Err(UnexpectedPacket { id })
    }

    /// The broker has answered. `None` when no packet of that id waits for an answer: an answer given twice, or to
    /// nothing.
    pub(super) fn on_answer(&mut self, id: u16, answer: Answer) -> Option<Answered<T>> {
        let waits = |slot: &Slot<T>| matches!(&slot.progress, Progress::Sent { id: own, .. } if *own == id);
        let index = self.slots.iter().position(waits)?;
        let slot = &mut self.slots[index];
        let is_held = matches!(answer, Answer::RefusedForNow | Answer::Postponed) && slot.place.is_some();
        let progress = if is_held { Progress::HeldBack(answer) } else { Progress::Done };
        self.is_rewinding |= is_held;
        let Progress::Sent { content, at, .. } = std::mem::replace(&mut slot.progress, progress) else { return None };
        self.in_flight -= 1;
        self.sweep();
        Some(Answered { content, sent_at: at })
    }

    /// The position of `lane` up to which every message is answered or skipped, when it has moved since the last call.
    pub(super) const fn take_watermark(&mut self, lane: Lane) -> Option<Position> {
        match lane {
            Lane::Urgent => self.urgent.take(),
            Lane::Values => self.values.take(),
        }
    }

    /// Whether everything is answered, so that what was refused for now may be sent again after `rewind`.
    pub(super) fn can_rewind(&self) -> bool {
        self.is_rewinding && self.slots.is_empty()
    }

    /// The owner reads again from the watermarks.
    pub(super) const fn rewind(&mut self) {
        self.is_rewinding = false;
        self.held_back = None;
    }

    fn sweep(&mut self) {
        while let Some(slot) = self.slots.front() {
            match slot.progress {
                Progress::Requested(_) | Progress::Sent { .. } => return,
                Progress::HeldBack(answer) => {
                    self.held_back = self.held_back.or(slot.place.map(|place| (place, answer)));
                }
                Progress::Done => {}
            }
            if let Some((lane, position)) = slot.place.filter(|_| self.held_back.is_none()) {
                match lane {
                    Lane::Urgent => self.urgent = Some(position),
                    Lane::Values => self.values = Some(position),
                }
            }
            self.slots.pop_front();
            self.first_requested = self.first_requested.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(inflight_maximum: u16) -> Window<u64> {
        Window::new(inflight_maximum)
    }

    fn request(window: &mut Window<u64>, position: u64) {
        window.request(Some((Lane::Values, Position(position))), position);
    }

    fn send(window: &mut Window<u64>, position: u64, id: u16) {
        request(window, position);
        window.on_sent(id, Instant::now()).unwrap();
    }

    fn watermark(window: &mut Window<u64>) -> Option<u64> {
        window.take_watermark(Lane::Values).map(|position| position.0)
    }

    #[test]
    fn the_watermark_waits_for_the_oldest_answer() {
        let mut window = window(10);
        (1..=3).for_each(|id| send(&mut window, u64::from(id), id));
        assert_eq!(window.on_answer(2, Answer::Accepted).map(|answered| answered.content), Some(2));
        assert_eq!(watermark(&mut window), None);
        window.on_answer(1, Answer::Accepted).unwrap();
        assert_eq!(watermark(&mut window), Some(2));
        assert_eq!(watermark(&mut window), None, "only when it has moved");
        assert_eq!(window.in_flight(), 1);
    }

    #[test]
    fn the_span_is_bounded_not_the_number() {
        let mut window = window(3);
        (1..=3).for_each(|id| send(&mut window, u64::from(id), id));
        window.on_answer(2, Answer::Accepted).unwrap();
        window.on_answer(3, Answer::Accepted).unwrap();
        assert_eq!((window.in_flight(), window.room()), (1, 0), "the next id would be 1, which is still in use");
        window.on_answer(1, Answer::Accepted).unwrap();
        assert_eq!(window.room(), 3);
    }

    #[test]
    fn unknown_and_repeated_answers_change_nothing() {
        let mut window = window(3);
        send(&mut window, 1, 1);
        assert!(window.on_answer(2, Answer::Accepted).is_none());
        assert!(window.on_answer(1, Answer::Accepted).is_some());
        assert!(window.on_answer(1, Answer::RefusedForNow).is_none());
        assert!(window.is_idle() && !window.is_rewinding());
    }

    #[test]
    fn qos_0_takes_no_room_and_is_paired_by_id_0() {
        let mut window = window(1);
        window.request_volatile();
        request(&mut window, 1);
        assert_eq!((window.room(), window.requested(), window.volatile_requested()), (0, 1, 1));
        window.on_sent(0, Instant::now()).unwrap();
        window.on_sent(1, Instant::now()).unwrap();
        assert_eq!((window.requested(), window.volatile_requested()), (0, 0));
        assert_eq!(window.on_sent(0, Instant::now()), Err(UnexpectedPacket { id: 0 }));
        assert_eq!(window.on_sent(1, Instant::now()), Err(UnexpectedPacket { id: 1 }));
    }

    #[test]
    fn a_skipped_message_is_passed_in_its_turn() {
        let mut window = window(3);
        window.skip(Lane::Values, Position(1));
        assert_eq!(watermark(&mut window), Some(1));
        request(&mut window, 2);
        window.skip(Lane::Values, Position(3));
        request(&mut window, 4);
        assert_eq!(watermark(&mut window), None);
        window.on_sent(1, Instant::now()).unwrap();
        window.on_sent(2, Instant::now()).unwrap();
        window.on_answer(1, Answer::RefusedForGood).unwrap();
        assert_eq!(watermark(&mut window), Some(3));
        assert_eq!(window.on_answer(2, Answer::Accepted).map(|answered| answered.content), Some(4));
    }

    #[test]
    fn what_is_refused_for_now_holds_the_watermark_until_the_rewind() {
        let mut window = window(5);
        (1..=4).for_each(|id| send(&mut window, u64::from(id), id));
        window.on_answer(1, Answer::Accepted).unwrap();
        window.on_answer(2, Answer::RefusedForNow).unwrap();
        window.on_answer(3, Answer::Accepted).unwrap();
        assert!(window.is_rewinding() && !window.can_rewind());
        assert_eq!(watermark(&mut window), Some(1));
        window.on_answer(4, Answer::Accepted).unwrap();
        assert!(window.can_rewind());
        assert_eq!(watermark(&mut window), None, "3 and 4 are sent again, after 2");
        window.rewind();
        send(&mut window, 2, 5);
        window.on_answer(5, Answer::Accepted).unwrap();
        assert_eq!(watermark(&mut window), Some(2));
    }

    #[test]
    fn a_packet_of_the_links_own_has_no_watermark_and_no_rewind() {
        let mut window = window(2);
        window.request(None, 77);
        window.on_sent(1, Instant::now()).unwrap();
        assert_eq!(window.on_answer(1, Answer::RefusedForNow).map(|answered| answered.content), Some(77));
        assert!(!window.is_rewinding() && window.is_idle());
    }
}
