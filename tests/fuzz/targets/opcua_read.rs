//! Values that are read: a good one between two that are whatever they are is found, and each becomes JSON that can be
//! parsed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::{domain::TagValue, opcua::hostile::values_of_read, pipeline::northbound::value_json::write_value};

/// A DataValue that is the Double 1.5.
const GOOD: [u8; 10] = [1, 11, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F];

fuzz_target!(|input: (&[u8], &[u8])| {
    let (definition, value) = input;
    let alone = values_of_read(definition, &[&[1, 0, 0, 0], value].concat());
    let body = [&[3, 0, 0, 0][..], &GOOD, value, &GOOD].concat();
    let values = values_of_read(definition, &body);
    assert_eq!(values.first(), Some(&TagValue::Double(1.5)), "what stands before it is right");
    assert!(alone.len() == 1 && values.len() > 1, "each has its place");
    for value in alone.iter().chain(&values) {
        let mut json = Vec::new();
        write_value(&mut json, value);
        serde_json::from_slice::<serde_json::Value>(&json).expect("valid JSON");
    }
});
