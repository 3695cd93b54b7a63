//! What a file of a spool could hold, as bytes: the way in for fuzz targets, and for nothing else.

use std::{
    collections::BTreeMap,
    io,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    DropCause, LaneFiles, Position, Tally,
    budget::Budget,
    cursor::Cursor,
    disk::{Disk, DiskFile},
    log::Log,
    record::{self, Parsed, Record},
    segment,
};
use crate::domain::{Epoch, Qos, Route, TopicName};

/// Messages that are read at a time.
const BATCH: usize = 64;

/// Reads a record, writes what it says, and reads that. Both readings as text; `None` where there is no record.
pub fn record_twice(bytes: &[u8]) -> Option<(String, String)> {
    let Parsed::Whole(first, _) = record::parse(bytes) else { return None };
    let mut again = Vec::new();
    let first = told_and_written(first, &mut again);
    let Parsed::Whole(second, length) = record::parse(&again) else { return Some((first, String::new())) };
    let is_all = length == again.len();
    let second = told_and_written(second, &mut Vec::new());
    Some((first, if is_all { second } else { String::new() }))
}

/// The record as text, and written to `out`.
fn told_and_written(record: Record, out: &mut Vec<u8>) -> String {
    let told = format!("{record:?}");
    match record {
        Record::Route(id, route) => record::write_route(out, id, &route),
        Record::Summary(summary) => record::write_summary(out, &summary),
        Record::Message(message) => {
            let (position, route) = (message.position, message.route);
            record::write_message(out, position, route, &message.with_route(&no_route(), Epoch(0)));
        }
    }
    told
}

/// A message's record holds nothing of its route but the id.
fn no_route() -> Arc<Route> {
    Arc::new(Route {
        topic: TopicName::parse("a").expect("invariant: `a` is a topic"),
        qos: Qos::AtLeastOnce,
        is_retained: false,
        user_properties: Vec::new(),
        message_expiry: None,
        content_type: None,
        tag_name: None,
    })
}

/// What `read_segment` has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Messages that the log has handed out.
    pub read: u64,
    /// Messages that looking has found before the log was opened.
    pub seen: u64,
}

/// Looks at a lane whose one segment is these bytes; then opens it as a log, reads it to its end, drops it, and appends to
/// it. An error of the log is one that `io::Error` tells of, and no panic.
pub fn read_segment(bytes: &[u8]) -> io::Result<Found> {
    let disk = MemoryDisk::default();
    disk.put(&segment::name_of(Position(0)), bytes);
    let mut found = Found::default();
    let mut tally = Tally::default();
    LaneFiles::open(Arc::new(disk.clone()))?.walk(|_, message| {
        tally.add(message);
        ControlFlow::Continue(())
    })?;
    found.seen = tally.messages;
    let (mut log, _) = Log::open(Arc::new(disk), Epoch(1), 1 << 20)?;
    log.waiting()?;
    let (mut next, mut taken, mut damaged) = (Position(0), Vec::new(), Vec::new());
    while log.has_from(next) {
        taken.clear();
        log.read(&mut next, Position(u64::MAX), &mut Budget::of(BATCH), &mut taken, &mut damaged)?;
        found.read += taken.len() as u64;
    }
    while log.drop_oldest(Position(0), Position(0), DropCause::Retention)?.is_some() {}
    let position = log.newest().next();
    log.append(taken.pop().iter().map(|(_, message)| (position, message)))?;
    Ok(found)
}

/// The position that a cursor file of these bytes tells, and again after it was moved on by one.
pub fn read_cursor(bytes: &[u8]) -> io::Result<(u64, u64)> {
    let disk = MemoryDisk::default();
    disk.put("cursor", bytes);
    let mut cursor = Cursor::open(&disk)?;
    let told = cursor.written();
    cursor.write(&disk, told.next())?;
    Ok((told.0, Cursor::open(&disk)?.written().0))
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<String, MemoryFile>>>,
}

#[derive(Clone, Debug, Default)]
struct MemoryFile {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl MemoryDisk {
    fn put(&self, name: &str, bytes: &[u8]) {
        self.files().insert(name.to_owned(), MemoryFile { bytes: Arc::new(Mutex::new(bytes.to_vec())) });
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, MemoryFile>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        Ok(self.files().iter().map(|(name, file)| (name.clone(), file.bytes().len() as u64)).collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.put(name, &[]);
        self.open(name)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.files().get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(file))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn replace(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.files().remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.files().insert(to.to_owned(), file);
        Ok(())
    }
}

impl MemoryFile {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for MemoryFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let mut content = self.bytes();
        let end = start + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let content = self.bytes();
        let found = content.get(start..).unwrap_or_default();
        let count = found.len().min(buffer.len());
        buffer[..count].copy_from_slice(&found[..count]);
        Ok(count)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.bytes().truncate(usize::try_from(length).map_err(io::Error::other)?);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
