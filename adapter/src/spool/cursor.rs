//! How far a lane is acknowledged, kept over restarts.
//!
//! The file has two slots of 20 bytes: number of the writing u64, position u64, CRC-32 of these u32. They are written
//! in turn, so that one that is torn leaves the other, and the one with the larger number counts. A cursor that is too
//! old costs repeats and never a message.

use std::{io, sync::Arc};

use super::{
    Position,
    disk::{Disk, DiskFile},
};

const NAME: &str = "cursor";
const SLOT_BYTES: usize = 20;

/// The cursor of one lane.
#[derive(Debug)]
pub(super) struct Cursor {
    file: Option<Arc<dyn DiskFile>>,
    writings: u64,
    written: Position,
}

impl Cursor {
    /// Reads it; position 0 where there is none.
    pub(super) fn open(disk: &dyn Disk) -> io::Result<Self> {
        let file = match disk.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { file: None, writings: 0, written: Position(0) });
            }
            Err(error) => return Err(error),
        };
        let mut bytes = [0; 2 * SLOT_BYTES];
        let length = file.read_at(&mut bytes, 0)?;
        let slots = bytes[..length].chunks_exact(SLOT_BYTES).filter_map(read_slot);
        let (writings, written) = slots.max_by_key(|(writings, _)| *writings).unwrap_or_default();
        Ok(Self { file: Some(file), writings, written })
    }

    /// Up to where all is acknowledged, as far as is written.
    pub(super) const fn written(&self) -> Position {
        self.written
    }

    /// Writes it, where it has moved. It is synced only once, with its name: what a power cut takes of it is repeated.
    pub(super) fn write(&mut self, disk: &dyn Disk, position: Position) -> io::Result<()> {
        if position == self.written {
            return Ok(());
        }
        let is_new = self.file.is_none();
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(disk.create(NAME)?)),
        };
        let writings = match self.writings + 1 {
            // No process counts so far: something else has written the file, and nothing could follow.
            u64::MAX => {
                file.truncate(0)?;
                1
            }
            next => next,
        };
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(&writings.to_le_bytes());
        slot.extend_from_slice(&position.0.to_le_bytes());
        slot.extend_from_slice(&crc32fast::hash(&slot).to_le_bytes());
        file.write_at(&slot, (writings % 2) * SLOT_BYTES as u64)?;
        if is_new {
            file.sync()?;
        }
        (self.writings, self.written) = (writings, position);
        Ok(())
    }
}

fn read_slot(slot: &[u8]) -> Option<(u64, Position)> {
    let (content, checksum) = slot.split_at_checked(16)?;
    let number = |at: usize| Some(u64::from_le_bytes(content.get(at..at + 8)?.try_into().ok()?));
    let is_whole = crc32fast::hash(content).to_le_bytes() == checksum;
    let slot = is_whole.then(|| Some((number(0)?, Position(number(8)?))))?;
    slot.filter(|(writings, position)| *writings < u64::MAX && position.is_believable())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::{hostile::read_cursor, simulated::SimulatedDisk};

    fn slot(writings: u64, position: u64) -> Vec<u8> {
        let content = [writings.to_le_bytes(), position.to_le_bytes()].concat();
        [&content[..], &crc32fast::hash(&content).to_le_bytes()].concat()
    }

    #[test]
    fn a_torn_slot_leaves_the_one_before() {
        let disk = SimulatedDisk::default();
        let mut cursor = Cursor::open(&disk).unwrap();
        for position in 1..=6 {
            cursor.write(&disk, Position(position)).unwrap();
        }
        assert_eq!(Cursor::open(&disk).unwrap().written(), Position(6));
        disk.change("cursor", |bytes| bytes[3] ^= 1);
        assert_eq!(Cursor::open(&disk).unwrap().written(), Position(5));
    }

    #[test]
    fn numbers_that_no_process_reaches_do_not_stop_the_cursor() {
        assert_eq!(read_cursor(&slot(u64::MAX - 1, 7)).unwrap(), (7, 8));
        assert_eq!(read_cursor(&slot(u64::MAX, 7)).unwrap(), (0, 1));
        assert_eq!(read_cursor(&[slot(2, 7), slot(3, u64::MAX)].concat()).unwrap(), (7, 8));
    }
}
