//! Records of the spool: no bytes make reading one panic, and what is read is the same once it was written again.
//!
//! The bytes are also tried as a body behind a right header, since hardly any change of a byte gets past the checksum.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::spool::hostile::record_twice;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&sealed(bytes));
});

fn check(bytes: &[u8]) {
    if let Some((first, second)) = record_twice(bytes) {
        assert_eq!(first, second);
    }
}

/// The bytes as the body of a record whose header is right.
fn sealed(body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_le_bytes();
    let checksum = crc32fast::hash(&[&length, body].concat()).to_le_bytes();
    [&[0xE7, 0x54], &length[..], &checksum, body].concat()
}
