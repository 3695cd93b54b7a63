//! Whether a disk that has refused takes something again.
//!
//! With a broker that keeps up there may be nothing to be written when the disk is asked, and a few bytes may find room
//! where a batch does not. So it is asked with a file of its own.

use std::io;

use super::disk::Disk;

const NAME: &str = "probe";
/// About a batch.
const BYTES: usize = 64 << 10;

/// Writes something, and takes it away again. Blocks on the disk.
pub(super) fn probe(disk: &dyn Disk) -> io::Result<()> {
    let written = disk.create(NAME).and_then(|file| {
        file.write_at(&vec![0; BYTES], 0)?;
        file.sync()
    });
    // Half of it would take the room that messages need; where there is none of it, nothing is to be removed.
    let removed = disk.remove(NAME);
    written.and(removed)
}
