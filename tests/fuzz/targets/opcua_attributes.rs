//! Attributes of nodes and types: no results of a Read make the decoder panic or loop.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::opcua::hostile::attributes_of_read;

fuzz_target!(|bytes: &[u8]| {
    attributes_of_read(bytes);
});
