//! Structures: no body makes the decoder panic or take memory that its bytes do not pay for, whatever the definition.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::{opcua::hostile::value_of_structure, pipeline::northbound::value_json::write_value};

/// What one byte may cost: an element of an array of Bytes, and some names.
const MAX_GROWTH: usize = 64;
/// A body may say that there are a million values of no bytes each.
const MAX_EMPTY: usize = 80_000_000;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (definition, body) = input;
    let Some(value) = value_of_structure(definition, body) else { return };
    assert!(value.heap_bytes() <= body.len() * MAX_GROWTH + MAX_EMPTY, "{} bytes", value.heap_bytes());
    let mut json = Vec::new();
    write_value(&mut json, &value);
    serde_json::from_slice::<serde_json::Value>(&json).expect("valid JSON");
});
