//! One file of a lane's log.
//!
//! ```text
//! head     8 bytes   "TWSPOOL1"
//!          u64       epoch of the process that wrote it
//!          u64       position before its first message
//!          u32       CRC-32 of the 24 bytes before
//! records            routes, each before the first message that takes it, and messages, by position
//! summary            one record, once the segment is closed
//! end      u64       where the summary begins
//!          u32       CRC-32 of the 8 bytes before
//!          8 bytes   "TWSPEND1"
//! ```
//!
//! Invariants: positions grow and may have holes (what was dropped before it was written); a route is known to every
//! message behind it; a closed segment is never written again, and a process writes only segments that it has begun
//! itself. So a segment without an end is that of a process that was killed, or the one that is being written.

use std::{collections::HashMap, io, sync::Arc};

use bytes::{Buf, BytesMut};

use super::{
    DropCause, DroppedRange, Position,
    budget::Budget,
    disk::{Disk, DiskFile},
    record::{self, HEADER_BYTES, MARKER, Parsed, Record},
    summary::Summary,
};
use crate::domain::{Epoch, OutboundMessage, Route, Timestamp};

pub(super) const HEAD_BYTES: usize = 28;
const END_BYTES: usize = 20;
const HEAD: &[u8; 8] = b"TWSPOOL1";
const END: &[u8; 8] = b"TWSPEND1";
const SUFFIX: &str = ".seg";
/// Bytes that are read at a time.
const READ_BYTES: usize = 256 << 10;
/// Bytes that a disk reads at a time: where one of them cannot be read, the next may be.
const BLOCK_BYTES: u64 = 4 << 10;
/// How many bytes may be checked in vain for each byte that was read: real damage takes hardly any, since no text holds a
/// marker.
const CREDIT_FOR_A_BYTE: u64 = 8;
/// A segment with so many routes is closed: each takes memory, and verdicts may go to ever new topics.
const MANY_ROUTES: usize = 16_384;
/// A buffer that one large batch has made larger is not kept.
const KEPT_BUFFER_BYTES: usize = 1 << 20;

/// The name of the segment whose messages stand behind `before`.
pub(super) fn name_of(before: Position) -> String {
    format!("{:020}{SUFFIX}", before.0)
}

/// The position before a segment's first message, from its name.
pub(super) fn position_of(name: &str) -> Option<Position> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20).then(|| digits.parse().ok().map(Position))?
}

/// A segment that is being written.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) before: Position,
    /// The position of its newest message, or `before`.
    pub(super) last: Position,
    pub(super) length: u64,
    /// How many messages.
    pub(super) count: u64,
    /// When its first message was created.
    pub(super) oldest: Option<Timestamp>,
    /// When its newest message was created.
    pub(super) newest: Option<Timestamp>,
    epoch: Epoch,
    /// Route ids by the address of the route. The mapping's messages share one route, which `routes` keeps alive, so
    /// that no other one can get its address.
    ids: HashMap<usize, u32>,
    /// By route id: the route, and what there is of it.
    routes: Vec<(Arc<Route>, Option<DroppedRange>)>,
    /// These two are kept between two batches for their memory only.
    buffer: Vec<u8>,
    written_ids: Vec<u32>,
}

impl Writer {
    /// Begins a segment.
    pub(super) fn create(disk: &dyn Disk, epoch: Epoch, before: Position) -> io::Result<Self> {
        let file = disk.create(&name_of(before))?;
        file.write_at(&head(epoch, before), 0)?;
        Ok(Self {
            file,
            before,
            last: before,
            length: HEAD_BYTES as u64,
            count: 0,
            oldest: None,
            newest: None,
            epoch,
            ids: HashMap::new(),
            routes: Vec::new(),
            buffer: Vec::new(),
            written_ids: Vec::new(),
        })
    }

    /// Whether it has as many routes as one segment should.
    pub(super) const fn has_many_routes(&self) -> bool {
        self.routes.len() >= MANY_ROUTES
    }

    /// Writes messages with one call to the disk, all or none of them.
    pub(super) fn append<'a>(
        &mut self,
        messages: impl Iterator<Item = (Position, &'a OutboundMessage)> + Clone,
    ) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let known = self.routes.len();
        let mut ids = std::mem::take(&mut self.written_ids);
        ids.clear();
        for (position, message) in messages.clone() {
            let id = self.id_of(&message.route, &mut buffer);
            record::write_message(&mut buffer, position, id, message);
            ids.push(id);
        }
        let written = self.file.write_at(&buffer, self.length);
        if written.is_ok() {
            self.length += buffer.len() as u64;
            messages.zip(&ids).for_each(|((position, message), id)| self.note(position, *id, message));
        } else {
            // What was written of it must not be taken for messages after a restart.
            let cut = self.file.truncate(self.length);
            tracing::debug!(?cut, "a write to the spool failed");
            self.routes.truncate(known);
            self.ids.retain(|_, id| (*id as usize) < known);
        }
        if buffer.capacity() <= KEPT_BUFFER_BYTES {
            (self.buffer, self.written_ids) = (buffer, ids);
        }
        written
    }

    fn id_of(&mut self, route: &Arc<Route>, buffer: &mut Vec<u8>) -> u32 {
        let routes = &mut self.routes;
        *self.ids.entry(Arc::as_ptr(route).addr()).or_insert_with(|| {
            let next = u32::try_from(routes.len()).unwrap_or(u32::MAX);
            record::write_route(buffer, next, route);
            routes.push((Arc::clone(route), None));
            next
        })
    }

    fn note(&mut self, position: Position, id: u32, message: &OutboundMessage) {
        self.last = position;
        self.count += 1;
        self.oldest = self.oldest.or(Some(message.created_at));
        self.newest = self.newest.max(Some(message.created_at));
        let Some((_, range)) = self.routes.get_mut(id as usize) else { return };
        match range {
            Some(range) => range.add(message),
            None => *range = Some(DroppedRange::new(message, self.epoch, DropCause::Retention)),
        }
    }

    /// What is in it.
    pub(super) fn summary(&self) -> Summary {
        let ranges = self.routes.iter().filter_map(|(_, range)| range.clone());
        Summary::of_routes(self.count, self.last, self.newest, ranges)
    }

    /// Closes the segment with its summary. It is not synced by this.
    pub(super) fn close(&mut self) -> io::Result<()> {
        let start = self.length.to_le_bytes();
        let mut end = Vec::new();
        record::write_summary(&mut end, &self.summary());
        end.extend_from_slice(&start);
        end.extend_from_slice(&crc32fast::hash(&start).to_le_bytes());
        end.extend_from_slice(END);
        self.file.write_at(&end, self.length)?;
        self.length += end.len() as u64;
        Ok(())
    }
}

/// The head of a file.
pub(super) fn head(epoch: Epoch, before: Position) -> Vec<u8> {
    let mut head = HEAD.to_vec();
    head.extend_from_slice(&epoch.0.to_le_bytes());
    head.extend_from_slice(&before.0.to_le_bytes());
    let checksum = crc32fast::hash(&head);
    head.extend_from_slice(&checksum.to_le_bytes());
    head
}

/// Epoch and position before the first message, from the head of a file.
pub(super) fn read_head(file: &dyn DiskFile) -> io::Result<Option<(Epoch, Position)>> {
    let mut head = [0; HEAD_BYTES];
    if file.read_at(&mut head, 0)? < HEAD_BYTES || &head[..8] != HEAD {
        return Ok(None);
    }
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| head[at + index]));
    let checksum = u32::from_le_bytes(std::array::from_fn(|index| head[24 + index]));
    let (epoch, before) = (Epoch(number(8)), Position(number(16)));
    Ok((crc32fast::hash(&head[..24]) == checksum && before.is_believable()).then_some((epoch, before)))
}

/// The summary at the end of a file of `length` bytes; `None` where it was never closed, or is damaged.
pub(super) fn read_summary(file: &dyn DiskFile, length: u64) -> io::Result<Option<Summary>> {
    let Some(at) = length.checked_sub(END_BYTES as u64) else { return Ok(None) };
    let mut end = [0; END_BYTES];
    if file.read_at(&mut end, at)? < END_BYTES || &end[12..] != END {
        return Ok(None);
    }
    let start = u64::from_le_bytes(std::array::from_fn(|index| end[index]));
    let checksum = u32::from_le_bytes(std::array::from_fn(|index| end[8 + index]));
    let Some(bytes) = at.checked_sub(start).and_then(|bytes| usize::try_from(bytes).ok()) else { return Ok(None) };
    if crc32fast::hash(&end[..8]) != checksum || bytes > record::MAX_BODY {
        return Ok(None);
    }
    let mut summary = vec![0; bytes];
    file.read_at(&mut summary, start)?;
    Ok(match record::parse(&summary) {
        Parsed::Whole(Record::Summary(summary), _) if summary.is_consistent(start) => Some(summary),
        _ => None,
    })
}

/// Reads a segment from its beginning on, over damage.
#[derive(Debug)]
pub(super) struct Reader {
    file: Arc<dyn DiskFile>,
    epoch: Epoch,
    routes: HashMap<u32, Arc<Route>>,
    /// Bytes from `offset` on.
    buffer: BytesMut,
    offset: u64,
    /// Where the last whole record ended.
    pub(super) whole: u64,
    /// Bytes that could not be read and stood before what could.
    pub(super) damaged_bytes: u64,
    /// Whether the segment has an end, so that nothing follows.
    pub(super) is_closed: bool,
    /// Whether the file has ended while the record at hand was looked for.
    is_at_end: bool,
    /// Bytes of promised bodies that may still turn out to be none: without a bound, a file of markers that each promise
    /// the rest of it would be checked once for every marker.
    credit: u64,
    unreadable: Unreadable,
}

/// Why a reader has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// There are as many messages as were wanted.
    Goal,
    /// There is nothing more to read by now.
    End,
    /// A message that is not wanted yet has been passed.
    TooFar,
}

/// What a block is that the disk cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unreadable {
    /// An error.
    Error,
    /// Damage, like any other.
    Damage,
    /// The same, and there is one behind the buffer.
    DamageAhead,
}

impl Reader {
    /// At the first record.
    pub(super) fn new(file: Arc<dyn DiskFile>, epoch: Epoch) -> Self {
        Self {
            file,
            epoch,
            routes: HashMap::new(),
            buffer: BytesMut::new(),
            offset: HEAD_BYTES as u64,
            whole: HEAD_BYTES as u64,
            damaged_bytes: 0,
            is_closed: false,
            is_at_end: false,
            credit: 0,
            unreadable: Unreadable::Error,
        }
    }

    /// The same for one who wants all that can be read, and takes what the disk cannot read as damage.
    pub(super) fn over_all(file: Arc<dyn DiskFile>, epoch: Epoch) -> Self {
        Self { unreadable: Unreadable::Damage, ..Self::new(file, epoch) }
    }

    /// From now on, what the disk cannot read is damage.
    pub(super) const fn pass_unreadable(&mut self) {
        self.unreadable = Unreadable::Damage;
    }

    /// Up to where the file is read: its length once `next` has answered `None`.
    pub(super) fn end(&self) -> u64 {
        if self.is_closed { self.whole + END_BYTES as u64 } else { self.offset + self.buffer.len() as u64 }
    }

    /// Whether something could not be read that stood before what could.
    pub(super) const fn is_damaged(&self) -> bool {
        self.damaged_bytes > 0
    }

    /// Whether bytes without a record have been passed since the last one.
    const fn is_searching(&self) -> bool {
        self.offset > self.whole
    }

    /// The next message; `None` at the end of what can be read by now. What is written later can be read later.
    pub(super) fn next(&mut self) -> io::Result<Option<(Position, OutboundMessage)>> {
        while !self.is_closed {
            let Some((parsed, bytes)) = self.parse()? else { return Ok(None) };
            self.damaged_bytes += self.offset - self.whole;
            self.advance(bytes);
            self.whole = self.offset;
            match parsed {
                Record::Route(id, route) => drop(self.routes.insert(id, Arc::new(route))),
                Record::Summary(_) => self.is_closed = true,
                Record::Message(message) => {
                    if let Some(route) = self.routes.get(&message.route) {
                        return Ok(Some((message.position, message.with_route(route, self.epoch))));
                    }
                    // Its route stood in what is damaged.
                    self.damaged_bytes += bytes as u64;
                }
            }
        }
        Ok(None)
    }

    /// Puts messages from the position `next` on and before `until` into `taken`, as many as `budget` allows, and moves
    /// `next` behind the last one. After an error `taken` holds what could be read before it.
    pub(super) fn read(
        &mut self,
        next: &mut Position,
        until: Position,
        budget: &mut Budget,
        taken: &mut Vec<(Position, OutboundMessage)>,
    ) -> io::Result<Reached> {
        while budget.is_left() && *next < until {
            match self.next()? {
                None => return Ok(Reached::End),
                Some((position, _)) if position < *next => {}
                Some((position, _)) if position >= until => return Ok(Reached::TooFar),
                Some((position, message)) => {
                    *next = position.next();
                    budget.spend(&message);
                    taken.push((position, message));
                }
            }
        }
        Ok(Reached::Goal)
    }

    /// The next whole record, over bytes that are none.
    fn parse(&mut self) -> io::Result<Option<(Record, usize)>> {
        self.is_at_end = false;
        loop {
            let promised = record::promised_bytes(&self.buffer);
            let is_here = self.buffer.len() >= HEADER_BYTES.saturating_add(promised);
            let promised = promised as u64;
            // Behind a whole record the next one is always checked.
            if !self.is_searching() || !is_here || promised <= self.credit {
                match record::parse(&self.buffer) {
                    Parsed::Whole(record, bytes) => return Ok(Some((record, bytes))),
                    Parsed::Short(wanted) if self.fill(wanted)? => continue,
                    // A length that is damaged may ask for more than there is, and a record may stand behind it.
                    Parsed::Short(_) => {}
                    Parsed::Damaged => self.credit = self.credit.saturating_sub(promised),
                }
            }
            if !self.search() && !self.fill(self.buffer.len() + HEADER_BYTES)? && !self.jump() {
                return Ok(None);
            }
        }
    }

    /// Goes on to the next place in the buffer where a record may begin, or to its end. Whether there is such a place.
    fn search(&mut self) -> bool {
        if self.buffer.is_empty() {
            return false;
        }
        let next = self.buffer.get(1..).and_then(|rest| rest.windows(2).position(|bytes| bytes == MARKER));
        // The last byte may be the first one of a marker.
        self.advance(next.map_or(self.buffer.len() - 1, |at| at + 1));
        next.is_some()
    }

    /// Goes on behind the block that could not be read. Whether there was one.
    fn jump(&mut self) -> bool {
        if self.unreadable != Unreadable::DamageAhead {
            return false;
        }
        self.unreadable = Unreadable::Damage;
        let unread = self.offset + self.buffer.len() as u64;
        self.buffer.clear();
        self.offset = (unread / BLOCK_BYTES + 1) * BLOCK_BYTES;
        true
    }

    /// Gets the buffer to hold `wanted` bytes. Whether it does. The file's end is only come to once for a record: what
    /// another process has just appended must not be read behind what was passed as no record.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        while self.buffer.len() < wanted {
            if self.is_at_end {
                return Ok(false);
            }
            let have = self.buffer.len();
            let more = READ_BYTES.max(wanted - have).min(64 * READ_BYTES);
            self.buffer.resize(have + more, 0);
            let read = self.file.read_at(&mut self.buffer[have..], self.offset + have as u64);
            self.buffer.truncate(have + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => self.is_at_end = true,
                Ok(count) => self.credit = self.credit.saturating_add(CREDIT_FOR_A_BYTE * count as u64),
                Err(error) if self.unreadable == Unreadable::Error => return Err(error),
                Err(_) => {
                    self.unreadable = Unreadable::DamageAhead;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn advance(&mut self, bytes: usize) {
        self.buffer.advance(bytes);
        self.offset += bytes as u64;
    }
}
