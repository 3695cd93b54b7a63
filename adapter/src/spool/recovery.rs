//! What the segments of an earlier process hold.

use std::{io, sync::Arc};

use super::{
    closed::{Closed, Durability},
    disk::{Disk, DiskFile},
    second_summary,
    segment::{self, HEAD_BYTES, Reader},
    summary::Summary,
};
use crate::domain::Epoch;

/// What opening a log has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recovery {
    /// Bytes that were cut off, since the process was killed, or the power cut, while they were written.
    pub(super) torn_bytes: u64,
}

/// What a file holds; `None` where that is no message at all.
pub(super) fn find_out(
    disk: &Arc<dyn Disk>,
    name: &str,
    length: u64,
    recovery: &mut Recovery,
) -> io::Result<Option<Closed>> {
    let file = disk.open(name)?;
    let Some((epoch, before)) = segment::read_head(file.as_ref())? else { return Ok(None) };
    let closed = |summary: &Summary, bytes| Closed {
        before,
        last: summary.last.max(before),
        bytes,
        count: summary.count,
        newest: summary.newest,
        epoch,
        durability: Durability::Found,
        is_cut: false,
    };
    if let Some(summary) = segment::read_summary(file.as_ref(), length)? {
        return believable((summary.count > 0).then(|| closed(&summary, length)));
    }
    // What stands beside it is of help, and nothing depends on it.
    if let Ok(Some(summary)) = second_summary::read(disk.as_ref(), epoch, before) {
        let cut = |summary: &Summary| Closed { is_cut: true, ..closed(summary, length) };
        return Ok((summary.count > 0).then(|| cut(&summary)));
    }
    let (summary, whole) = scan(Arc::clone(&file), epoch)?;
    if whole < length {
        recovery.torn_bytes += length - whole;
        file.truncate(whole)?;
    }
    believable((summary.count > 0).then(|| closed(&summary, whole)))
}

/// The segment, unless its positions are none that a spool can reach.
fn believable(closed: Option<Closed>) -> io::Result<Option<Closed>> {
    match closed {
        Some(closed) if !closed.last.is_believable() => {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("it claims message {}", closed.last.0)))
        }
        closed => Ok(closed),
    }
}

/// Reads a segment from end to end: what is in it, and where its last whole record ends.
pub(super) fn scan(file: Arc<dyn DiskFile>, epoch: Epoch) -> io::Result<(Summary, u64)> {
    let mut reader = Reader::over_all(file, epoch);
    let mut summary = Summary::default();
    while let Some((position, message)) = reader.next()? {
        summary.add(position, &message, epoch);
    }
    Ok((summary, reader.whole.max(HEAD_BYTES as u64)))
}
