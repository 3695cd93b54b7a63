//! The number of the last start, in a file that needs no new room on the disk to be written again.
//!
//! The file has two lines of 30 bytes: the number in 20 digits, a space, the CRC-32 of these digits in 8 hexadecimal
//! digits. They are written in turn, in place, and synced, so that one that is torn leaves the other; the larger number
//! counts. A file that holds a number alone, as earlier versions wrote it and as a person may write it, is read as well:
//! its second line is written first, which leaves that number where it stands.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use super::state_dir::write_atomically;

const DIGITS: usize = 20;
const LINE_BYTES: usize = DIGITS + 10;

/// What an epoch file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// There is no file.
    Missing,
    /// The number of the last start, and the line on which the next one belongs.
    Last(u64, usize),
    /// Something else.
    Foreign(String),
}

/// Reads the file.
pub(super) fn read(path: &Path) -> io::Result<Content> {
    match fs::read(path) {
        Ok(bytes) => Ok(parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Content::Missing),
        Err(error) => Err(error),
    }
}

/// Makes the file for the first start.
pub(super) fn create(path: &Path, first: u64) -> io::Result<()> {
    write_atomically(path, (line(first) + &line(0)).as_bytes())
}

/// Writes the number of this start on its line; it is on the disk when this returns.
pub(super) fn write(path: &Path, epoch: u64, at: usize) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.write_all_at(line(epoch).as_bytes(), (at * LINE_BYTES) as u64)?;
    file.sync_all()
}

fn line(epoch: u64) -> String {
    let digits = format!("{epoch:0DIGITS$}");
    let checksum = crc32fast::hash(digits.as_bytes());
    format!("{digits} {checksum:08x}\n")
}

fn parse(bytes: &[u8]) -> Content {
    let lines = bytes.chunks_exact(LINE_BYTES).take(2).enumerate();
    let newest = lines.filter_map(|(at, bytes)| Some((parse_line(bytes)?, at))).max();
    if let Some((last, at)) = newest {
        return Content::Last(last, 1 - at);
    }
    let text = String::from_utf8_lossy(bytes);
    // A second line that a power cut has torn stands behind the number, and zeros between them.
    let first = text.split(['\n', '\0']).next().unwrap_or_default().trim();
    match first.parse::<u64>() {
        Ok(last) => Content::Last(last, 1),
        Err(_) => Content::Foreign(text.chars().take(40).collect()),
    }
}

fn parse_line(bytes: &[u8]) -> Option<u64> {
    let epoch = std::str::from_utf8(bytes).ok()?.get(..DIGITS)?.parse().ok()?;
    (line(epoch).as_bytes() == bytes).then_some(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(content: &[u8]) -> Option<u64> {
        match parse(content) {
            Content::Last(last, _) => Some(last),
            _ => None,
        }
    }

    #[test]
    fn a_line_that_is_torn_at_any_byte_leaves_the_number_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epoch");
        for older in ["7\n".to_owned(), line(7) + &line(6), line(6) + &line(7)] {
            fs::write(&path, &older).unwrap();
            let Content::Last(7, at) = read(&path).unwrap() else { panic!("{older}") };
            write(&path, 8, at).unwrap();
            let written = fs::read(&path).unwrap();
            assert_eq!(last(&written), Some(8));
            let mut before = older.into_bytes();
            before.resize(2 * LINE_BYTES, 0);
            for torn in 0..LINE_BYTES {
                let mut mixed = before.clone();
                let cut = at * LINE_BYTES;
                mixed[cut..cut + torn].copy_from_slice(&written[cut..cut + torn]);
                // Both lines may be equal up to the last byte that differs.
                let expected = if mixed == written { 8 } else { 7 };
                assert_eq!(last(&mixed), Some(expected), "torn after {torn} bytes");
            }
        }
    }

    #[test]
    fn the_file_keeps_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epoch");
        create(&path, 1).unwrap();
        for start in 2..20 {
            let Content::Last(last, at) = read(&path).unwrap() else { panic!("no number") };
            write(&path, last + 1, at).unwrap();
            assert_eq!(read(&path).unwrap(), Content::Last(start, 1 - at));
            assert_eq!(fs::metadata(&path).unwrap().len(), 2 * LINE_BYTES as u64);
        }
    }

    #[test]
    fn a_number_alone_counts_and_anything_else_is_foreign() {
        assert_eq!(last(b"12\n"), Some(12));
        assert_eq!(last(b" 12"), Some(12));
        assert_eq!(last(&[b"12\n".as_slice(), line(7).as_bytes()].concat()), Some(12), "a person has put it on top");
        for foreign in ["", "seven", "-1", "12x", line(7).trim_start_matches('0'), &line(7).replace('7', "8")] {
            assert_eq!(parse(foreign.as_bytes()), Content::Foreign(foreign.chars().take(40).collect()));
        }
    }
}
