//! Why a JSON value cannot become a node's type, in sentences for the person who sent it.

use serde_json::Value;
use thiserror::Error;

use crate::domain::{DataType, RejectReason};

/// Characters of a text that a sentence repeats.
const LONGEST_QUOTE: usize = 40;

/// Why a JSON value cannot become a node's type.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CoerceError {
    /// Another kind of JSON value, or a text that does not say what is due.
    #[error("{found} was given, {} is due", expectation(*due))]
    WrongType {
        /// The value found, described.
        found: String,
        /// The node's type.
        due: DataType,
    },
    /// The right kind of value, too small or too large for the type.
    #[error("{found} is out of range, {} is due", expectation(*due))]
    OutOfRange {
        /// The value found, described.
        found: String,
        /// The node's type.
        due: DataType,
    },
    /// An integer from 2^53 on with an exponent or a fraction, of which JSON's parser keeps 53 bits.
    #[error("{found} is not exact: from 2^53 on digits alone are due, without exponent or fraction")]
    Inexact {
        /// The value found, described.
        found: String,
    },
    /// An array for a scalar, a scalar for an array, or an array of other dimensions.
    #[error("{found} was given, {due} is due")]
    WrongShape {
        /// The shape found, described.
        found: String,
        /// The shape of the node.
        due: String,
    },
    /// Something is wrong with one element of an array.
    #[error("element {index}: {error}")]
    Element {
        /// Its position among all elements, the last dimension varying fastest, from 0.
        index: usize,
        /// What is wrong with it.
        error: Box<Self>,
    },
}

impl CoerceError {
    /// The reason as verdicts spell it.
    pub fn reason(&self) -> RejectReason {
        match self {
            Self::WrongType { .. } | Self::WrongShape { .. } => RejectReason::WrongType,
            Self::OutOfRange { .. } | Self::Inexact { .. } => RejectReason::OutOfRange,
            Self::Element { error, .. } => error.reason(),
        }
    }

    pub(super) fn wrong_type(found: &Value, due: DataType) -> Self {
        Self::WrongType { found: describe(found), due }
    }

    pub(super) fn out_of_range(found: &Value, due: DataType) -> Self {
        Self::OutOfRange { found: describe(found), due }
    }
}

/// The value in a few words: short enough for a sentence whatever was sent.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("the Boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(text) => format!("the text {:?}", shorten(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some(_) => text.chars().take(LONGEST_QUOTE).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// What a type takes, as the end of a sentence.
const fn expectation(due: DataType) -> &'static str {
    match due {
        DataType::Boolean => "a Boolean (true or false)",
        DataType::SByte => "an SByte (a whole number from -128 to 127)",
        DataType::Byte => "a Byte (a whole number from 0 to 255)",
        DataType::Int16 => "an Int16 (a whole number from -32768 to 32767)",
        DataType::UInt16 => "a UInt16 (a whole number from 0 to 65535)",
        DataType::Int32 => "an Int32 (a whole number from -2147483648 to 2147483647)",
        DataType::UInt32 => "a UInt32 (a whole number from 0 to 4294967295)",
        DataType::Int64 => "an Int64 (a whole number from -9223372036854775808 to 9223372036854775807)",
        DataType::UInt64 => "a UInt64 (a whole number from 0 to 18446744073709551615)",
        DataType::Float => "a Float (a number from -3.4028235e38 to 3.4028235e38)",
        DataType::Double => "a Double (a number)",
        DataType::String => "a String (a JSON text)",
        DataType::DateTime => "a DateTime (a text such as \"2026-01-31T08:30:00Z\", from the year 1601 to 9999)",
        DataType::Guid => "a Guid (a text such as \"72962b91-fa75-4ae6-8d28-b404dc7daf63\")",
        DataType::ByteString => "a ByteString (a text in base64)",
        DataType::XmlElement => "an XmlElement (a JSON text)",
        DataType::NodeId => "a NodeId (a text such as \"ns=3;i=1001\")",
        DataType::ExpandedNodeId => "an ExpandedNodeId (a text such as \"nsu=urn:plant;s=Pump\")",
        DataType::StatusCode => "a StatusCode (a whole number from 0 to 4294967295)",
        DataType::QualifiedName => "a QualifiedName (a text, or an object with `name` and `namespaceIndex`)",
        DataType::LocalizedText => "a LocalizedText (a text, or an object with `text` and `locale`)",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sentences_say_what_was_found_and_what_is_due() {
        let error = CoerceError::wrong_type(&json!(1), DataType::Boolean);
        assert_eq!(error.to_string(), "the number 1 was given, a Boolean (true or false) is due");
        let error = CoerceError::out_of_range(&json!(256), DataType::Byte);
        assert_eq!(error.to_string(), "the number 256 is out of range, a Byte (a whole number from 0 to 255) is due");
        let error = CoerceError::Element { index: 2, error: Box::new(error) };
        assert!(error.to_string().starts_with("element 2: the number 256 is"), "{error}");
        assert_eq!(error.reason(), RejectReason::OutOfRange);
    }

    #[test]
    fn a_long_text_does_not_make_a_long_sentence() {
        let error = CoerceError::wrong_type(&json!("ä".repeat(60_000)), DataType::Int16);
        assert!(error.to_string().chars().count() < 150, "{error}");
    }
}
