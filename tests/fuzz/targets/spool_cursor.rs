//! Cursors of the spool: no bytes make reading one panic, and what is written over them counts from then on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::spool::hostile::read_cursor;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let sealed: Vec<u8> = bytes.chunks(16).flat_map(sealed).collect();
    check(&sealed);
});

fn check(file: &[u8]) {
    let (told, moved) = read_cursor(file).expect("memory does not fail");
    // One step further no spool gets.
    assert!(moved == told + 1 || told == (1 << 62) - 1, "{told}, then {moved}");
}

/// A slot with a right checksum.
fn sealed(slot: &[u8]) -> Vec<u8> {
    [slot, &crc32fast::hash(slot).to_le_bytes()].concat()
}
