//! JSON texts or objects to QualifiedName and LocalizedText.

use serde_json::{Map, Value};

use super::{error::CoerceError, number};
use crate::domain::{DataType, TagValue};

/// A text (namespace 0), or `{"name": …, "namespaceIndex": …}`.
pub(super) fn qualified_name(json: &Value) -> Result<TagValue, CoerceError> {
    let due = DataType::QualifiedName;
    match json {
        Value::String(name) => Ok(TagValue::QualifiedName { namespace_index: 0, name: name.as_str().into() }),
        Value::Object(members) if has_only(members, ["name", "namespaceIndex"]) => {
            let name = optional_text(json, members, "name", due)?.ok_or_else(|| CoerceError::wrong_type(json, due))?;
            let namespace_index = members.get("namespaceIndex").map_or(Ok(0), |index| number::integer(index, due))?;
            Ok(TagValue::QualifiedName { namespace_index, name })
        }
        _ => Err(CoerceError::wrong_type(json, due)),
    }
}

/// A text, or `{"text": …, "locale": …}`, either of which may be absent or null.
pub(super) fn localized_text(json: &Value) -> Result<TagValue, CoerceError> {
    let due = DataType::LocalizedText;
    match json {
        Value::String(text) => Ok(TagValue::LocalizedText { locale: None, text: Some(text.as_str().into()) }),
        Value::Object(members) if has_only(members, ["locale", "text"]) => Ok(TagValue::LocalizedText {
            locale: optional_text(json, members, "locale", due)?,
            text: optional_text(json, members, "text", due)?,
        }),
        _ => Err(CoerceError::wrong_type(json, due)),
    }
}

/// Whether the object has at least one of the two members and no other: a misspelt one must not be lost silently.
fn has_only(members: &Map<String, Value>, allowed: [&str; 2]) -> bool {
    !members.is_empty() && members.keys().all(|key| allowed.contains(&key.as_str()))
}

fn optional_text(
    json: &Value,
    members: &Map<String, Value>,
    key: &str,
    due: DataType,
) -> Result<Option<Box<str>>, CoerceError> {
    match members.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str().into())),
        Some(_) => Err(CoerceError::wrong_type(json, due)),
    }
}
