//! Segments of the spool: no bytes make looking at one, opening it, reading it or dropping it panic or hang.
//!
//! The bytes are tried as a file, and as bodies of records behind a right head: each begins with its length, a byte, of
//! which the highest bit stands for a checksum that is wrong.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::spool::hostile::read_segment;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&sealed(bytes));
});

fn check(segment: &[u8]) {
    // Positions that no spool reaches are refused, and said to be.
    let Ok(found) = read_segment(segment) else { return };
    assert!(found.read <= found.seen, "{found:?}");
    assert!(found.seen <= segment.len() as u64 / 55, "{found:?} in {} bytes", segment.len());
}

fn sealed(mut bytes: &[u8]) -> Vec<u8> {
    let mut file = b"TWSPOOL1".to_vec();
    file.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    file.extend_from_slice(&[0; 8]);
    file.extend_from_slice(&crc32fast::hash(&file).to_le_bytes());
    let mut last = file.len();
    while let Some((size, rest)) = bytes.split_first() {
        let (body, rest) = rest.split_at(usize::from(size & 0x7F).min(rest.len()));
        bytes = rest;
        last = file.len();
        let length = (body.len() as u32).to_le_bytes();
        let checksum = crc32fast::hash(&[&length, body].concat()) ^ u32::from(size >> 7);
        for part in [&[0xE7, 0x54], &length[..], &checksum.to_le_bytes(), body] {
            file.extend_from_slice(part);
        }
    }
    // The end of a closed segment; where the last record is no summary, it is none.
    let start = (last as u64).to_le_bytes();
    file.extend_from_slice(&start);
    file.extend_from_slice(&crc32fast::hash(&start).to_le_bytes());
    file.extend_from_slice(b"TWSPEND1");
    file
}
