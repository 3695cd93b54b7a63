//! Who waits for a turn, by tag: what each tag's commands wait for is that tag alone.
//!
//! | the tag has | and then | it has |
//! |---|---|---|
//! | nothing under way | `start` takes its first command, if fewer than `limit` commands are under way | a command under way |
//! | nothing under way | `start_bit`, if fewer than `limit` alarm bits are under way | an alarm bit under way |
//! | something under way | nothing starts; commands line up | something under way |
//! | something under way | `finish` | nothing under way, and the last turn of all |
//!
//! Turns go round the tags, so that one with many commands waits longer than one with few. Alarm bits have places of their
//! own: no number of commands holds one up. A tag may have as many commands waiting as there are places left for all, so
//! that a flood for one never fills the last place.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::domain::TagId;

/// Commands of all tags that may wait for their turn.
pub const MAX_WAITING_COMMANDS: usize = 256;

/// What is being written to a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnderWay {
    Command,
    AlarmBit,
}

/// What waits and what is under way; no I/O, and every count is taken from the one table.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    /// The tags for which something waits or is under way.
    by_tag: BTreeMap<TagId, Lane<T>>,
    /// Commands under way at most, and as many alarm bits.
    limit: usize,
    /// The last turn given.
    last_turn: u64,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<Waiting<T>>,
    under_way: Option<UnderWay>,
    turn: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    /// When it has waited too long, on the clock of the session; `None` for what waits for its predecessor's verdict.
    expires: Option<Duration>,
    item: T,
}

/// There is no room for one more; how many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) of_tag: usize,
    pub(super) of_all: usize,
}

impl<T> Lanes<T> {
    /// For so many writes at once.
    pub(super) fn new(limit: usize) -> Self {
        Self { by_tag: BTreeMap::new(), limit: limit.max(1), last_turn: 0 }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.by_tag.values().map(|lane| lane.waiting.len()).sum()
    }

    /// Whether one more may wait for this tag.
    pub(super) fn check_room(&self, tag: TagId) -> Result<(), Full> {
        let of_all = self.waiting();
        let of_tag = self.by_tag.get(&tag).map_or(0, |lane| lane.waiting.len());
        if of_tag < MAX_WAITING_COMMANDS.saturating_sub(of_all) { Ok(()) } else { Err(Full { of_tag, of_all }) }
    }

    /// Lines up behind what waits for this tag.
    pub(super) fn line_up(&mut self, tag: TagId, expires: Option<Duration>, item: T) {
        self.lane(tag).waiting.push_back(Waiting { expires, item });
    }

    /// The command whose turn it is, which is under way from now on, and when it expires.
    pub(super) fn start(&mut self) -> Option<(TagId, Option<Duration>, T)> {
        if self.count(UnderWay::Command) >= self.limit {
            return None;
        }
        let ready = self.by_tag.iter_mut().filter(|(_, lane)| lane.under_way.is_none() && !lane.waiting.is_empty());
        let (tag, lane) = ready.min_by_key(|(_, lane)| lane.turn)?;
        let Waiting { expires, item } = lane.waiting.pop_front()?;
        lane.under_way = Some(UnderWay::Command);
        Some((*tag, expires, item))
    }

    /// Whether one more alarm bit may start, if its tag is free.
    pub(super) fn has_place_for_bit(&self) -> bool {
        self.count(UnderWay::AlarmBit) < self.limit
    }

    /// Whether nothing is under way to this tag.
    pub(super) fn is_free(&self, tag: TagId) -> bool {
        self.by_tag.get(&tag).is_none_or(|lane| lane.under_way.is_none())
    }

    /// An alarm bit of a tag that is free is under way from now on.
    pub(super) fn start_bit(&mut self, tag: TagId) {
        self.lane(tag).under_way = Some(UnderWay::AlarmBit);
    }

    /// What was under way to this tag has ended.
    pub(super) fn finish(&mut self, tag: TagId) {
        self.last_turn += 1;
        if let Some(lane) = self.by_tag.get_mut(&tag) {
            lane.under_way = None;
            lane.turn = self.last_turn;
        }
        self.tidy();
    }

    /// When the next one that waits has waited too long, on the clock of the session.
    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.by_tag.values().flat_map(|lane| &lane.waiting).filter_map(|waiting| waiting.expires).min()
    }

    /// Those that have waited too long.
    pub(super) fn take_expired(&mut self, now: Duration) -> Vec<T> {
        self.take(|_, waiting| waiting.expires.is_some_and(|expires| expires <= now))
    }

    /// Those of one tag that are so.
    pub(super) fn take_of(&mut self, tag: TagId, is_so: impl Fn(&T) -> bool) -> Vec<T> {
        self.take(|of, waiting| of == tag && is_so(&waiting.item))
    }

    /// One that waits, in the order of its tag.
    pub(super) fn pop(&mut self) -> Option<T> {
        let popped = self.by_tag.values_mut().find_map(|lane| lane.waiting.pop_front());
        self.tidy();
        popped.map(|waiting| waiting.item)
    }

    fn lane(&mut self, tag: TagId) -> &mut Lane<T> {
        self.by_tag.entry(tag).or_insert_with(|| {
            self.last_turn += 1;
            Lane { waiting: VecDeque::new(), under_way: None, turn: self.last_turn }
        })
    }

    fn count(&self, what: UnderWay) -> usize {
        self.by_tag.values().filter(|lane| lane.under_way == Some(what)).count()
    }

    fn take(&mut self, is_gone: impl Fn(TagId, &Waiting<T>) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        for (tag, lane) in &mut self.by_tag {
            if lane.waiting.iter().any(|waiting| is_gone(*tag, waiting)) {
                let (gone, kept) = lane.waiting.drain(..).partition(|waiting| is_gone(*tag, waiting));
                lane.waiting = kept;
                taken.extend(VecDeque::into_iter(gone).map(|waiting: Waiting<T>| waiting.item));
            }
        }
        self.tidy();
        taken
    }

    fn tidy(&mut self) {
        self.by_tag.retain(|_, lane| lane.under_way.is_some() || !lane.waiting.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(limit: usize, waiting: &[(u32, u32)]) -> Lanes<u32> {
        let mut lanes = Lanes::new(limit);
        for (tag, item) in waiting {
            lanes.line_up(TagId(*tag), Some(Duration::from_secs(u64::from(*item))), *item);
        }
        lanes
    }

    fn start_all(lanes: &mut Lanes<u32>) -> Vec<u32> {
        std::iter::from_fn(|| lanes.start()).map(|(_, _, item)| item).collect()
    }

    #[test]
    fn each_tag_has_one_under_way_and_all_of_them_a_limited_number() {
        let mut lanes = lanes(2, &[(1, 10), (1, 11), (2, 20), (3, 30)]);
        assert_eq!(start_all(&mut lanes), [10, 20]);
        lanes.finish(TagId(2));
        assert_eq!(start_all(&mut lanes), [30]);
        lanes.finish(TagId(3));
        assert_eq!(start_all(&mut lanes), Vec::<u32>::new(), "the tag is busy");
        lanes.finish(TagId(1));
        assert_eq!(start_all(&mut lanes), [11]);
        lanes.finish(TagId(1));
        assert!(lanes.by_tag.is_empty());
    }

    #[test]
    fn turns_go_round_the_tags() {
        let mut lanes = lanes(1, &[(1, 10), (1, 11), (1, 12), (2, 20), (2, 21), (3, 30)]);
        let mut order = Vec::new();
        while let Some((tag, _, item)) = lanes.start() {
            order.push(item);
            lanes.finish(tag);
        }
        assert_eq!(order, [10, 20, 30, 11, 21, 12]);
    }

    #[test]
    fn a_bit_and_a_command_of_one_tag_wait_for_each_other() {
        let mut lanes = lanes(1, &[(1, 10), (2, 20)]);
        lanes.start_bit(TagId(1));
        assert!(!lanes.has_place_for_bit());
        assert_eq!(start_all(&mut lanes), [20]);
        assert!(!lanes.is_free(TagId(1)) && !lanes.is_free(TagId(2)) && lanes.is_free(TagId(3)));
        lanes.finish(TagId(2));
        assert_eq!(start_all(&mut lanes), Vec::<u32>::new());
        lanes.finish(TagId(1));
        assert!(lanes.has_place_for_bit());
        assert_eq!(start_all(&mut lanes), [10]);
    }

    #[test]
    fn a_flood_for_some_tags_leaves_room_for_another() {
        let mut lanes = Lanes::new(8);
        for tag in 1..=5 {
            while lanes.check_room(TagId(tag)).is_ok() {
                lanes.line_up(TagId(tag), None, 0);
            }
        }
        assert_eq!(lanes.check_room(TagId(1)), Err(Full { of_tag: 128, of_all: lanes.waiting() }));
        assert_eq!(lanes.check_room(TagId(9)), Ok(()));
        assert!(lanes.waiting() < MAX_WAITING_COMMANDS);
    }

    #[test]
    fn what_has_waited_too_long_goes_wherever_it_stands() {
        let mut lanes = lanes(8, &[(1, 9), (1, 3), (1, 5), (2, 4)]);
        lanes.line_up(TagId(2), None, 1);
        assert_eq!(lanes.next_expiry(), Some(Duration::from_secs(3)));
        assert_eq!(lanes.take_expired(Duration::from_secs(4)), [3, 4]);
        assert_eq!((lanes.next_expiry(), lanes.waiting()), (Some(Duration::from_secs(5)), 3));
        assert_eq!(lanes.take_of(TagId(1), |item| *item == 5), [5]);
        assert_eq!((lanes.pop(), lanes.pop(), lanes.pop()), (Some(9), Some(1), None));
    }
}
