//! Which alarm bits still have to be written, and when.
//!
//! An alarm bit is a level, not a command: what counts is that the PLC has the latest one in the end. So, unlike a
//! command, it is tried again until it is written: each second while there is no session, after growing pauses when
//! the server refuses it. Trying again after a write without an answer is safe too, as writing the same level twice is
//! writing it once. A level that changes meanwhile replaces the one that waits, and follows the one that is under way.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::{alarm_levels::Levels, answer::Answer};
use crate::domain::{Outcome, RejectReason, TagId};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Levels and their due times; no I/O.
#[derive(Debug, Default)]
pub(super) struct AlarmWrites {
    bits: BTreeMap<TagId, Bit>,
    queue: BTreeSet<(Instant, TagId)>,
    generation: u64,
}

#[derive(Debug)]
struct Bit {
    level: bool,
    pause: Duration,
    /// How the last attempt at this level ended, to log each way only once.
    last: Option<(Outcome, Option<String>)>,
}

impl AlarmWrites {
    /// Takes over the latest levels: what is new or changed is due now.
    pub(super) fn update(&mut self, levels: &Levels, now: Instant) {
        let is_all_due = self.generation != levels.generation;
        self.generation = levels.generation;
        for (tag, level) in levels.iter() {
            let is_due = is_all_due || self.bits.get(&tag).is_none_or(|bit| bit.level != level);
            if is_due {
                self.queue.retain(|(_, waiting)| *waiting != tag);
                self.queue.insert((now, tag));
                self.bits.insert(tag, Bit { level, pause: FIRST_PAUSE, last: None });
            }
        }
    }

    /// When the next bit of a tag to which nothing is under way is due.
    pub(super) fn next_due(&self, is_free: impl Fn(TagId) -> bool) -> Option<Instant> {
        self.queue.iter().find(|(_, tag)| is_free(*tag)).map(|(due, _)| *due)
    }

    /// How many bits wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The bit that is due now, of a tag to which nothing is under way, and its level; `conclude` says what became of it.
    pub(super) fn take_due(&mut self, now: Instant, is_free: impl Fn(TagId) -> bool) -> Option<(TagId, bool)> {
        let is_due = |(due, tag): &&(Instant, TagId)| *due <= now && is_free(*tag);
        let (due, tag) = self.queue.iter().find(is_due).copied()?;
        self.queue.remove(&(due, tag));
        self.bits.get(&tag).map(|bit| (tag, bit.level))
    }

    /// Notes how a write ended; returns whether it ended otherwise than the attempt before.
    pub(super) fn conclude(&mut self, tag: TagId, answer: &Answer, now: Instant) -> bool {
        let Some(bit) = self.bits.get_mut(&tag) else { return false };
        if self.queue.iter().any(|(_, waiting)| *waiting == tag) {
            // A new level, or the old one for a new session, waits already.
            return true;
        }
        let is_refused_for = |reason: RejectReason| answer.reason.as_deref() == Some(reason.as_str());
        let is_settled = answer.outcome == Outcome::Succeeded || is_refused_for(RejectReason::Unmapped);
        if !is_settled {
            self.queue.insert((now + bit.pause, tag));
            if !is_refused_for(RejectReason::NotConnected) {
                bit.pause = (bit.pause * 2).min(LONGEST_PAUSE);
            }
        }
        let ending = (answer.outcome, answer.reason.clone());
        bit.last.replace(ending.clone()) != Some(ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::StatusCode,
        pipeline::southbound::{
            alarm_levels::{AlarmLevels, AlarmWrite},
            answer::Rejection,
        },
    };

    const TAG: TagId = TagId(0);

    struct Scene {
        levels: AlarmLevels,
        writes: AlarmWrites,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self { levels: AlarmLevels::default(), writes: AlarmWrites::default(), now: Instant::now() }
        }

        fn set(&mut self, is_active: bool) {
            self.levels.set(AlarmWrite { tag: TAG, mapping: 0, is_active });
            self.update();
        }

        fn update(&mut self) {
            self.writes.update(&self.levels.subscribe().borrow(), self.now);
        }

        /// Takes what is due, ends it, and returns level, whether that was news, and the seconds until the next try.
        fn attempt(&mut self, answer: &Answer) -> (bool, bool, Option<u64>) {
            self.now = self.writes.next_due(|_| true).unwrap().max(self.now);
            let (tag, level) = self.writes.take_due(self.now, |_| true).unwrap();
            let is_news = self.writes.conclude(tag, answer, self.now);
            (level, is_news, self.writes.next_due(|_| true).map(|due| (due - self.now).as_secs()))
        }
    }

    fn good() -> Answer {
        Answer::from_status(StatusCode::GOOD, "Good")
    }

    fn not_connected() -> Answer {
        Rejection::new(RejectReason::NotConnected, "").into()
    }

    fn refused() -> Answer {
        Answer::from_status(StatusCode(0x801F_0000), "BadUserAccessDenied")
    }

    #[test]
    fn a_level_is_written_once() {
        let mut scene = Scene::new();
        scene.set(true);
        assert_eq!(scene.attempt(&good()), (true, true, None));
        scene.set(true);
        assert_eq!(scene.writes.next_due(|_| true), None);
        scene.set(false);
        assert_eq!(scene.attempt(&good()), (false, true, None));
    }

    #[test]
    fn without_a_session_it_is_tried_each_second_and_logged_once() {
        let mut scene = Scene::new();
        scene.set(true);
        assert_eq!(scene.attempt(&not_connected()), (true, true, Some(1)));
        assert_eq!(scene.attempt(&not_connected()), (true, false, Some(1)));
        assert_eq!(scene.attempt(&not_connected()), (true, false, Some(1)));
        assert_eq!(scene.attempt(&good()), (true, true, None));
    }

    #[test]
    fn a_server_that_refuses_is_asked_ever_more_rarely() {
        let mut scene = Scene::new();
        scene.set(true);
        let pauses: Vec<_> = (0..8).map(|_| scene.attempt(&refused()).2.unwrap()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn the_latest_level_replaces_the_one_that_waits() {
        let mut scene = Scene::new();
        scene.set(true);
        scene.attempt(&refused());
        scene.set(false);
        assert_eq!(scene.writes.waiting(), 1);
        assert_eq!(scene.attempt(&good()), (false, true, None));
    }

    #[test]
    fn a_level_that_changes_while_one_is_under_way_is_written_at_once_and_once() {
        let mut scene = Scene::new();
        scene.set(true);
        assert_eq!(scene.writes.take_due(scene.now, |_| false), None);
        let (tag, level) = scene.writes.take_due(scene.now, |_| true).unwrap();
        assert!(level);
        scene.set(false);
        assert_eq!(scene.writes.next_due(|_| false), None);
        assert!(scene.writes.conclude(tag, &refused(), scene.now));
        assert_eq!((scene.writes.waiting(), scene.writes.next_due(|_| true)), (1, Some(scene.now)));
        assert_eq!(scene.attempt(&good()), (false, true, None));
    }

    #[test]
    fn a_new_session_has_all_levels_written_anew() {
        let mut scene = Scene::new();
        scene.set(true);
        scene.attempt(&good());
        scene.levels.reassert();
        scene.update();
        assert_eq!(scene.attempt(&good()), (true, true, None));
        scene.update();
        assert_eq!(scene.writes.next_due(|_| true), None);
    }

    #[test]
    fn a_tag_that_no_mapping_allows_is_refused_for_good() {
        let mut scene = Scene::new();
        scene.set(true);
        let unmapped = Rejection::new(RejectReason::Unmapped, "").into();
        assert_eq!(scene.attempt(&unmapped), (true, true, None));
    }
}
