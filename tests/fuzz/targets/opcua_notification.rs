//! Notifications: no message makes the decoder panic or take memory that its bytes do not pay for, whatever structures are
//! known, and each value becomes JSON that can be parsed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::{opcua::hostile::values_of_notification, pipeline::northbound::value_json::write_value};

/// What one byte may cost: a quarter of 64 structures without members.
const MAX_GROWTH: usize = 1_024;
/// An array may have some structures without members, which take no bytes.
const MAX_EMPTY: usize = 64 * 64;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (definition, message) = input;
    for value in values_of_notification(definition, message).unwrap_or_default() {
        assert!(value.heap_bytes() <= message.len() * MAX_GROWTH + MAX_EMPTY, "{} bytes", value.heap_bytes());
        let mut json = Vec::new();
        write_value(&mut json, &value);
        serde_json::from_slice::<serde_json::Value>(&json).expect("valid JSON");
    }
});
