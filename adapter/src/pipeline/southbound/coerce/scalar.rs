//! One JSON value to one value of a built-in type.

use serde_json::Value;

use super::{
    error::CoerceError,
    number::{double, float, integer},
    structured::{localized_text, qualified_name},
    text::{byte_string, date_time, expanded_node_id, guid, node_id, text},
};
use crate::domain::{DataType, StatusCode, TagValue};

/// `json` as a scalar of the type `due`.
pub(super) fn scalar(json: &Value, due: DataType) -> Result<TagValue, CoerceError> {
    match due {
        DataType::Boolean => json.as_bool().map(TagValue::Boolean).ok_or_else(|| CoerceError::wrong_type(json, due)),
        DataType::SByte => integer(json, due).map(TagValue::SByte),
        DataType::Byte => integer(json, due).map(TagValue::Byte),
        DataType::Int16 => integer(json, due).map(TagValue::Int16),
        DataType::UInt16 => integer(json, due).map(TagValue::UInt16),
        DataType::Int32 => integer(json, due).map(TagValue::Int32),
        DataType::UInt32 => integer(json, due).map(TagValue::UInt32),
        DataType::Int64 => integer(json, due).map(TagValue::Int64),
        DataType::UInt64 => integer(json, due).map(TagValue::UInt64),
        DataType::Float => float(json).map(TagValue::Float),
        DataType::Double => double(json).map(TagValue::Double),
        DataType::String => text(json, due).map(|text| TagValue::String(text.into())),
        DataType::DateTime => date_time(json).map(TagValue::DateTime),
        DataType::Guid => guid(json).map(TagValue::Guid),
        DataType::ByteString => byte_string(json).map(TagValue::ByteString),
        DataType::XmlElement => text(json, due).map(|text| TagValue::XmlElement(text.into())),
        DataType::NodeId => node_id(json).map(TagValue::NodeId),
        DataType::ExpandedNodeId => expanded_node_id(json).map(TagValue::ExpandedNodeId),
        DataType::StatusCode => integer(json, due).map(|code| TagValue::StatusCode(StatusCode(code))),
        DataType::QualifiedName => qualified_name(json),
        DataType::LocalizedText => localized_text(json),
    }
}

#[cfg(test)]
mod tests;
