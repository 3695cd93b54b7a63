//! A segment that could not be synced, written once more.
//!
//! After a failed sync the disk may have forgotten what it was given, and a second sync of the same file can succeed
//! without having written it. So nothing more goes into that file; its content, which the operating system most likely
//! still has, goes into a new file, and that one, once it is synced, takes the place of the first.

use std::{io, sync::Arc};

use super::{Position, disk::Disk, segment};

const COPY_BYTES: usize = 256 << 10;
const SUFFIX: &str = ".new";

/// A copy of a segment, to be made while nobody holds the log.
#[derive(Clone, Debug)]
pub(super) struct Rescue {
    pub(super) disk: Arc<dyn Disk>,
    /// The position before the segment's first message.
    pub(super) before: Position,
    /// Bytes that were written to it.
    pub(super) bytes: u64,
}

impl Rescue {
    /// Makes the copy, and returns once it survives a power cut. Blocks on the disk.
    pub(super) fn copy(&self) -> io::Result<()> {
        let source = self.disk.open(&segment::name_of(self.before))?;
        let copy = self.disk.create(&self.name())?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut offset = 0;
        while offset < self.bytes {
            let wanted = usize::try_from(self.bytes - offset).unwrap_or(usize::MAX).min(COPY_BYTES);
            let count = source.read_at(&mut buffer[..wanted], offset)?;
            if count == 0 {
                break;
            }
            copy.write_at(&buffer[..count], offset)?;
            offset += count as u64;
        }
        copy.sync()
    }

    /// Puts the copy in the segment's place.
    pub(super) fn adopt(&self) -> io::Result<()> {
        self.disk.replace(&self.name(), &segment::name_of(self.before))
    }

    /// The segment is not needed any more, nor is its copy.
    pub(super) fn discard(&self) {
        if let Err(error) = self.disk.remove(&self.name()) {
            tracing::debug!(%error, "a copy of a segment was not removed");
        }
    }

    fn name(&self) -> String {
        format!("{}{SUFFIX}", segment::name_of(self.before))
    }
}

/// Whether a file is a copy that a process has not finished.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(SUFFIX).is_some_and(|segment| segment::position_of(segment).is_some())
}
