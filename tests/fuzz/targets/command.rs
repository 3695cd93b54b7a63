//! Commands: no JSON makes the coercion panic, and what comes out is of the type and shape that the node has.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tagwise::{
    domain::{DataType, TagValue},
    pipeline::southbound::coerce::coerce,
};

const DATA_TYPES: [DataType; 21] = [
    DataType::Boolean,
    DataType::SByte,
    DataType::Byte,
    DataType::Int16,
    DataType::UInt16,
    DataType::Int32,
    DataType::UInt32,
    DataType::Int64,
    DataType::UInt64,
    DataType::Float,
    DataType::Double,
    DataType::String,
    DataType::DateTime,
    DataType::Guid,
    DataType::ByteString,
    DataType::XmlElement,
    DataType::NodeId,
    DataType::ExpandedNodeId,
    DataType::StatusCode,
    DataType::QualifiedName,
    DataType::LocalizedText,
];

fuzz_target!(|input: (u8, i8, &[u8])| {
    let (kind, value_rank, payload) = input;
    let data_type = DATA_TYPES[usize::from(kind) % DATA_TYPES.len()];
    let Ok(json) = serde_json::from_slice::<Value>(payload) else { return };
    match coerce(&json, data_type, i32::from(value_rank)) {
        Ok(value) => check(&value, data_type),
        Err(error) => assert!(!error.to_string().is_empty(), "refused without a reason"),
    }
});

fn check(value: &TagValue, data_type: DataType) {
    assert_eq!(value.data_type(), Some(data_type));
    if let TagValue::Array(array) = value {
        assert!(array.values.iter().all(|element| element.data_type() == Some(data_type)));
        let product: usize = array.dimensions.iter().map(|length| *length as usize).product();
        assert!(array.dimensions.is_empty() || product == array.values.len());
    }
}
