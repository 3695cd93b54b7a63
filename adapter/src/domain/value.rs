//! The value of a tag: OPC UA's built-in types, each kept apart so that a value can be written back as what it was.

use bytes::Bytes;

use super::{DataType, StatusCode, Timestamp};

/// A value of one of OPC UA's built-in types, or an array of one.
#[derive(Clone, Debug, PartialEq)]
pub enum TagValue {
    /// No value.
    Null,
    /// A Boolean.
    Boolean(bool),
    /// An SByte.
    SByte(i8),
    /// A Byte.
    Byte(u8),
    /// An Int16.
    Int16(i16),
    /// A UInt16.
    UInt16(u16),
    /// An Int32, or the number of an enumeration.
    Int32(i32),
    /// A UInt32.
    UInt32(u32),
    /// An Int64.
    Int64(i64),
    /// A UInt64.
    UInt64(u64),
    /// A Float.
    Float(f32),
    /// A Double.
    Double(f64),
    /// A String.
    String(Box<str>),
    /// A DateTime.
    DateTime(Timestamp),
    /// A Guid in its text form, lower case with hyphens.
    Guid(Box<str>),
    /// A ByteString.
    ByteString(Bytes),
    /// An XmlElement as text.
    XmlElement(Box<str>),
    /// A NodeId in its text form.
    NodeId(Box<str>),
    /// An ExpandedNodeId in its text form.
    ExpandedNodeId(Box<str>),
    /// A StatusCode that is a value, not the quality of one.
    StatusCode(StatusCode),
    /// A QualifiedName.
    QualifiedName {
        /// The index of the namespace that qualifies the name.
        namespace_index: u16,
        /// The name.
        name: Box<str>,
    },
    /// A LocalizedText.
    LocalizedText {
        /// The locale, such as `de`, where one is given.
        locale: Option<Box<str>>,
        /// The text, where one is given.
        text: Option<Box<str>>,
    },
    /// An array, of one dimension or several.
    Array(Box<ArrayValue>),
}

/// An array of values of one built-in type.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayValue {
    /// The type of the elements.
    pub element: DataType,
    /// The elements, the last dimension varying fastest.
    pub values: Vec<TagValue>,
    /// The lengths of the dimensions; empty for a plain array. Their product equals `values.len()`.
    pub dimensions: Vec<u32>,
}

impl TagValue {
    /// The value as a model sees it: numbers only, 64-bit integers rounded. A Boolean is no number here.
    pub fn as_number(&self) -> Option<f64> {
        Some(match *self {
            Self::SByte(value) => f64::from(value),
            Self::Byte(value) => f64::from(value),
            Self::Int16(value) => f64::from(value),
            Self::UInt16(value) => f64::from(value),
            Self::Int32(value) => f64::from(value),
            Self::UInt32(value) => f64::from(value),
            Self::Int64(value) => value as f64,
            Self::UInt64(value) => value as f64,
            Self::Float(value) => f64::from(value),
            Self::Double(value) => value,
            _ => return None,
        })
    }

    /// Bytes that the value holds on the heap, for the bounds of queues.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::String(text)
            | Self::Guid(text)
            | Self::XmlElement(text)
            | Self::NodeId(text)
            | Self::ExpandedNodeId(text)
            | Self::QualifiedName { name: text, .. } => text.len(),
            Self::ByteString(bytes) => bytes.len(),
            Self::LocalizedText { locale, text } => [locale, text].into_iter().flatten().map(|text| text.len()).sum(),
            Self::Array(array) => {
                let elements: usize = array.values.iter().map(Self::heap_bytes).sum();
                elements + size_of_val(array.values.as_slice())
            }
            _ => 0,
        }
    }

    /// The built-in type of a scalar; of an array, that of its elements. `None` for `Null`.
    pub fn data_type(&self) -> Option<DataType> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(_) => DataType::Boolean,
            Self::SByte(_) => DataType::SByte,
            Self::Byte(_) => DataType::Byte,
            Self::Int16(_) => DataType::Int16,
            Self::UInt16(_) => DataType::UInt16,
            Self::Int32(_) => DataType::Int32,
            Self::UInt32(_) => DataType::UInt32,
            Self::Int64(_) => DataType::Int64,
            Self::UInt64(_) => DataType::UInt64,
            Self::Float(_) => DataType::Float,
            Self::Double(_) => DataType::Double,
            Self::String(_) => DataType::String,
            Self::DateTime(_) => DataType::DateTime,
            Self::Guid(_) => DataType::Guid,
            Self::ByteString(_) => DataType::ByteString,
            Self::XmlElement(_) => DataType::XmlElement,
            Self::NodeId(_) => DataType::NodeId,
            Self::ExpandedNodeId(_) => DataType::ExpandedNodeId,
            Self::StatusCode(_) => DataType::StatusCode,
            Self::QualifiedName { .. } => DataType::QualifiedName,
            Self::LocalizedText { .. } => DataType::LocalizedText,
            Self::Array(array) => array.element,
        })
    }
}
