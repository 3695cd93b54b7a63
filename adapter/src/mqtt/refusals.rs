//! What becomes of messages that the broker refuses.
//!
//! A message refused for now waits, and what follows it on its topic waits behind it; others go on. In the next round it is
//! sent again. One that is refused in several rounds in which others are taken is given up.
//!
//! A message refused for good is given up when another one is taken after it: then it was refused for its own sake. While
//! nothing is taken, nothing is given up: in rounds one message of each topic tries whether that is over.
//!
//! A pure state machine. Whether anything is taken is known over connections; all else is of one.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::{answer::Answer, backoff::Backoff, window::Place};
use crate::domain::TopicName;

/// Rounds in which the broker may refuse a message for now while it takes others: about half a minute.
const MAX_ROUNDS: u32 = 5;
/// For so long messages may be refused with none taken, until that is said.
const REFUSED_FOR: Duration = Duration::from_secs(2);
/// The same after the last one that was taken.
const TAKEN_OF_LATE: Duration = Duration::from_secs(10);
/// A broker that hangs up behind a refusal does so within this time.
const JUST_NOW: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The first message of a round that was refused for now.
#[derive(Clone, Debug)]
pub(super) struct HeldBack {
    pub(super) place: Place,
    pub(super) topic: TopicName,
    /// What the broker said.
    pub(super) words: String,
    answer: Answer,
}

/// What was refused, and when the next round is.
#[derive(Debug)]
pub(super) struct Refusals {
    /// Since when messages are refused and none is taken, and the broker's words.
    since: Option<(Instant, String)>,
    last_refused: Option<Instant>,
    last_accepted: Option<Instant>,
    has_accepted_in_round: bool,
    /// Topics of which a message was refused for now, or is on its way to try whether every message still is.
    held_topics: HashSet<TopicName>,
    held_back: Option<HeldBack>,
    /// A message that was refused for now in rounds before, and in how many of them others were taken.
    rounds: Option<(Place, u32)>,
    /// What was refused for good while nothing was taken, and was sent again since.
    second_chances: HashSet<Place>,
    backoff: Backoff,
    next_round: Option<Instant>,
    is_due: bool,
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self {
            since: None,
            last_refused: None,
            last_accepted: None,
            has_accepted_in_round: false,
            held_topics: HashSet::new(),
            held_back: None,
            rounds: None,
            second_chances: HashSet::new(),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            next_round: None,
            is_due: false,
        }
    }

    /// A connection begins, and a round. What is known of whether anything is taken stays.
    pub(super) fn begin(&mut self) {
        *self = Self { since: self.since.take(), last_accepted: self.last_accepted, ..Self::new() };
    }

    /// Whether a message on this topic waits for the next round.
    pub(super) fn must_wait(&mut self, topic: &TopicName, now: Instant) -> bool {
        if self.held_topics.contains(topic) {
            return true;
        }
        // While every message is refused, one of each topic tries whether that is over: so all come in order when it is.
        if self.of_all(now).is_some() {
            self.held_topics.insert(topic.clone());
        }
        false
    }

    /// A message was refused for now.
    pub(super) fn on_refused_for_now(
        &mut self,
        place: Place,
        topic: &TopicName,
        answer: Answer,
        words: &str,
        now: Instant,
    ) {
        self.held_topics.insert(topic.clone());
        if self.held_back.as_ref().is_none_or(|held| held.place.0 == place.0 && place.1 < held.place.1) {
            self.held_back = Some(HeldBack { place, topic: topic.clone(), words: words.to_owned(), answer });
        }
        if !self.has_accepted_in_round {
            self.since.get_or_insert_with(|| (now, words.to_owned()));
        }
    }

    /// The broker has refused a message for good.
    pub(super) fn on_refused_by_broker(&mut self, words: &str, now: Instant) {
        self.last_refused = Some(now);
        self.on_refused(words, now);
    }

    /// A message was refused for good, or would be.
    pub(super) fn on_refused(&mut self, words: &str, now: Instant) {
        self.since.get_or_insert_with(|| (now, words.to_owned()));
    }

    /// Whether the broker has refused a message for good just now.
    pub(super) fn has_just_refused(&self, now: Instant) -> bool {
        self.last_refused.is_some_and(|at| now.saturating_duration_since(at) < JUST_NOW)
    }

    /// A message was taken. Returns whether every message was refused until now.
    pub(super) fn on_accepted(&mut self, place: Option<Place>, now: Instant) -> bool {
        let was_everything = self.of_all(now).is_some();
        self.since = None;
        self.last_accepted = Some(now);
        self.has_accepted_in_round = true;
        if self.rounds.is_some_and(|(held, _)| Some(held) == place) {
            self.rounds = None;
        }
        if self.held_topics.is_empty() && self.rounds.is_none() {
            self.backoff.reset();
        }
        was_everything
    }

    /// Whether a message that was refused for good while nothing was taken is sent again, now that one was: once.
    pub(super) fn has_second_chance(&mut self, place: Place) -> bool {
        self.second_chances.insert(place)
    }

    /// Nothing more is refused.
    pub(super) fn forget_second_chances(&mut self) {
        self.second_chances.clear();
    }

    /// The broker's words, while it refuses every message.
    pub(super) fn of_all(&self, now: Instant) -> Option<&str> {
        let (since, words) = self.since.as_ref()?;
        let is_recent = self.last_accepted.is_some_and(|at| now.saturating_duration_since(at) < TAKEN_OF_LATE);
        (now.saturating_duration_since(*since) >= REFUSED_FOR && !is_recent).then_some(words)
    }

    /// Whether a round is needed, from time to time; `is_urgent` when nothing can be sent before it.
    pub(super) fn tick(&mut self, is_needed: bool, is_urgent: bool, now: Instant) {
        if !is_needed {
            (self.next_round, self.is_due) = (None, false);
            return;
        }
        let next = *self.next_round.get_or_insert_with(|| now + self.backoff.pause());
        self.is_due = now >= next || is_urgent && self.has_accepted_in_round;
    }

    /// The next round is due now.
    pub(super) const fn hurry(&mut self, now: Instant) {
        self.next_round = Some(now);
    }

    /// Whether the next round is due, so that nothing more is sent in this one.
    pub(super) const fn is_due(&self) -> bool {
        self.is_due
    }

    /// Whether anything was taken in this round.
    pub(super) const fn has_accepted(&self) -> bool {
        self.has_accepted_in_round
    }

    /// The next round begins. Returns a message that is to be given up; `is_known` says whether its topic was refused for
    /// good before, so that one round more is enough.
    pub(super) fn begin_round(&mut self, is_known: impl FnOnce(&TopicName) -> bool) -> Option<HeldBack> {
        (self.is_due, self.next_round) = (false, None);
        self.held_topics.clear();
        let has_accepted = std::mem::take(&mut self.has_accepted_in_round);
        let held = self.held_back.take()?;
        // A quota is no fault of the message.
        let counts = u32::from(has_accepted && held.answer != Answer::Postponed);
        let rounds = match self.rounds {
            Some((known, rounds)) if known == held.place => rounds + counts,
            _ => counts,
        };
        self.rounds = Some((held.place, rounds));
        let limit = if is_known(&held.topic) { 1 } else { MAX_ROUNDS };
        (rounds >= limit).then_some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Lane, spool::Position};

    fn place(position: u64) -> Place {
        (Lane::Values, Position(position))
    }

    fn topic(text: &str) -> TopicName {
        TopicName::parse(text).unwrap()
    }

    fn refuse_for_now(refusals: &mut Refusals, position: u64, now: Instant) {
        refusals.on_refused_for_now(place(position), &topic("a"), Answer::RefusedForNow, "0x83", now);
    }

    #[test]
    fn what_is_refused_for_now_holds_up_its_topic_and_no_other() {
        let (mut refusals, now) = (Refusals::new(), Instant::now());
        refusals.on_accepted(None, now);
        refuse_for_now(&mut refusals, 1, now);
        assert!(refusals.must_wait(&topic("a"), now) && !refusals.must_wait(&topic("b"), now));
        refusals.tick(true, false, now);
        assert!(!refusals.is_due());
        refusals.tick(true, false, now + LONGEST_PAUSE);
        assert!(refusals.is_due());
        assert!(refusals.begin_round(|_| false).is_none() && !refusals.must_wait(&topic("a"), now));
    }

    #[test]
    fn what_is_refused_in_several_rounds_in_which_others_are_taken_is_given_up() {
        let (mut refusals, now) = (Refusals::new(), Instant::now());
        for round in 1..=20 {
            refuse_for_now(&mut refusals, 1, now);
            assert!(refusals.begin_round(|_| false).is_none(), "nothing is taken in round {round}");
        }
        for round in 1..=MAX_ROUNDS {
            refuse_for_now(&mut refusals, 1, now);
            refusals.on_accepted(Some(place(2)), now);
            assert_eq!(refusals.begin_round(|_| false).is_some(), round == MAX_ROUNDS);
        }
        refuse_for_now(&mut refusals, 3, now);
        refusals.on_accepted(Some(place(4)), now);
        let given_up = refusals.begin_round(|topic| topic.as_str() == "a").unwrap();
        assert_eq!((given_up.place, given_up.words.as_str()), (place(3), "0x83"), "its topic is known by now");
    }

    #[test]
    fn while_nothing_is_taken_one_message_a_topic_tries_and_it_is_said() {
        let (mut refusals, now) = (Refusals::new(), Instant::now());
        refusals.on_refused("not authorized", now);
        assert!(refusals.of_all(now).is_none() && !refusals.must_wait(&topic("a"), now));
        let later = now + REFUSED_FOR;
        assert_eq!(refusals.of_all(later), Some("not authorized"));
        assert!(!refusals.must_wait(&topic("a"), later) && refusals.must_wait(&topic("a"), later));
        assert!(refusals.on_accepted(Some(place(1)), later));
        assert!(refusals.has_second_chance(place(2)) && !refusals.has_second_chance(place(2)));
        refusals.on_refused("not authorized", later);
        assert!(refusals.of_all(later + REFUSED_FOR).is_none(), "one was taken of late");
        assert!(refusals.of_all(later + TAKEN_OF_LATE).is_some());
    }

    #[test]
    fn a_round_that_nothing_can_be_sent_before_is_not_waited_for_while_others_are_taken() {
        let (mut refusals, now) = (Refusals::new(), Instant::now());
        refuse_for_now(&mut refusals, 1, now);
        refusals.tick(true, true, now);
        assert!(!refusals.is_due(), "nothing is taken");
        refusals.on_accepted(Some(place(2)), now);
        refusals.tick(true, true, now);
        assert!(refusals.is_due());
        refusals.tick(false, false, now);
        assert!(!refusals.is_due());
    }
}
