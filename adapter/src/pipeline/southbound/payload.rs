//! What a command's payload says: the value, and the id and timestamp beside it.

use chrono::DateTime;
use serde_json::Value;
use serde_json_path::JsonPath;
use thiserror::Error;

use super::unique_keys;
use crate::domain::Timestamp;

/// A payload longer than this is no command, in bytes.
const LONGEST_PAYLOAD: usize = 64 * 1024;

/// A payload, read as far as it could be.
#[derive(Debug)]
pub(super) struct CommandPayload {
    /// What is to be written.
    pub(super) value: Result<Value, PayloadError>,
    /// `id` of an object: a number, or a text that is not empty. Anything else is no id.
    pub(super) id: Option<Value>,
    /// `timestamp` of an object: epoch milliseconds, or ISO 8601 with an offset. Anything else is no timestamp.
    pub(super) timestamp: Option<Timestamp>,
}

/// Why there is no value in a payload.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum PayloadError {
    #[error("the payload has {bytes} bytes, at most {LONGEST_PAYLOAD} are taken")]
    TooLong { bytes: usize },
    #[error("the payload is empty, `{{\"value\":…}}` is due")]
    Empty,
    #[error("the payload is no JSON: {reason}")]
    NotJson { reason: String },
    #[error("the payload has no `value`, `{{\"value\":…}}` or a bare number, text or Boolean is due")]
    NoValue,
    #[error("nothing stands at `{path}` in the payload")]
    NothingAtPath { path: String },
    #[error("{count} values stand at `{path}` in the payload, one is due")]
    SeveralAtPath { path: String, count: usize },
}

impl CommandPayload {
    /// Reads a payload; `path` is the mapping's own place of the value.
    pub(super) fn read(payload: &[u8], path: Option<&JsonPath>) -> Self {
        match parse(payload) {
            Ok(json) => Self { value: value(&json, path), id: id(&json), timestamp: timestamp(&json) },
            Err(error) => Self { value: Err(error), id: None, timestamp: None },
        }
    }
}

fn parse(payload: &[u8]) -> Result<Value, PayloadError> {
    if payload.len() > LONGEST_PAYLOAD {
        return Err(PayloadError::TooLong { bytes: payload.len() });
    }
    if payload.trim_ascii().is_empty() {
        return Err(PayloadError::Empty);
    }
    unique_keys::parse(payload).map_err(|error| PayloadError::NotJson { reason: error.to_string() })
}

fn value(json: &Value, path: Option<&JsonPath>) -> Result<Value, PayloadError> {
    match (path, json) {
        (Some(path), _) => at_path(json, path),
        (None, Value::Object(members)) => members.get("value").cloned().ok_or(PayloadError::NoValue),
        (None, Value::Array(_)) => Err(PayloadError::NoValue),
        (None, scalar) => Ok(scalar.clone()),
    }
}

fn at_path(json: &Value, path: &JsonPath) -> Result<Value, PayloadError> {
    let found = path.query(json).all();
    match found.as_slice() {
        [] => Err(PayloadError::NothingAtPath { path: path.to_string() }),
        [value] => Ok((*value).clone()),
        several => Err(PayloadError::SeveralAtPath { path: path.to_string(), count: several.len() }),
    }
}

fn id(json: &Value) -> Option<Value> {
    json.get("id").filter(|id| id.is_number() || id.as_str().is_some_and(|text| !text.is_empty())).cloned()
}

fn timestamp(json: &Value) -> Option<Timestamp> {
    let millis = match json.get("timestamp")? {
        Value::String(text) => DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis(),
        #[expect(clippy::cast_possible_truncation, reason = "fractions of a millisecond do not matter here")]
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|millis| millis as i64))?,
        _ => return None,
    };
    Some(Timestamp::from_unix_millis(millis))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(payload: &str, path: Option<&str>, expected: Result<Value, &str>) {
        let path = path.map(|path| JsonPath::parse(path).unwrap());
        let read = CommandPayload::read(payload.as_bytes(), path.as_ref());
        assert_eq!(read.value.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{payload}");
    }

    const NO_VALUE: &str = "the payload has no `value`, `{\"value\":…}` or a bare number, text or Boolean is due";

    #[test]
    fn the_value_is_under_its_key_or_the_whole_scalar() {
        check(r#"{"value":1500}"#, None, Ok(json!(1500)));
        check(r#"{"value":null,"id":1}"#, None, Ok(json!(null)));
        check(r#"{"value":[1,2]}"#, None, Ok(json!([1, 2])));
        check(" 1500\n", None, Ok(json!(1500)));
        check("true", None, Ok(json!(true)));
        check("\"on\"", None, Ok(json!("on")));
        check("[1,2]", None, Err(NO_VALUE));
        check(r#"{"Value":1}"#, None, Err(NO_VALUE));
    }

    #[test]
    fn a_path_of_the_mapping_must_lead_to_one_value() {
        let payload = r#"{"set":{"speed":7,"also":[1,2]}}"#;
        check(payload, Some("$.set.speed"), Ok(json!(7)));
        check(payload, Some("$.set.also"), Ok(json!([1, 2])));
        check(payload, Some("$.value"), Err("nothing stands at `$.value` in the payload"));
        check(payload, Some("$.set.also[*]"), Err("2 values stand at `$.set.also[*]` in the payload, one is due"));
        check("7", Some("$"), Ok(json!(7)));
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        check("", None, Err("the payload is empty, `{\"value\":…}` is due"));
        for payload in ["on", "{\"value\":1", "{\"value\":1} x", "NaN", "1e400", "{\"value\":1,\"value\":2}", "'a'"] {
            let error = CommandPayload::read(payload.as_bytes(), None).value.unwrap_err();
            assert!(matches!(error, PayloadError::NotJson { .. }), "{payload}: {error}");
        }
        let error = CommandPayload::read(&[0xff, 0x31], None).value.unwrap_err();
        assert!(matches!(error, PayloadError::NotJson { .. }), "{error}");
    }

    #[test]
    fn size_and_depth_are_bounded() {
        check(&" ".repeat(65_537), None, Err("the payload has 65537 bytes, at most 65536 are taken"));
        let deep = format!("{{\"value\":{}1{}}}", "[".repeat(500), "]".repeat(500));
        let error = CommandPayload::read(deep.as_bytes(), None).value.unwrap_err();
        assert!(error.to_string().contains("recursion limit"), "{error}");
    }

    #[test]
    fn an_id_is_a_number_or_a_text() {
        let id = |payload: &str| CommandPayload::read(payload.as_bytes(), None).id;
        assert_eq!(id(r#"{"value":1,"id":"a1"}"#), Some(json!("a1")));
        assert_eq!(id(r#"{"value":1,"id":7}"#), Some(json!(7)));
        assert_eq!(id(r#"{"id":7}"#), Some(json!(7)));
        for none in [r#"{"value":1}"#, r#"{"id":""}"#, r#"{"id":null}"#, r#"{"id":{"a":1}}"#, "5", "\"id\""] {
            assert_eq!(id(none), None, "{none}");
        }
    }

    #[test]
    fn a_timestamp_is_milliseconds_or_iso_8601() {
        let millis = |timestamp: Value| {
            let payload = json!({"value": 1, "timestamp": timestamp}).to_string();
            CommandPayload::read(payload.as_bytes(), None).timestamp.map(Timestamp::unix_millis)
        };
        assert_eq!(millis(json!(1_767_225_600_000_i64)), Some(1_767_225_600_000));
        assert_eq!(millis(json!(1_767_225_600_000.75)), Some(1_767_225_600_000));
        assert_eq!(millis(json!("2026-01-01T01:00:00.250+01:00")), Some(1_767_225_600_250));
        assert_eq!(millis(json!("2026-01-01T01:00:00")), None);
        assert_eq!(millis(json!(true)), None);
    }
}
