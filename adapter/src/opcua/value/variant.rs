//! Values: the library's `Variant` to our `TagValue` and back.

use bytes::Bytes;
use opcua::types::{
    Array, ByteString, DateTime, ExpandedNodeId, Guid, LocalizedText, NodeId, QualifiedName, StatusCode, UAString,
    Variant, VariantScalarTypeId, XmlElement,
};

use crate::domain::{DataType, TagValue, Timestamp, value::ArrayValue};
use crate::opcua::{status, value::time};

/// The value of a Variant; `None` for one with a structure, a DataValue or diagnostics in it, which
/// [`crate::opcua::value::structure`] takes.
pub(in crate::opcua) fn from_variant(variant: Variant) -> Option<TagValue> {
    Some(match variant {
        Variant::Empty => TagValue::Null,
        Variant::Boolean(value) => TagValue::Boolean(value),
        Variant::SByte(value) => TagValue::SByte(value),
        Variant::Byte(value) => TagValue::Byte(value),
        Variant::Int16(value) => TagValue::Int16(value),
        Variant::UInt16(value) => TagValue::UInt16(value),
        Variant::Int32(value) => TagValue::Int32(value),
        Variant::UInt32(value) => TagValue::UInt32(value),
        Variant::Int64(value) => TagValue::Int64(value),
        Variant::UInt64(value) => TagValue::UInt64(value),
        Variant::Float(value) => TagValue::Float(value),
        Variant::Double(value) => TagValue::Double(value),
        Variant::String(value) => text(&value).map_or(TagValue::Null, TagValue::String),
        Variant::DateTime(value) => TagValue::DateTime(from_date_time(*value)),
        Variant::Guid(value) => TagValue::Guid(value.to_string().into()),
        Variant::StatusCode(value) => TagValue::StatusCode(status::from_library(value)),
        Variant::ByteString(value) => {
            value.value.map_or(TagValue::Null, |bytes| TagValue::ByteString(Bytes::from(bytes)))
        }
        Variant::XmlElement(value) => TagValue::XmlElement(value.to_string().into()),
        Variant::QualifiedName(value) => TagValue::QualifiedName {
            namespace_index: value.namespace_index,
            name: text(&value.name).unwrap_or_default(),
        },
        Variant::LocalizedText(value) => {
            TagValue::LocalizedText { locale: text(&value.locale), text: text(&value.text) }
        }
        Variant::NodeId(value) => TagValue::NodeId(value.to_string().into()),
        Variant::ExpandedNodeId(value) => TagValue::ExpandedNodeId(expanded_node_id_text(&value).into()),
        Variant::Variant(inner) => return from_variant(*inner),
        Variant::Array(array) => return from_array(*array),
        Variant::ExtensionObject(_) | Variant::DataValue(_) | Variant::DiagnosticInfo(_) => return None,
    })
}

/// The Variant of a value, of exactly its type; `None` for a structure, and for a text that is no Guid or NodeId.
pub(in crate::opcua) fn into_variant(value: TagValue) -> Option<Variant> {
    Some(match value {
        TagValue::Null => Variant::Empty,
        TagValue::Boolean(value) => Variant::Boolean(value),
        TagValue::SByte(value) => Variant::SByte(value),
        TagValue::Byte(value) => Variant::Byte(value),
        TagValue::Int16(value) => Variant::Int16(value),
        TagValue::UInt16(value) => Variant::UInt16(value),
        TagValue::Int32(value) => Variant::Int32(value),
        TagValue::UInt32(value) => Variant::UInt32(value),
        TagValue::Int64(value) => Variant::Int64(value),
        TagValue::UInt64(value) => Variant::UInt64(value),
        TagValue::Float(value) => Variant::Float(value),
        TagValue::Double(value) => Variant::Double(value),
        TagValue::String(value) => Variant::String(UAString::from(String::from(value))),
        TagValue::DateTime(value) => Variant::DateTime(Box::new(DateTime::from(value.opcua_ticks()))),
        TagValue::Guid(value) => Variant::Guid(Box::new(value.parse::<Guid>().ok()?)),
        TagValue::ByteString(value) => Variant::ByteString(ByteString::from(Vec::from(value))),
        TagValue::XmlElement(value) => Variant::XmlElement(XmlElement::from(String::from(value))),
        TagValue::NodeId(value) => Variant::NodeId(Box::new(value.parse::<NodeId>().ok()?)),
        TagValue::ExpandedNodeId(value) => Variant::ExpandedNodeId(Box::new(parse_expanded_node_id(&value)?)),
        TagValue::StatusCode(value) => Variant::StatusCode(StatusCode::from(value.0)),
        TagValue::QualifiedName { namespace_index, name } => {
            Variant::QualifiedName(Box::new(QualifiedName { namespace_index, name: String::from(name).into() }))
        }
        TagValue::LocalizedText { locale, text } => Variant::LocalizedText(Box::new(LocalizedText {
            locale: locale.map(String::from).into(),
            text: text.map(String::from).into(),
        })),
        TagValue::Enumeration { number, .. } => Variant::Int32(number),
        TagValue::Array(array) => return into_array(*array),
        TagValue::Structure(_) | TagValue::Opaque(_) => return None,
    })
}

/// A DateTime as a point in time, within the calendar.
pub(in crate::opcua) fn from_date_time(value: DateTime) -> Timestamp {
    time::date_time(value.ticks())
}

fn from_array(array: Array) -> Option<TagValue> {
    let element = match array.value_type {
        VariantScalarTypeId::Variant => common_type(&array.values),
        scalar => Some(data_type(scalar)?),
    };
    let values = array.values.into_iter().map(from_variant).collect::<Option<Vec<_>>>()?;
    // One dimension says no more than the length does.
    let dimensions = array.dimensions.filter(|dimensions| dimensions.len() > 1).unwrap_or_default();
    Some(TagValue::Array(Box::new(ArrayValue { element, values, dimensions })))
}

/// An array of Variants is an array of one type where all of them are scalars of it.
fn common_type(values: &[Variant]) -> Option<DataType> {
    let scalar = |value: &Variant| match value {
        Variant::Variant(inner) => inner.scalar_type_id(),
        Variant::Array(_) => None,
        other => other.scalar_type_id(),
    };
    let first = scalar(values.first()?)?;
    values.iter().all(|value| scalar(value) == Some(first)).then(|| data_type(first)).flatten()
}

fn into_array(array: ArrayValue) -> Option<Variant> {
    let of = array.element?;
    let element = scalar_type(of);
    let values = array
        .values
        .into_iter()
        .map(|value| match value {
            TagValue::Null => Some(null_of(of)),
            value => into_variant(value),
        })
        .collect::<Option<Vec<_>>>()?;
    let result = if array.dimensions.is_empty() {
        Array::new(element, values)
    } else {
        Array::new_multi(element, values, array.dimensions)
    };
    result.ok().map(|array| Variant::Array(Box::new(array)))
}

/// What stands for null within an array, where the library refuses an empty Variant.
fn null_of(element: DataType) -> Variant {
    match element {
        DataType::String => Variant::String(UAString::null()),
        DataType::ByteString => Variant::ByteString(ByteString::null()),
        _ => Variant::Empty,
    }
}

fn text(value: &UAString) -> Option<Box<str>> {
    value.value().as_deref().map(Box::from)
}

/// `svr=` only where it says something; the rest as in a NodeId.
pub(in crate::opcua) fn expanded_node_id_text(id: &ExpandedNodeId) -> String {
    let full = id.to_string();
    full.strip_prefix("svr=0;").map_or(full.clone(), str::to_owned)
}

fn parse_expanded_node_id(text: &str) -> Option<ExpandedNodeId> {
    let full = if text.starts_with("svr=") { text.to_owned() } else { format!("svr=0;{text}") };
    // The library reads only ids that name their namespace.
    full.parse().ok().or_else(|| text.parse::<NodeId>().ok().map(ExpandedNodeId::from))
}

/// The built-in type with this number of OPC UA Part 6, table 1.
pub(in crate::opcua) fn data_type(scalar: VariantScalarTypeId) -> Option<DataType> {
    Some(match scalar {
        VariantScalarTypeId::Boolean => DataType::Boolean,
        VariantScalarTypeId::SByte => DataType::SByte,
        VariantScalarTypeId::Byte => DataType::Byte,
        VariantScalarTypeId::Int16 => DataType::Int16,
        VariantScalarTypeId::UInt16 => DataType::UInt16,
        VariantScalarTypeId::Int32 => DataType::Int32,
        VariantScalarTypeId::UInt32 => DataType::UInt32,
        VariantScalarTypeId::Int64 => DataType::Int64,
        VariantScalarTypeId::UInt64 => DataType::UInt64,
        VariantScalarTypeId::Float => DataType::Float,
        VariantScalarTypeId::Double => DataType::Double,
        VariantScalarTypeId::String => DataType::String,
        VariantScalarTypeId::DateTime => DataType::DateTime,
        VariantScalarTypeId::Guid => DataType::Guid,
        VariantScalarTypeId::ByteString => DataType::ByteString,
        VariantScalarTypeId::XmlElement => DataType::XmlElement,
        VariantScalarTypeId::NodeId => DataType::NodeId,
        VariantScalarTypeId::ExpandedNodeId => DataType::ExpandedNodeId,
        VariantScalarTypeId::StatusCode => DataType::StatusCode,
        VariantScalarTypeId::QualifiedName => DataType::QualifiedName,
        VariantScalarTypeId::LocalizedText => DataType::LocalizedText,
        VariantScalarTypeId::ExtensionObject
        | VariantScalarTypeId::DataValue
        | VariantScalarTypeId::Variant
        | VariantScalarTypeId::DiagnosticInfo => return None,
    })
}

fn scalar_type(data_type: DataType) -> VariantScalarTypeId {
    match data_type {
        DataType::Boolean => VariantScalarTypeId::Boolean,
        DataType::SByte => VariantScalarTypeId::SByte,
        DataType::Byte => VariantScalarTypeId::Byte,
        DataType::Int16 => VariantScalarTypeId::Int16,
        DataType::UInt16 => VariantScalarTypeId::UInt16,
        DataType::Int32 => VariantScalarTypeId::Int32,
        DataType::UInt32 => VariantScalarTypeId::UInt32,
        DataType::Int64 => VariantScalarTypeId::Int64,
        DataType::UInt64 => VariantScalarTypeId::UInt64,
        DataType::Float => VariantScalarTypeId::Float,
        DataType::Double => VariantScalarTypeId::Double,
        DataType::String => VariantScalarTypeId::String,
        DataType::DateTime => VariantScalarTypeId::DateTime,
        DataType::Guid => VariantScalarTypeId::Guid,
        DataType::ByteString => VariantScalarTypeId::ByteString,
        DataType::XmlElement => VariantScalarTypeId::XmlElement,
        DataType::NodeId => VariantScalarTypeId::NodeId,
        DataType::ExpandedNodeId => VariantScalarTypeId::ExpandedNodeId,
        DataType::StatusCode => VariantScalarTypeId::StatusCode,
        DataType::QualifiedName => VariantScalarTypeId::QualifiedName,
        DataType::LocalizedText => VariantScalarTypeId::LocalizedText,
    }
}

#[cfg(test)]
#[path = "variant_tests.rs"]
mod tests;
