//! Looks at what waits in a spool, also while an adapter works with it. Nothing is cut, removed or made.
//!
//! All that is read is as of some moment during the look: a segment that goes meanwhile was acknowledged or dropped, and
//! one that begins meanwhile is left out. What the adapter holds in memory (`QoS` 0, or all while its disk refuses) is
//! not seen.

use std::{
    fs::{self, File},
    io::{self, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Position,
    cursor::Cursor,
    dead_letters,
    disk::Disk,
    read_only::ReadOnlyDirectory,
    segment::{self, HEAD_BYTES, Reader},
};
use crate::domain::{Lane, OutboundMessage};

/// Bytes that are read at a time where lines are counted.
const CHUNK_BYTES: usize = 64 << 10;

/// The spool of one broker on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolFiles {
    /// The broker's name.
    pub broker: String,
    path: PathBuf,
}

/// How many messages are kept that a broker will never take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterCount {
    /// Messages.
    pub messages: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

impl SpoolFiles {
    /// Those of all brokers in the state directory of an adapter, by name.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read; `NotFound` when no adapter has run with it.
    pub fn all(state_dir: &Path) -> io::Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(state_dir.join("spool"))? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            all.extend(name.filter(|_| path.is_dir()).map(|broker| Self { broker, path }));
        }
        all.sort_unstable_by(|one, other| one.broker.cmp(&other.broker));
        Ok(all)
    }

    /// One of its lanes; `None` where it has no directory.
    ///
    /// # Errors
    ///
    /// When its directory or its cursor cannot be read.
    pub fn lane(&self, lane: Lane) -> io::Result<Option<LaneFiles>> {
        let directory = ReadOnlyDirectory { path: self.path.join(lane.as_str()) };
        match LaneFiles::open(Arc::new(directory)) {
            Ok(lane) => Ok(Some(lane)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many dead letters there are; `None` where there is no file of them.
    ///
    /// # Errors
    ///
    /// When a file of them cannot be read.
    pub fn dead_letters(&self) -> io::Result<Option<DeadLetterCount>> {
        let mut count = None;
        for name in [dead_letters::OLD_NAME, dead_letters::NAME] {
            match File::open(self.path.join(name)) {
                Ok(file) => count.get_or_insert_with(DeadLetterCount::default).add(&file)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

impl DeadLetterCount {
    /// Counts the lines of a file that hold something.
    fn add(&mut self, mut file: &File) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut last = b'\n';
        loop {
            match file.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    self.bytes += count as u64;
                    for byte in &chunk[..count] {
                        self.messages += u64::from(*byte == b'\n' && last != b'\n');
                        last = *byte;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The files of one lane.
#[derive(Debug)]
pub struct LaneFiles {
    disk: Arc<dyn Disk>,
    acknowledged: Position,
    segments: Vec<Segment>,
}

/// A segment as it was listed, by the position before its first message.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    before: Position,
    name: String,
    bytes: u64,
}

/// What a walk has come past, beside the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Segment files.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments of which something cannot be read.
    pub damaged_segments: u64,
    /// Bytes that stand among messages and are none.
    pub damaged_bytes: u64,
    /// Bytes at the end of segments that are only half of what was to be written: that is being written now, or was when
    /// a process was killed.
    pub unfinished_bytes: u64,
    /// Messages that are missing of those that a segment says it holds.
    pub unreadable_messages: u64,
}

impl LaneFiles {
    pub(super) fn open(disk: Arc<dyn Disk>) -> io::Result<Self> {
        let files = disk.list()?.into_iter();
        let segment =
            |(name, bytes): (String, u64)| Some(Segment { before: segment::position_of(&name)?, name, bytes });
        let mut segments: Vec<_> = files.filter_map(segment).collect();
        segments.sort_unstable();
        // After the list, so that what is acknowledged in between is not taken for waiting.
        let acknowledged = Cursor::open(disk.as_ref())?.written();
        Ok(Self { disk, acknowledged, segments })
    }

    /// Up to here the broker has acknowledged everything, as far as is written down; a running adapter may know of more.
    pub const fn acknowledged(&self) -> Position {
        self.acknowledged
    }

    /// Shows every message in order, acknowledged ones too, until `visit` has seen enough. One segment's routes and one
    /// message are in memory at a time.
    ///
    /// # Errors
    ///
    /// When a file is there and cannot be opened, or its beginning not be read.
    pub fn walk(&self, mut visit: impl FnMut(Position, &OutboundMessage) -> ControlFlow<()>) -> io::Result<Passed> {
        let mut passed = Passed::default();
        for segment in &self.segments {
            if self.walk_segment(segment, &mut visit, &mut passed)?.is_break() {
                break;
            }
        }
        Ok(passed)
    }

    fn walk_segment(
        &self,
        segment: &Segment,
        visit: &mut impl FnMut(Position, &OutboundMessage) -> ControlFlow<()>,
        passed: &mut Passed,
    ) -> io::Result<ControlFlow<()>> {
        let file = match self.disk.open(&segment.name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(error),
        };
        passed.segments += 1;
        let Some((epoch, _)) = segment::read_head(file.as_ref())? else {
            passed.note_headless(segment.bytes);
            return Ok(ControlFlow::Continue(()));
        };
        let mut reader = Reader::over_all(Arc::clone(&file), epoch);
        let mut count = 0;
        while let Some((position, message)) = reader.next()? {
            count += 1;
            if visit(position, &message).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let promised = segment::read_summary(file.as_ref(), reader.end())?.map(|summary| summary.count);
        passed.note(&reader, promised.unwrap_or(0).saturating_sub(count));
        Ok(ControlFlow::Continue(()))
    }
}

impl Passed {
    fn note(&mut self, reader: &Reader, unreadable: u64) {
        self.bytes += reader.end();
        self.damaged_bytes += reader.damaged_bytes;
        self.unreadable_messages += unreadable;
        self.damaged_segments += u64::from(reader.is_damaged() || unreadable > 0);
        if !reader.is_closed {
            self.unfinished_bytes += reader.end() - reader.whole;
        }
    }

    /// A file that is only just begun, or that is no segment.
    const fn note_headless(&mut self, bytes: u64) {
        self.bytes += bytes;
        if bytes < HEAD_BYTES as u64 {
            self.unfinished_bytes += bytes;
        } else {
            self.damaged_segments += 1;
            self.damaged_bytes += bytes;
        }
    }
}

#[cfg(test)]
#[path = "inspect_tests.rs"]
mod tests;
