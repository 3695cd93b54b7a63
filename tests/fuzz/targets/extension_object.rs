//! Structures: no body makes the decoder panic or take memory that its bytes do not pay for, whatever the definition.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::{opcua::hostile::value_of_structure, pipeline::northbound::value_json::write_value};

/// What one byte may cost: a quarter of 64 structures without members.
const MAX_GROWTH: usize = 1_024;
/// An array may have some structures without members, which take no bytes.
const MAX_EMPTY: usize = 64 * 64;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (definition, body) = input;
    let Some(value) = value_of_structure(definition, body) else { return };
    assert!(value.heap_bytes() <= body.len() * MAX_GROWTH + MAX_EMPTY, "{} bytes", value.heap_bytes());
    let mut json = Vec::new();
    write_value(&mut json, &value);
    serde_json::from_slice::<serde_json::Value>(&json).expect("valid JSON");
});
