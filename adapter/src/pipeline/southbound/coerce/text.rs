//! JSON texts to the types that OPC UA writes as text or that need one here.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::DateTime;
use serde_json::Value;

use super::error::CoerceError;
use crate::domain::{DataType, Timestamp};

/// The text that `json` is.
pub(super) fn text(json: &Value, due: DataType) -> Result<&str, CoerceError> {
    json.as_str().ok_or_else(|| CoerceError::wrong_type(json, due))
}

/// ISO 8601 with an offset; OPC UA counts from 1601 and calls all from the last second of 9999 "the end of time".
pub(super) fn date_time(json: &Value) -> Result<Timestamp, CoerceError> {
    const FIRST_SECOND: i64 = -11_644_473_600;
    const LAST_SECOND: i64 = 253_402_300_799;
    let due = DataType::DateTime;
    let time = DateTime::parse_from_rfc3339(text(json, due)?).map_err(|_| CoerceError::wrong_type(json, due))?;
    if !(FIRST_SECOND..=LAST_SECOND).contains(&time.timestamp()) {
        return Err(CoerceError::out_of_range(json, due));
    }
    let ticks = time.timestamp() * 10_000_000 + i64::from(time.timestamp_subsec_nanos() / 100);
    Ok(Timestamp::from_opcua_ticks(Timestamp::from_unix_millis(0).opcua_ticks() + ticks))
}

/// Eight, four, four, four and twelve hexadecimal digits; lower case from here on.
pub(super) fn guid(json: &Value) -> Result<Box<str>, CoerceError> {
    let text = text(json, DataType::Guid)?;
    if !is_guid(text) {
        return Err(CoerceError::wrong_type(json, DataType::Guid));
    }
    Ok(text.to_ascii_lowercase().into())
}

/// Base64 of the standard alphabet, with its padding.
pub(super) fn byte_string(json: &Value) -> Result<Bytes, CoerceError> {
    let due = DataType::ByteString;
    STANDARD.decode(text(json, due)?).map(Bytes::from).map_err(|_| CoerceError::wrong_type(json, due))
}

/// `[ns=<index>;]<identifier>`.
pub(super) fn node_id(json: &Value) -> Result<Box<str>, CoerceError> {
    let text = text(json, DataType::NodeId)?;
    let is_valid = is_identifier(after_number(text, "ns=", u16::MAX.into()).unwrap_or(text));
    if is_valid { Ok(text.into()) } else { Err(CoerceError::wrong_type(json, DataType::NodeId)) }
}

/// `[svr=<index>;][ns=<index>;|nsu=<uri>;]<identifier>`.
pub(super) fn expanded_node_id(json: &Value) -> Result<Box<str>, CoerceError> {
    let text = text(json, DataType::ExpandedNodeId)?;
    let local = after_number(text, "svr=", u32::MAX).unwrap_or(text);
    let identifier = match local.strip_prefix("nsu=").and_then(|rest| rest.split_once(';')) {
        Some((uri, identifier)) if !uri.is_empty() => identifier,
        _ => after_number(local, "ns=", u16::MAX.into()).unwrap_or(local),
    };
    let is_valid = is_identifier(identifier);
    if is_valid { Ok(text.into()) } else { Err(CoerceError::wrong_type(json, DataType::ExpandedNodeId)) }
}

/// What follows `<prefix><number>;`, if that is how the text starts.
fn after_number<'text>(text: &'text str, prefix: &str, max: u32) -> Option<&'text str> {
    let (number, rest) = text.strip_prefix(prefix)?.split_once(';')?;
    is_number(number, max).then_some(rest)
}

fn is_identifier(text: &str) -> bool {
    match text.split_once('=') {
        Some(("i", number)) => is_number(number, u32::MAX),
        Some(("s", text)) => (1..=4096).contains(&text.len()),
        Some(("g", text)) => is_guid(text),
        Some(("b", text)) => STANDARD.decode(text).is_ok_and(|bytes| !bytes.is_empty()),
        _ => false,
    }
}

/// Digits only: Rust's own parser would take `+5`.
fn is_number(text: &str, max: u32) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u32>().is_ok_and(|number| number <= max)
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
