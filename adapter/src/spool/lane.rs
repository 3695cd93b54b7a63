//! One lane: what is in the publisher's hands, what waits in memory, and what waits on the disk only.
//!
//! In order of position: `in_hand`, then `returned`, then what is on the disk only (from `next` on), then `tail`. In the
//! steady state the disk is written and never read: what is appended is still in `tail` when its turn comes. Only
//! `tail` grows while nobody reads, so it alone needs a bound; what it lets go of is on the disk.

use std::{collections::VecDeque, io, sync::Arc};

use super::{DropCause, DroppedRange, Position, budget::Budget, closed::ToSync, disk::Disk, log::Log, rescue::Rescue};
use crate::domain::{OutboundMessage, Timestamp};

type Entry = (Position, OutboundMessage);

/// The messages of a lane and where they are.
#[derive(Debug)]
pub(super) struct LaneQueue {
    log: Log,
    newest: Position,
    acknowledged: Position,
    /// Up to here all that is still needed is on the disk.
    saved: Position,
    in_hand: VecDeque<Entry>,
    returned: VecDeque<Entry>,
    /// The next one to be handed out after `returned`.
    next: Position,
    tail: VecDeque<Entry>,
    tail_weight: usize,
    count: u64,
}

impl LaneQueue {
    /// What `log` holds, of which nothing is in memory yet. `count` messages of it wait.
    pub(super) fn new(log: Log, count: u64) -> Self {
        let (newest, acknowledged) = (log.newest(), log.acknowledged());
        Self {
            log,
            newest,
            acknowledged,
            saved: newest,
            in_hand: VecDeque::new(),
            returned: VecDeque::new(),
            next: acknowledged.next(),
            tail: VecDeque::new(),
            tail_weight: 0,
            count,
        }
    }

    /// Takes a message in, into memory.
    pub(super) fn push(&mut self, message: OutboundMessage) {
        self.newest = self.newest.next();
        self.tail_weight += message.weight();
        self.tail.push_back((self.newest, message));
        self.count += 1;
    }

    /// Writes what is in memory only, all or none of it.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if self.saved == self.newest {
            return Ok(());
        }
        let saved = self.saved;
        let unsaved = [&self.in_hand, &self.returned, &self.tail].into_iter().flat_map(move |queue| {
            let first = queue.partition_point(|(position, _)| *position <= saved);
            queue.range(first..).map(|(position, message)| (*position, message))
        });
        if unsaved.clone().next().is_some() {
            self.log.append(unsaved)?;
        }
        self.saved = self.newest;
        Ok(())
    }

    /// Lets go of memory beyond `max_weight`: of what is on the disk without a loss, of anything else only where it is
    /// `may_lose`, and then it is handed to `lost`.
    pub(super) fn trim(&mut self, max_weight: usize, may_lose: bool, lost: &mut Vec<OutboundMessage>) {
        while self.tail_weight > max_weight {
            let is_saved = self.tail.front().is_some_and(|(position, _)| *position <= self.saved);
            if !is_saved && !may_lose {
                break;
            }
            let Some((_, message)) = self.tail.pop_front() else { break };
            self.tail_weight -= message.weight();
            if !is_saved {
                // Its position is a hole from now on; what stands before it on the disk is still to be read.
                self.count = self.count.saturating_sub(1);
                lost.push(message);
            }
        }
    }

    pub(super) const fn newest(&self) -> Position {
        self.newest
    }

    /// Messages that are not acknowledged; where some were damaged on the disk, about so many.
    pub(super) const fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is nothing to hand out and nothing in hand.
    pub(super) fn is_empty(&self) -> bool {
        let queues = [&self.in_hand, &self.returned, &self.tail];
        queues.iter().all(|queue| queue.is_empty()) && !self.log.has_from(self.next)
    }

    /// Bytes on the disk, and in memory where it is not on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.log.bytes() + if self.saved < self.newest { self.tail_weight as u64 } else { 0 }
    }

    /// When the oldest message was created, as far as is known without reading.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let in_memory = self.in_hand.front().or_else(|| self.returned.front());
        let on_disk = || (self.next < self.tail_first()).then(|| self.log.oldest_segment_time())?;
        let in_tail = || self.tail.front().map(|(_, message)| message.created_at);
        in_memory.map(|(_, message)| message.created_at).or_else(on_disk).or_else(in_tail)
    }

    fn tail_first(&self) -> Position {
        self.tail.front().map_or_else(|| self.newest.next(), |(position, _)| *position)
    }

    /// Copies up to `max` messages, fewer where they are large, the next ones in order and none after `limit`, into
    /// `taken`; returns how many. What could not be read any more is named in `damaged`.
    pub(super) fn take(
        &mut self,
        max: usize,
        limit: Position,
        taken: &mut Vec<Entry>,
        damaged: &mut Vec<DroppedRange>,
    ) -> io::Result<usize> {
        let before = taken.len();
        let mut budget = Budget::of(max);
        while budget.is_left() {
            let Some(entry) = self.returned.pop_front() else { break };
            budget.spend(&entry.1);
            taken.push(entry);
        }
        let until = self.tail_first().min(limit.next());
        let read = self.take_from_disk(until, &mut budget, taken, damaged);
        if self.next == self.tail_first() {
            while budget.is_left() {
                let Some((position, message)) = pop_up_to(&mut self.tail, limit) else { break };
                self.tail_weight -= message.weight();
                self.next = position.next();
                budget.spend(&message);
                taken.push((position, message));
            }
        }
        self.in_hand.extend(taken[before..].iter().cloned());
        let count = taken.len() - before;
        // An error is met again by the next call, when all that could be read is on its way.
        if count > 0 { Ok(count) } else { read.map(|()| 0) }
    }

    fn take_from_disk(
        &mut self,
        until: Position,
        budget: &mut Budget,
        taken: &mut Vec<Entry>,
        damaged: &mut Vec<DroppedRange>,
    ) -> io::Result<()> {
        let known = damaged.len();
        let read = self.log.read(&mut self.next, until, budget, taken, damaged);
        let lost: u64 = damaged[known..].iter().map(|range| range.count).sum();
        self.count = self.count.saturating_sub(lost);
        read
    }

    /// What was taken and not acknowledged waits again, at the front: on the disk, where it is there.
    pub(super) fn put_back(&mut self) {
        self.in_hand.append(&mut self.returned);
        std::mem::swap(&mut self.in_hand, &mut self.returned);
        let is_saved = self.returned.back().is_some_and(|(position, _)| *position <= self.saved);
        if let Some((first, _)) = self.returned.front().filter(|_| is_saved) {
            self.next = *first;
            self.returned.clear();
        }
    }

    /// Lets go of everything up to and including `up_to`. Positions that are gone already are no mistake.
    pub(super) fn acknowledge(&mut self, up_to: Position) {
        for queue in [&mut self.in_hand, &mut self.returned] {
            // Few go at a time, and all of them stand at the front.
            while pop_up_to(queue, up_to).is_some() {
                self.count = self.count.saturating_sub(1);
            }
        }
        self.acknowledged = self.acknowledged.max(up_to.min(self.newest));
        self.log.release(self.acknowledged.min(self.saved));
    }

    /// Drops the oldest segment of which nothing is in hand, and names what goes. Whether there was one.
    pub(super) fn drop_oldest(&mut self, cause: DropCause, ranges: &mut Vec<DroppedRange>) -> io::Result<bool> {
        let Some(dropped) = self.log.drop_oldest(self.held(), self.acknowledged, cause)? else { return Ok(false) };
        while let Some((_, message)) = pop_up_to(&mut self.tail, dropped.last) {
            self.tail_weight -= message.weight();
        }
        let count: u64 = dropped.ranges.iter().map(|range| range.count).sum();
        self.count = self.count.saturating_sub(count);
        ranges.extend(dropped.ranges);
        Ok(true)
    }

    /// When the newest message was created of the segment that `drop_oldest` would drop.
    pub(super) fn droppable_time(&self) -> Option<Timestamp> {
        self.log.droppable_time(self.held())
    }

    /// Up to here messages may be in the publisher's hands. With nothing there, a segment may go of which a part is
    /// acknowledged.
    fn held(&self) -> Position {
        let is_held = !self.in_hand.is_empty() || !self.returned.is_empty();
        Position(if is_held { self.next.0 - 1 } else { 0 })
    }

    /// What is to be synced next; `None` where all is synced.
    pub(super) fn to_sync(&self) -> Option<ToSync> {
        self.log.to_sync()
    }

    /// It is synced, or could not be.
    pub(super) fn note_sync(&mut self, asked: &ToSync, is_synced: bool) {
        if is_synced {
            self.log.note_synced(asked);
        } else {
            self.log.note_doubtful(asked);
        }
    }

    /// Up to here everything survives a power cut.
    pub(super) fn synced(&self) -> Position {
        self.log.synced()
    }

    /// Where the files are.
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        self.log.disk()
    }

    /// A segment that the disk did not keep, to be written once more.
    pub(super) fn to_rescue(&self) -> Option<Rescue> {
        self.log.to_rescue()
    }

    /// The segment has been written once more.
    pub(super) fn finish(&mut self, rescue: &Rescue) -> io::Result<()> {
        self.log.finish(rescue)
    }

    /// Closes the segment at hand, so that it knows what is in it.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.log.close()
    }

    /// Closes the segment at hand when its first message was created before `time`.
    pub(super) fn close_when_begun_before(&mut self, time: Timestamp) -> io::Result<()> {
        self.log.close_when_begun_before(time)
    }

    /// Writes down up to where all is acknowledged.
    pub(super) fn write_cursor(&mut self) -> io::Result<()> {
        self.log.write_cursor(self.acknowledged)
    }
}

fn pop_up_to(queue: &mut VecDeque<Entry>, limit: Position) -> Option<Entry> {
    queue.front().is_some_and(|(position, _)| *position <= limit).then(|| queue.pop_front())?
}
