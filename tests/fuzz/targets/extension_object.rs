//! Structures: no body makes the decoder panic or take memory that its bytes do not pay for, whatever the definition.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::{opcua::hostile::value_of_structure, pipeline::northbound::value_json::write_value};

/// What one byte may cost: the four values that it pays for take 80 bytes each, and what it holds some more.
const MAX_GROWTH: usize = 512;
/// 64 values need no byte.
const MAX_UNPAID: usize = 64 * 128;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (definition, body) = input;
    let Some(value) = value_of_structure(definition, body) else { return };
    assert!(value.heap_bytes() <= body.len() * MAX_GROWTH + MAX_UNPAID, "{} bytes", value.heap_bytes());
    let mut json = Vec::new();
    write_value(&mut json, &value);
    serde_json::from_slice::<serde_json::Value>(&json).expect("valid JSON");
});
