//! The window: which packets wait for the broker's answer, and up to where all is settled.
//!
//! A pure state machine. Slots stand in the order in which packets were written and leave at the front only. So the
//! watermark of a lane never passes a message without its PUBACK, whatever the order in which PUBACKs come. An answer
//! that stays away blocks its own slot and no other, until the window is as long as its span allows.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use crate::{domain::Lane, spool::Position};

/// A message of the spool: its lane and its place there.
pub(super) type Place = (Lane, Position);

/// Slots beyond those in flight, in windows: what was answered behind an answer that stays away.
const SPAN_IN_WINDOWS: usize = 4;
/// The same for small windows.
const LEAST_SPAN: usize = 256;

/// A packet that the broker has answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered<T> {
    /// What was given when it was written; `None` while it stays in the window.
    pub(super) content: Option<T>,
    /// When it was written.
    pub(super) sent_at: Instant,
    /// Where the spool has it.
    pub(super) place: Option<Place>,
}

#[derive(Debug)]
enum Progress<T> {
    /// Written, no answer yet.
    Sent { content: T, at: Instant },
    /// Nothing more is expected.
    Done,
    /// Refused for now, or not sent behind one that was: it is sent again after `rewind`.
    HeldBack,
    /// Refused for good, as it seems: for certain only when another message was taken since.
    Refused { content: T, reason: String },
}

/// What follows from an answer for the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing more is expected.
    Done,
    /// It is sent again after `rewind`, and all that follows it.
    HeldBack,
    /// It is let go when another one was taken, with this reason.
    Refused(String),
}

#[derive(Debug)]
struct Slot<T> {
    place: Option<Place>,
    progress: Progress<T>,
}

/// The window of one connection. `T` is what the owner wants back with the answer.
#[derive(Debug)]
pub(super) struct Window<T> {
    limit: usize,
    slots: VecDeque<Slot<T>>,
    /// The number of the slot at the front; slots are numbered from 0 in the order in which they came.
    first: u64,
    by_id: HashMap<u16, u64>,
    last_id: u16,
    /// Messages of the spool and others that count against the broker's Receive Maximum.
    in_flight: usize,
    /// The newest slot that was answered.
    answered_through: Option<u64>,
    urgent: Option<Position>,
    values: Option<Position>,
    /// A message was held back.
    has_held: bool,
    /// Messages refused and not yet judged.
    refused: usize,
}

impl<T> Window<T> {
    /// A window for so many packets without an answer, as the broker's Receive Maximum allows.
    pub(super) fn new(receive_maximum: u16) -> Self {
        let limit = usize::from(receive_maximum);
        Self {
            limit,
            slots: VecDeque::with_capacity(limit),
            first: 0,
            by_id: HashMap::with_capacity(limit),
            last_id: 0,
            in_flight: 0,
            answered_through: None,
            urgent: None,
            values: None,
            has_held: false,
            refused: 0,
        }
    }

    /// How many packets may be written now.
    pub(super) fn room(&self) -> usize {
        let span = (SPAN_IN_WINDOWS * self.limit).max(LEAST_SPAN);
        self.limit.saturating_sub(self.in_flight).min(span.saturating_sub(self.slots.len()))
    }

    /// How many packets of the link's own may be written now: they stay in nobody's way.
    pub(super) const fn room_for_own(&self) -> usize {
        self.limit.saturating_sub(self.in_flight)
    }

    /// Packets written and not yet answered.
    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether messages were held back, and are sent again after `rewind`.
    pub(super) const fn has_held(&self) -> bool {
        self.has_held
    }

    /// Whether messages were refused and are not yet judged.
    pub(super) const fn has_refused(&self) -> bool {
        self.refused > 0
    }

    /// Whether nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.slots.is_empty()
    }

    /// What is on its way, oldest first, with the time at which it was written.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Option<Place>, &T, Instant)> {
        self.slots.iter().filter_map(|slot| match &slot.progress {
            Progress::Sent { content, at, .. } => Some((slot.place, content, *at)),
            _ => None,
        })
    }

    /// The id for the next packet: not in use. Ids run round their whole circle, so that an answer that comes twice hits
    /// none in use.
    pub(super) fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.wrapping_add(1).max(1);
            if !self.by_id.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// A packet of this place was written under this id; `None` for packets of the link's own.
    pub(super) fn send(&mut self, id: u16, place: Option<Place>, content: T, now: Instant) {
        self.by_id.insert(id, self.first + self.slots.len() as u64);
        self.slots.push_back(Slot { place, progress: Progress::Sent { content, at: now } });
        self.in_flight += 1;
    }

    /// A message of the spool that need not be sent: the watermark passes it in its turn.
    pub(super) fn skip(&mut self, place: Place) {
        self.slots.push_back(Slot { place: Some(place), progress: Progress::Done });
        self.sweep();
    }

    /// A message of the spool that is not sent in this round: it is after `rewind`.
    pub(super) fn hold(&mut self, place: Place) {
        self.has_held = true;
        self.slots.push_back(Slot { place: Some(place), progress: Progress::HeldBack });
    }

    /// A message of the spool that the broker would refuse: let go like one that it has refused.
    pub(super) fn refuse(&mut self, place: Place, content: T, reason: String) {
        self.refused += 1;
        self.slots.push_back(Slot { place: Some(place), progress: Progress::Refused { content, reason } });
    }

    /// The broker has answered. Returns when the packet was written, and its content where nothing more is expected.
    /// `None` when no packet of that id waits for an answer: an answer given twice, or to nothing.
    pub(super) fn on_answer(&mut self, id: u16, outcome: Outcome) -> Option<Answered<T>> {
        let number = self.by_id.remove(&id)?;
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let slot = self.slots.get_mut(index)?;
        let Progress::Sent { content, at, .. } = std::mem::replace(&mut slot.progress, Progress::Done) else {
            return None;
        };
        let content = match outcome {
            Outcome::HeldBack if slot.place.is_some() => {
                slot.progress = Progress::HeldBack;
                self.has_held = true;
                Some(content)
            }
            Outcome::Refused(reason) if slot.place.is_some() => {
                slot.progress = Progress::Refused { content, reason };
                self.refused += 1;
                None
            }
            _ => Some(content),
        };
        let place = slot.place;
        self.in_flight -= 1;
        self.answered_through = self.answered_through.max(Some(number));
        self.sweep();
        Some(Answered { content, sent_at: at, place })
    }

    /// Another message was taken, so what was refused before it was refused for its own sake: it is let go and returned with
    /// the reason; but for what `is_sent_again` says: that is sent again after `rewind`, and all that follows it.
    pub(super) fn judge_refused(&mut self, mut is_sent_again: impl FnMut(Place) -> bool) -> Vec<(T, String)> {
        let mut taken = Vec::new();
        if self.refused == 0 {
            return taken;
        }
        self.refused = 0;
        for slot in &mut self.slots {
            if !matches!(slot.progress, Progress::Refused { .. }) {
                continue;
            }
            let is_held = slot.place.is_some_and(&mut is_sent_again);
            let progress = if is_held { Progress::HeldBack } else { Progress::Done };
            self.has_held |= is_held;
            if let Progress::Refused { content, reason } = std::mem::replace(&mut slot.progress, progress)
                && !is_held
            {
                taken.push((content, reason));
            }
        }
        self.sweep();
        taken
    }

    /// Whether the oldest message of the spool without an answer was overtaken: a packet written after it was answered.
    pub(super) fn is_overtaken(&self) -> bool {
        let is_waiting = |slot: &Slot<T>| slot.place.is_some() && matches!(slot.progress, Progress::Sent { .. });
        let oldest = self.slots.iter().position(is_waiting);
        oldest.is_some_and(|index| self.answered_through.is_some_and(|through| through > self.first + index as u64))
    }

    /// When the oldest message of the spool without an answer was written.
    pub(super) fn oldest_sent_at(&self) -> Option<Instant> {
        self.waiting().find(|(place, ..)| place.is_some()).map(|(_, _, at)| at)
    }

    /// The position of `lane` up to which every message is answered or skipped, when it has moved since the last call.
    pub(super) const fn take_watermark(&mut self, lane: Lane) -> Option<Position> {
        match lane {
            Lane::Urgent => self.urgent.take(),
            Lane::Values => self.values.take(),
        }
    }

    /// Messages that were refused and are not yet judged, with the reason.
    pub(super) fn refused(&self) -> impl Iterator<Item = (Place, &str)> {
        self.slots.iter().filter_map(|slot| match &slot.progress {
            Progress::Refused { reason, .. } => Some((slot.place?, reason.as_str())),
            _ => None,
        })
    }

    /// Messages that are settled and that the watermark has not passed.
    pub(super) fn settled(&self) -> impl Iterator<Item = Place> {
        let settled = self.slots.iter().filter(|slot| matches!(slot.progress, Progress::Done));
        settled.filter_map(|slot| slot.place)
    }

    /// The owner reads again from the watermarks. Only while nothing waits for an answer.
    pub(super) fn rewind(&mut self) {
        self.has_held = false;
        self.refused = 0;
        self.first += self.slots.len() as u64;
        self.slots.clear();
    }

    fn sweep(&mut self) {
        while let Some(Slot { place, progress: Progress::Done }) = self.slots.front() {
            match place {
                Some((Lane::Urgent, position)) => self.urgent = Some(*position),
                Some((Lane::Values, position)) => self.values = Some(*position),
                None => {}
            }
            self.slots.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(position: u64) -> Place {
        (Lane::Values, Position(position))
    }

    fn send(window: &mut Window<u64>, position: u64) -> u16 {
        let id = window.next_id();
        window.send(id, Some(place(position)), position, Instant::now());
        id
    }

    fn accept(window: &mut Window<u64>, id: u16) -> Option<u64> {
        window.on_answer(id, Outcome::Done).and_then(|answered| answered.content)
    }

    fn watermark(window: &mut Window<u64>) -> Option<u64> {
        window.take_watermark(Lane::Values).map(|position| position.0)
    }

    #[test]
    fn the_watermark_waits_for_the_oldest_answer_and_nothing_else_does() {
        let mut window = Window::new(3);
        let ids: Vec<u16> = (1..=3).map(|position| send(&mut window, position)).collect();
        assert_eq!(window.room(), 0);
        assert_eq!(accept(&mut window, ids[1]), Some(2));
        assert_eq!((watermark(&mut window), window.room()), (None, 1));
        assert!(window.is_overtaken());
        assert_eq!(window.settled().collect::<Vec<_>>(), [place(2)]);
        accept(&mut window, ids[0]).unwrap();
        assert_eq!(watermark(&mut window), Some(2));
        assert_eq!(watermark(&mut window), None, "only when it has moved");
        assert!(!window.is_overtaken() && window.in_flight() == 1);
    }

    #[test]
    fn an_answer_that_stays_away_holds_up_no_more_than_the_span() {
        let mut window = Window::new(2);
        send(&mut window, 0);
        let mut written = 0;
        while window.room() > 0 {
            written += 1;
            let id = send(&mut window, written);
            accept(&mut window, id).unwrap();
        }
        assert_eq!(written, LEAST_SPAN as u64 - 1);
        assert_eq!(window.settled().count(), LEAST_SPAN - 1);
        assert_eq!(watermark(&mut window), None);
    }

    #[test]
    fn ids_run_round_past_those_in_use() {
        let mut window = Window::new(20_000);
        let held = send(&mut window, 0);
        for position in 1..70_000 {
            let id = window.next_id();
            window.send(id, None, position, Instant::now());
            assert!(id != 0 && id != held);
            assert_eq!(accept(&mut window, id), Some(position));
            assert_eq!(accept(&mut window, id), None, "twice");
        }
    }

    #[test]
    fn a_skipped_message_is_passed_in_its_turn() {
        let mut window = Window::new(3);
        window.skip(place(1));
        assert_eq!(watermark(&mut window), Some(1));
        let id = send(&mut window, 2);
        window.skip(place(3));
        assert_eq!(watermark(&mut window), None);
        accept(&mut window, id).unwrap();
        assert_eq!(watermark(&mut window), Some(3));
    }

    #[test]
    fn what_is_held_back_holds_the_watermark_until_the_rewind() {
        let mut window = Window::new(5);
        let ids: Vec<u16> = (1..=4).map(|position| send(&mut window, position)).collect();
        accept(&mut window, ids[0]).unwrap();
        window.on_answer(ids[1], Outcome::HeldBack).unwrap();
        accept(&mut window, ids[2]).unwrap();
        assert!(window.has_held());
        assert_eq!(window.settled().collect::<Vec<_>>(), [place(3)]);
        assert_eq!(watermark(&mut window), Some(1));
        accept(&mut window, ids[3]).unwrap();
        assert_eq!(watermark(&mut window), None);
        window.rewind();
        assert!(!window.has_held() && window.is_idle());
        let id = send(&mut window, 2);
        accept(&mut window, id).unwrap();
        assert_eq!(watermark(&mut window), Some(2));
    }

    #[test]
    fn what_is_refused_is_let_go_only_when_another_message_was_taken() {
        let mut window = Window::new(5);
        let ids: Vec<u16> = (1..=3).map(|position| send(&mut window, position)).collect();
        let answered = window.on_answer(ids[0], Outcome::Refused("not authorized".into())).unwrap();
        assert_eq!(answered.content, None);
        assert_eq!(watermark(&mut window), None);
        window.on_answer(ids[1], Outcome::Refused("not authorized".into())).unwrap();
        window.refuse(place(9), 9, "too large".into());
        accept(&mut window, ids[2]).unwrap();
        assert!(window.has_refused() && window.in_flight() == 0);
        let taken: Vec<_> = window.judge_refused(|_| false).into_iter().map(|(content, _)| content).collect();
        assert_eq!((taken, watermark(&mut window)), (vec![1, 2, 9], Some(9)));
        assert!(window.judge_refused(|_| false).is_empty() && window.is_idle());
    }

    #[test]
    fn a_packet_of_the_links_own_has_no_watermark_and_is_never_held_back() {
        let mut window = Window::new(2);
        let id = window.next_id();
        window.send(id, None, 77, Instant::now());
        let answered = window.on_answer(id, Outcome::HeldBack);
        assert_eq!(answered.and_then(|answered| answered.content), Some(77));
        assert!(!window.has_held() && window.is_idle());
    }
}
