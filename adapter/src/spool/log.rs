//! The log of one lane: its segments, what is still needed of them, and where reading is.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    sync::Arc,
};

use super::{
    DropCause, DroppedRange, Position,
    budget::Budget,
    closed::{Closed, Durability, ToSync},
    cursor::Cursor,
    damage,
    disk::Disk,
    recovery::{self, Recovery},
    rescue::{self, Rescue},
    second_summary,
    segment::{self, Reached, Reader, Writer},
    summary::Summary,
};
use crate::domain::{Epoch, OutboundMessage, Timestamp};

/// The segments of a lane.
#[derive(Debug)]
pub(super) struct Log {
    disk: Arc<dyn Disk>,
    epoch: Epoch,
    segment_bytes: u64,
    closed: VecDeque<Closed>,
    active: Option<Writer>,
    cursor: Cursor,
    /// The segment that is read, by the position before it.
    reading: Option<(Position, Reader)>,
    /// The position that the reader has reached.
    read_up_to: Position,
    newest: Position,
    /// Segments whose damage was told.
    assessed: BTreeSet<Position>,
    /// Reads that have failed one after the other.
    failed_reads: u32,
    /// Up to here a sync has succeeded.
    synced: Position,
}

/// What cannot be read so often is taken as damage. The publisher asks about four times a second.
const MAX_FAILED_READS: u32 = 20;

impl Log {
    /// Finds out what is there. What a killed process has left half written is cut off.
    pub(super) fn open(disk: Arc<dyn Disk>, epoch: Epoch, segment_bytes: u64) -> io::Result<(Self, Recovery)> {
        let cursor = Cursor::open(disk.as_ref())?;
        let mut log = Self {
            newest: cursor.written(),
            disk,
            epoch,
            segment_bytes,
            closed: VecDeque::new(),
            active: None,
            cursor,
            reading: None,
            read_up_to: Position(0),
            assessed: BTreeSet::new(),
            failed_reads: 0,
            synced: Position(0),
        };
        let files = log.disk.list()?;
        let is_there = |segment: &str| files.iter().any(|(name, _)| name == segment);
        let is_useless = |name: &str| {
            rescue::is_unfinished(name) || second_summary::segment_of(name).is_some_and(|segment| !is_there(segment))
        };
        for (name, _) in files.iter().filter(|(name, _)| is_useless(name)) {
            log.remove_file(name);
        }
        let mut segments: Vec<(Position, String, u64)> = files
            .iter()
            .filter_map(|(name, length)| Some((segment::position_of(name)?, name.clone(), *length)))
            .collect();
        segments.sort_unstable();
        let mut recovery = Recovery::default();
        for (_, name, length) in segments {
            match recovery::find_out(&log.disk, &name, length, &mut recovery) {
                Ok(Some(closed)) => {
                    log.newest = log.newest.max(closed.last);
                    log.closed.push_back(closed);
                }
                Ok(None) => log.remove_file(&name),
                // It stays where it is, for a person to look at, and holds nothing up.
                Err(error) => {
                    tracing::error!(file = name, %error, "a segment of the spool cannot be read and is left out; check the disk");
                }
            }
        }
        log.release(log.cursor.written());
        Ok((log, recovery))
    }

    /// Messages behind the cursor.
    pub(super) fn waiting(&mut self) -> io::Result<u64> {
        let acknowledged = self.acknowledged();
        let Some(oldest) = self.closed.front().filter(|oldest| oldest.before < acknowledged) else {
            return Ok(self.closed.iter().map(|closed| closed.count).sum());
        };
        let of_oldest: u64 =
            self.ranges_after(oldest, acknowledged, DropCause::Disk)?.iter().map(|range| range.count).sum();
        Ok(of_oldest + self.closed.iter().skip(1).map(|closed| closed.count).sum::<u64>())
    }

    /// The position of the newest message that was ever written, or is acknowledged.
    pub(super) const fn newest(&self) -> Position {
        self.newest
    }

    /// Up to where all was acknowledged when the cursor was written last.
    pub(super) const fn acknowledged(&self) -> Position {
        self.cursor.written()
    }

    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.closed.iter().map(|closed| closed.bytes).sum::<u64>() + self.active.as_ref().map_or(0, |it| it.length)
    }

    /// Writes messages behind all others, all or none of them. They survive the process when this returns.
    pub(super) fn append<'a>(
        &mut self,
        messages: impl Iterator<Item = (Position, &'a OutboundMessage)> + Clone,
    ) -> io::Result<()> {
        if self.active.as_ref().is_some_and(|it| it.length >= self.segment_bytes || it.has_many_routes()) {
            self.close()?;
        }
        let active = match &mut self.active {
            Some(active) => active,
            None => self.active.insert(Writer::create(self.disk.as_ref(), self.epoch, self.newest)?),
        };
        active.append(messages)?;
        self.newest = active.last.max(self.newest);
        Ok(())
    }

    /// Closes the segment that is written, so that it can be dropped, or a next one be begun.
    pub(super) fn close(&mut self) -> io::Result<()> {
        let closed = self.active.as_mut().map_or(Ok(()), Writer::close);
        if closed.is_ok()
            && let Some(active) = &self.active
            && let Err(error) = second_summary::write(self.disk.as_ref(), self.epoch, active.before, &active.summary())
        {
            tracing::debug!(%error, "a segment of the spool has no second summary");
        }
        self.forget_active(closed.is_err());
        closed
    }

    /// Closes the segment at hand when its first message was created before `time`, so that a lane of few messages can
    /// drop the old ones.
    pub(super) fn close_when_begun_before(&mut self, time: Timestamp) -> io::Result<()> {
        let oldest = self.active.as_ref().and_then(|active| active.oldest);
        if oldest.is_some_and(|oldest| oldest < time) { self.close() } else { Ok(()) }
    }

    fn forget_active(&mut self, is_doubtful: bool) {
        let Some(active) = self.active.take() else { return };
        let durability = if is_doubtful { Durability::Doubtful } else { Durability::Written(active.file) };
        self.closed.push_back(Closed {
            before: active.before,
            last: active.last,
            bytes: active.length,
            count: active.count,
            newest: active.newest,
            epoch: self.epoch,
            durability,
            is_cut: false,
        });
    }

    /// Where the files are.
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// A segment that is to be written once more, since it could not be synced.
    pub(super) fn to_rescue(&self) -> Option<Rescue> {
        let closed = self.closed.iter().find(|closed| matches!(closed.durability, Durability::Doubtful))?;
        Some(Rescue { disk: Arc::clone(&self.disk), before: closed.before, bytes: closed.bytes })
    }

    /// Puts the copy of a segment in its place, when it is still needed.
    pub(super) fn finish(&mut self, rescue: &Rescue) -> io::Result<()> {
        let Some(closed) = self.closed.iter_mut().find(|closed| closed.before == rescue.before) else {
            rescue.discard();
            return Ok(());
        };
        rescue.adopt()?;
        closed.durability = Durability::Synced;
        if self.reading.as_ref().is_some_and(|(reading, _)| *reading == rescue.before) {
            self.reading = None;
        }
        Ok(())
    }

    /// Up to here everything survives a power cut.
    pub(super) fn synced(&self) -> Position {
        let is_unsynced = |closed: &&Closed| !matches!(closed.durability, Durability::Synced);
        let unsynced = self.closed.iter().find(is_unsynced).map(|closed| closed.before);
        let closed = unsynced.or_else(|| self.active.as_ref().map(|active| active.before)).unwrap_or(self.newest);
        closed.max(self.synced)
    }

    /// What is to be synced next, by one who does not hold the log: closed segments, then the one that is written.
    pub(super) fn to_sync(&self) -> Option<ToSync> {
        let file_of = |closed: &Closed| match &closed.durability {
            Durability::Written(file) => Some(Arc::clone(file)),
            // One that cannot be opened cannot be read either, which is where it is told.
            Durability::Found => self.disk.open(&segment::name_of(closed.before)).ok(),
            Durability::Synced | Durability::Doubtful => None,
        };
        let closed = self.closed.iter().find_map(|closed| {
            let file = file_of(closed)?;
            Some(ToSync { file, before: closed.before, up_to: closed.last, is_closed: true })
        });
        let active = || {
            let active = self.active.as_ref().filter(|_| self.newest > self.synced())?;
            let file = Arc::clone(&active.file);
            Some(ToSync { file, before: active.before, up_to: self.newest, is_closed: false })
        };
        closed.or_else(active)
    }

    /// It is synced, and so is all that stands before it.
    pub(super) fn note_synced(&mut self, synced: &ToSync) {
        self.synced = self.synced.max(synced.up_to);
        if let Some(closed) = self.closed.iter_mut().find(|closed| synced.is_closed && closed.before == synced.before) {
            closed.durability = Durability::Synced;
        }
    }

    /// It could not be synced, so that what is in it is to be rescued. Nothing more is written to it; a next segment is
    /// begun when the disk takes it.
    pub(super) fn note_doubtful(&mut self, doubtful: &ToSync) {
        if self.active.as_ref().is_some_and(|active| active.before == doubtful.before) {
            self.forget_active(true);
        } else if let Some(closed) = self.closed.iter_mut().find(|closed| closed.before == doubtful.before) {
            closed.durability = Durability::Doubtful;
        }
    }

    /// Writes down up to where all is acknowledged.
    pub(super) fn write_cursor(&mut self, position: Position) -> io::Result<()> {
        self.cursor.write(self.disk.as_ref(), position)
    }

    /// Nothing up to and including `up_to` is needed any more.
    pub(super) fn release(&mut self, up_to: Position) {
        while let Some(oldest) = self.closed.front().filter(|oldest| oldest.last <= up_to) {
            let before = oldest.before;
            self.remove(before);
        }
    }

    fn remove(&mut self, before: Position) {
        self.closed.retain(|closed| closed.before != before);
        self.assessed.remove(&before);
        if self.reading.as_ref().is_some_and(|(reading, _)| *reading == before) {
            self.reading = None;
        }
        self.remove_file(&segment::name_of(before));
        self.remove_file(&second_summary::name_of(before));
    }

    /// What cannot be removed now is found and removed at the next start.
    fn remove_file(&self, name: &str) {
        if let Err(error) = self.disk.remove(name) {
            tracing::debug!(%error, name, "a file of the spool was not removed");
        }
    }

    /// Reads messages from the position `next` on and before `until`, as many as `budget` allows, and moves `next` behind
    /// them; to `until` where there are no more. What turns out to be damaged is named in `damaged`. After an error `taken`
    /// holds what could be read before it.
    pub(super) fn read(
        &mut self,
        next: &mut Position,
        until: Position,
        budget: &mut Budget,
        taken: &mut Vec<(Position, OutboundMessage)>,
        damaged: &mut Vec<DroppedRange>,
    ) -> io::Result<()> {
        if *next <= self.read_up_to {
            // A reader only goes forward.
            self.reading = None;
        }
        while budget.is_left() && *next < until {
            let Some((before, last, epoch)) = self.segment_with(*next) else {
                *next = until;
                break;
            };
            let passes_unreadable = self.failed_reads >= MAX_FAILED_READS;
            let reader = self.reader_of(before, epoch)?;
            if passes_unreadable {
                reader.pass_unreadable();
            }
            let known = taken.len();
            let reached = reader.read(next, until, budget, taken);
            let is_damaged = reader.is_damaged();
            if let Some((position, _)) = taken[known..].last() {
                self.read_up_to = *position;
            }
            if matches!(reached, Ok(Reached::End | Reached::TooFar)) {
                self.reading = None;
            }
            let is_at_end = matches!(reached, Ok(Reached::End));
            if (is_damaged && (taken.len() > known || is_at_end)) || (is_at_end && self.is_cut(before)) {
                damaged.extend(self.assess(before)?);
            }
            if reached.is_ok() || taken.len() > known {
                self.failed_reads = 0;
            }
            match reached {
                Ok(Reached::Goal) => {}
                // Another one may hold the rest.
                Ok(Reached::End) => *next = last.next().min(until),
                // The reader begins anew when this message is wanted.
                Ok(Reached::TooFar) => *next = until,
                Err(error) => {
                    self.failed_reads += 1;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn is_cut(&self, before: Position) -> bool {
        self.closed.iter().any(|closed| closed.before == before && closed.is_cut)
    }

    /// The reader that stands in the segment behind `before`, or a new one at its beginning.
    fn reader_of(&mut self, before: Position, epoch: Epoch) -> io::Result<&mut Reader> {
        let is_there = self.reading.as_ref().is_some_and(|(reading, _)| *reading == before);
        let reading = match self.reading.take().filter(|_| is_there) {
            Some(reading) => reading,
            None => (before, Reader::new(self.disk.open(&segment::name_of(before))?, epoch)),
        };
        Ok(&mut self.reading.insert(reading).1)
    }

    /// Whether there is a message at `position` or after it.
    pub(super) fn has_from(&self, position: Position) -> bool {
        self.segment_with(position).is_some()
    }

    /// The segment that holds `position`, or else the next message after it: the position before it, its last one, and
    /// its epoch.
    fn segment_with(&self, position: Position) -> Option<(Position, Position, Epoch)> {
        let index = self.closed.partition_point(|closed| closed.last < position);
        if let Some(closed) = self.closed.get(index) {
            return Some((closed.before, closed.last, closed.epoch));
        }
        let active = self.active.as_ref().filter(|_| self.newest >= position)?;
        Some((active.before, self.newest, self.epoch))
    }

    /// Drops the oldest segment behind `in_hand` to make room, and says what was in it behind `acknowledged`. A segment with
    /// messages that are on their way stays, since they may still have to be sent again by another process. `None` where
    /// there is none.
    pub(super) fn drop_oldest(
        &mut self,
        in_hand: Position,
        acknowledged: Position,
        cause: DropCause,
    ) -> io::Result<Option<Dropped>> {
        let is_free = |closed: &&Closed| closed.before >= in_hand;
        if !self.closed.iter().any(|closed| is_free(&closed))
            && self.active.as_ref().is_some_and(|active| active.before >= in_hand && active.count > 0)
        {
            // A segment that cannot be given an end can be dropped all the same.
            if let Err(error) = self.close() {
                tracing::debug!(%error, "a segment of the spool was not closed");
            }
        }
        let Some(oldest) = self.closed.iter().find(is_free).cloned() else { return Ok(None) };
        let ranges = if oldest.before < acknowledged {
            self.ranges_after(&oldest, acknowledged, cause)?
        } else {
            self.summary_of(&oldest)?.ranges(oldest.epoch, cause).collect()
        };
        self.remove(oldest.before);
        Ok(Some(Dropped { last: oldest.last, ranges }))
    }

    /// When the newest message was created of the segment that `drop_oldest` would drop.
    pub(super) fn droppable_time(&self, in_hand: Position) -> Option<Timestamp> {
        match self.closed.iter().find(|closed| closed.before >= in_hand) {
            Some(closed) => closed.newest,
            None => self.active.as_ref().filter(|active| active.before >= in_hand)?.newest,
        }
    }

    /// When the newest message of the oldest segment was created.
    pub(super) fn oldest_segment_time(&self) -> Option<Timestamp> {
        match self.closed.front() {
            Some(closed) => closed.newest,
            None => self.active.as_ref()?.newest,
        }
    }

    fn summary_of(&self, closed: &Closed) -> io::Result<Summary> {
        let file = self.disk.open(&segment::name_of(closed.before))?;
        match segment::read_summary(file.as_ref(), closed.bytes) {
            Ok(Some(summary)) => Ok(summary),
            Ok(None) | Err(_) => match second_summary::read(self.disk.as_ref(), closed.epoch, closed.before) {
                Ok(Some(summary)) => Ok(summary),
                Ok(None) | Err(_) => Ok(recovery::scan(file, closed.epoch)?.0),
            },
        }
    }

    fn ranges_after(&self, closed: &Closed, spared: Position, cause: DropCause) -> io::Result<Vec<DroppedRange>> {
        let mut reader = Reader::over_all(self.disk.open(&segment::name_of(closed.before))?, closed.epoch);
        let mut summary = Summary::default();
        while let Some((position, message)) = reader.next()? {
            if position > spared {
                summary.add(position, &message, closed.epoch);
            }
        }
        Ok(summary.ranges(closed.epoch, cause).collect())
    }

    /// What cannot be read any more of a damaged segment, said once.
    fn assess(&mut self, before: Position) -> io::Result<Vec<DroppedRange>> {
        if !self.assessed.insert(before) {
            return Ok(Vec::new());
        }
        let Some(closed) = self.closed.iter().find(|closed| closed.before == before) else { return Ok(Vec::new()) };
        let reader = Reader::over_all(self.disk.open(&segment::name_of(before))?, closed.epoch);
        damage::losses(reader, &self.summary_of(closed)?, closed.epoch, self.acknowledged())
    }
}

/// What went with a segment.
#[derive(Debug)]
pub(super) struct Dropped {
    /// Its last position.
    pub(super) last: Position,
    /// What of it had not been sent.
    pub(super) ranges: Vec<DroppedRange>,
}
