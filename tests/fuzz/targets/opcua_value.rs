//! Values: no Variant makes the decoder panic, and each becomes JSON that can be parsed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::{opcua::hostile::value_of_variant, pipeline::northbound::value_json::write_value};

fuzz_target!(|bytes: &[u8]| {
    let Some(value) = value_of_variant(bytes) else { return };
    let mut json = Vec::new();
    write_value(&mut json, &value);
    serde_json::from_slice::<serde_json::Value>(&json).expect("valid JSON");
    // Both are asked of every value on its way.
    let _ = (value.as_number(), value.heap_bytes());
});
