//! The summary of a closed segment once more, in a file beside it.
//!
//! The one at the segment's own end is gone when the file is cut short, and with it the knowledge of what is missing. The
//! file has the segment's head, which says of which segment it is, and then one summary record. It is written without a
//! sync: a power cut may take it, and costs nothing but what it would have told.

use std::io;

use super::{
    Position,
    disk::{Disk, DiskFile},
    record::{self, Parsed, Record},
    segment::{self, HEAD_BYTES},
    summary::Summary,
};
use crate::domain::Epoch;

const SUFFIX: &str = ".sum";
const READ_BYTES: usize = 64 << 10;

/// The name of the file beside the segment whose messages stand behind `before`.
pub(super) fn name_of(before: Position) -> String {
    format!("{}{SUFFIX}", segment::name_of(before))
}

/// Of which segment a file of this name is; `None` for other files.
pub(super) fn segment_of(name: &str) -> Option<&str> {
    name.strip_suffix(SUFFIX).filter(|segment| segment::position_of(segment).is_some())
}

/// Writes it.
pub(super) fn write(disk: &dyn Disk, epoch: Epoch, before: Position, summary: &Summary) -> io::Result<()> {
    let mut bytes = segment::head(epoch, before);
    record::write_summary(&mut bytes, summary);
    disk.create(&name_of(before))?.write_at(&bytes, 0)
}

/// Reads it; `None` where there is none, or none of this segment.
pub(super) fn read(disk: &dyn Disk, epoch: Epoch, before: Position) -> io::Result<Option<Summary>> {
    let file = match disk.open(&name_of(before)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if segment::read_head(file.as_ref())? != Some((epoch, before)) {
        return Ok(None);
    }
    Ok(match record::parse(&rest_of(file.as_ref())?) {
        Parsed::Whole(Record::Summary(summary), _) => Some(summary),
        _ => None,
    })
}

fn rest_of(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // As much as there is, whatever the record promises.
    while bytes.len() <= record::MAX_BODY {
        let have = bytes.len();
        bytes.resize(have + READ_BYTES, 0);
        let count = file.read_at(&mut bytes[have..], (HEAD_BYTES + have) as u64)?;
        bytes.truncate(have + count);
        if count == 0 {
            break;
        }
    }
    Ok(bytes)
}
