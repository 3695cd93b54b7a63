//! The results of a Read from their bytes: values of tags as they came, and attributes of nodes and types as the library's
//! values.

use bytes::Bytes;
use opcua::types::{
    Array, ByteString, DataValue, DateTime, ExtensionObject, LocalizedText, QualifiedName, StatusCode, UAString,
    Variant, VariantScalarTypeId, XmlElement, type_loader::ByteStringBody,
};

use crate::opcua::value::{
    bodies, plain,
    plain::Mask,
    raw::RawValue,
    reader::{Malformed, Reader},
    skip,
};

/// The results of a Read of tags' values, no more than `most`, which is how many were asked for. Where the end of one cannot be found, it is the last of those that come with the
/// error, and the results behind it have to be read anew.
pub(in crate::opcua) fn raw_values(
    reader: &mut Reader<'_>,
    body: &Bytes,
    most: usize,
) -> Result<Vec<RawValue>, (Vec<RawValue>, Malformed)> {
    let mut values = Vec::new();
    let count = match reader.length() {
        Ok(count) => count.unwrap_or(0).min(most),
        Err(malformed) => return Err((values, malformed)),
    };
    values.reserve(reader.reserve(count));
    for _ in 0..count {
        match RawValue::read(reader, body) {
            Ok(value) => values.push(value),
            Err(malformed) => {
                values.push(RawValue::unreadable(malformed.clone()));
                return Err((values, malformed));
            }
        }
    }
    Ok(values)
}

/// The results of a Read of attributes, no more than `most`, which is how many were asked for. One that is malformed has no value and the status `BadDecodingError`. Where the
/// end of one cannot be found, those before it come with the error, and the results from it on have to be read anew.
pub(in crate::opcua) fn data_values(
    reader: &mut Reader<'_>,
    most: usize,
) -> Result<Vec<DataValue>, (Vec<DataValue>, Malformed)> {
    let mut values = Vec::new();
    let count = match reader.length() {
        Ok(count) => count.unwrap_or(0).min(most),
        Err(malformed) => return Err((values, malformed)),
    };
    values.reserve(reader.reserve(count));
    for _ in 0..count {
        match data_value(reader) {
            Ok(value) => values.push(value),
            Err(malformed) => return Err((values, malformed)),
        }
    }
    Ok(values)
}

fn data_value(reader: &mut Reader<'_>) -> Result<DataValue, Malformed> {
    let mask = reader.u8()?;
    let has = |bit| mask & bit != 0;
    let start = reader.position();
    let mut malformed = None;
    let value = if has(0x01) {
        variant(reader).map(Some).or_else(|why| {
            reader.go_to(start);
            malformed = Some(StatusCode::BadDecodingError);
            skip::variant(reader).map_err(|_| why)?;
            Ok(None)
        })?
    } else {
        None
    };
    let status = if has(0x02) { Some(StatusCode::from(reader.u32()?)) } else { None };
    let source_timestamp = if has(0x04) { Some(date_time(reader)?) } else { None };
    let source_picoseconds = if has(0x10) { Some(reader.u16()?) } else { None };
    let server_timestamp = if has(0x08) { Some(date_time(reader)?) } else { None };
    let server_picoseconds = if has(0x20) { Some(reader.u16()?) } else { None };
    Ok(DataValue {
        value,
        status: malformed.or(status),
        source_timestamp,
        source_picoseconds,
        server_timestamp,
        server_picoseconds,
    })
}

fn date_time(reader: &mut Reader<'_>) -> Result<DateTime, Malformed> {
    reader.date_time().map(|time| DateTime::from(time.opcua_ticks()))
}

fn variant(reader: &mut Reader<'_>) -> Result<Variant, Malformed> {
    let wrong = reader.no_such("built-in type");
    let mask = Mask::read(reader)?;
    let Some(value_type) = VariantScalarTypeId::from_encoding_mask(mask.number) else {
        return if mask.number == 0 && !mask.is_array { Ok(Variant::Empty) } else { Err(wrong) };
    };
    if !mask.is_array {
        return scalar(reader, value_type);
    }
    let length = reader.length()?.unwrap_or(0);
    reader.count_many(length)?;
    let mut values = Vec::with_capacity(reader.reserve(length));
    for _ in 0..length {
        values.push(reader.nested(1, |reader| scalar(reader, value_type))?);
    }
    let dimensions = if mask.has_dimensions { plain::dimensions(reader, length)? } else { Vec::new() };
    let dimensions = Some(dimensions).filter(|dimensions| !dimensions.is_empty());
    Ok(Variant::Array(Box::new(Array { value_type, values, dimensions })))
}

fn scalar(reader: &mut Reader<'_>, value_type: VariantScalarTypeId) -> Result<Variant, Malformed> {
    use VariantScalarTypeId as T;
    Ok(match value_type {
        T::Boolean => Variant::Boolean(reader.boolean()?),
        T::SByte => Variant::SByte(i8::from_le_bytes(reader.array()?)),
        T::Byte => Variant::Byte(reader.u8()?),
        T::Int16 => Variant::Int16(i16::from_le_bytes(reader.array()?)),
        T::UInt16 => Variant::UInt16(reader.u16()?),
        T::Int32 => Variant::Int32(reader.i32()?),
        T::UInt32 => Variant::UInt32(reader.u32()?),
        T::Int64 => Variant::Int64(reader.i64()?),
        T::UInt64 => Variant::UInt64(u64::from_le_bytes(reader.array()?)),
        T::Float => Variant::Float(f32::from_le_bytes(reader.array()?)),
        T::Double => Variant::Double(reader.f64()?),
        T::String => Variant::String(text(reader)?),
        T::DateTime => Variant::DateTime(Box::new(date_time(reader)?)),
        T::Guid => Variant::Guid(Box::new(reader.guid()?)),
        T::StatusCode => Variant::StatusCode(StatusCode::from(reader.u32()?)),
        T::ByteString => Variant::ByteString(ByteString { value: reader.byte_string()?.map(Vec::from) }),
        T::XmlElement => Variant::XmlElement(XmlElement::from(reader.text()?.unwrap_or_default().into_owned())),
        T::QualifiedName => Variant::QualifiedName(Box::new(qualified_name(reader)?)),
        T::LocalizedText => Variant::LocalizedText(Box::new(localized_text(reader)?)),
        T::NodeId => Variant::NodeId(Box::new(reader.node_id()?)),
        T::ExpandedNodeId => Variant::ExpandedNodeId(Box::new(reader.expanded_node_id()?)),
        T::ExtensionObject => Variant::ExtensionObject(extension_object(reader)?),
        T::Variant => Variant::Variant(Box::new(reader.nested(1, variant)?)),
        T::DataValue => Variant::DataValue(Box::new(reader.nested(1, data_value)?)),
        T::DiagnosticInfo => {
            // Nobody asks what is in it.
            skip::diagnostic_info(reader)?;
            Variant::DiagnosticInfo(Box::default())
        }
    })
}

/// A String; null where there is none.
pub(in crate::opcua) fn text(reader: &mut Reader<'_>) -> Result<UAString, Malformed> {
    Ok(reader.text()?.map(String::from).into())
}

/// A QualifiedName.
pub(in crate::opcua) fn qualified_name(reader: &mut Reader<'_>) -> Result<QualifiedName, Malformed> {
    Ok(QualifiedName { namespace_index: reader.u16()?, name: text(reader)? })
}

/// A LocalizedText.
pub(in crate::opcua) fn localized_text(reader: &mut Reader<'_>) -> Result<LocalizedText, Malformed> {
    let mask = reader.u8()?;
    let locale = if mask & 0x01 != 0 { text(reader)? } else { UAString::null() };
    let text = if mask & 0x02 != 0 { text(reader)? } else { UAString::null() };
    Ok(LocalizedText { locale, text })
}

/// A structure: one of OPC UA's own that is needed here, or its body as it came.
fn extension_object(reader: &mut Reader<'_>) -> Result<ExtensionObject, Malformed> {
    let encoding = reader.node_id()?;
    let wrong = reader.no_such("encoding of a structure");
    let body = match reader.u8()? {
        0 => return Ok(ExtensionObject::null()),
        1 => match reader.byte_string()? {
            Some(body) => body,
            None if encoding.is_null() => return Ok(ExtensionObject::null()),
            // It does not say how long it is: its type does.
            None => {
                return bodies::read(&encoding, reader)
                    .unwrap_or_else(|| Err(Malformed::NoLength { encoding: Box::new(encoding.clone()) }));
            }
        },
        2 => {
            reader.byte_string()?;
            return Ok(ExtensionObject::null());
        }
        _ => return Err(wrong),
    };
    let known = reader.within(body, |reader| bodies::read(&encoding, reader).transpose());
    Ok(match known {
        Ok(Some(known)) => known,
        // What is malformed, or not known, stays as it is.
        _ => ExtensionObject::new(ByteStringBody::new(ByteString::from(body.to_vec()), encoding)),
    })
}

#[cfg(test)]
#[path = "attributes_tests.rs"]
mod tests;
