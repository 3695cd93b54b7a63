//! Variants of OPC UA's built-in types straight to values (Part 6, 5.2.2), each in one pass: the case of nearly all values.

use bytes::Bytes;

use crate::domain::{DataType, StatusCode, TagValue, value::ArrayValue};
use crate::opcua::value::{
    reader::{Malformed, Reader},
    time, variant,
};

/// The number of an `ExtensionObject`, and of the DataType Structure.
pub(in crate::opcua) const EXTENSION_OBJECT: u8 = 22;
/// The number of a DataValue.
pub(in crate::opcua) const DATA_VALUE: u8 = 23;
/// The number of a Variant, and of the DataType `BaseDataType`.
pub(in crate::opcua) const VARIANT: u8 = 24;
/// The number of a `DiagnosticInfo`, the last of the built-in types.
pub(in crate::opcua) const DIAGNOSTIC_INFO: u8 = 25;

/// What stands in front of a Variant's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) struct Mask {
    /// The built-in type's number; 0 for null.
    pub(in crate::opcua) number: u8,
    /// Whether there are several values.
    pub(in crate::opcua) is_array: bool,
    /// Whether the lengths of dimensions follow.
    pub(in crate::opcua) has_dimensions: bool,
}

impl Mask {
    /// The mask that comes next. Dimensions of what is no array are refused: nobody knows whether they follow.
    pub(in crate::opcua) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        const IS_ARRAY: u8 = 0x80;
        const HAS_DIMENSIONS: u8 = 0x40;
        let wrong = reader.no_such("type of a Variant");
        let byte = reader.u8()?;
        let is_array = byte & IS_ARRAY != 0;
        let has_dimensions = byte & HAS_DIMENSIONS != 0;
        if has_dimensions && !is_array {
            return Err(wrong);
        }
        Ok(Self { number: byte & !(IS_ARRAY | HAS_DIMENSIONS), is_array, has_dimensions })
    }

    /// How many levels of JSON the array may be; how many dimensions there are is told behind the elements.
    pub(in crate::opcua) fn levels(self) -> usize {
        if self.has_dimensions { ArrayValue::MAX_DIMENSIONS } else { 1 }
    }
}

/// Why a Variant is not read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum NotPlain {
    /// There is a structure, a DataValue or diagnostics in it.
    Typed,
    /// It is malformed.
    Malformed(Malformed),
}

impl From<Malformed> for NotPlain {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// A Variant with its mask.
pub(in crate::opcua) fn variant(reader: &mut Reader<'_>) -> Result<TagValue, NotPlain> {
    let wrong = reader.no_such("built-in type");
    let mask = Mask::read(reader)?;
    match mask.number {
        EXTENSION_OBJECT | DATA_VALUE | DIAGNOSTIC_INFO => Err(NotPlain::Typed),
        0 if !mask.is_array => Ok(TagValue::Null),
        VARIANT if !mask.is_array => reader.nested(1, variant),
        1..VARIANT if !mask.is_array => Ok(scalar(reader, mask.number)?),
        1..=VARIANT => reader.nested(mask.levels(), |reader| array(reader, mask)),
        // Types 26 to 31 travel as ByteStrings (Part 6, 5.2.2.16), and nobody knows yet what these are.
        _ => Err(wrong.into()),
    }
}

fn array(reader: &mut Reader<'_>, mask: Mask) -> Result<TagValue, NotPlain> {
    let length = reader.length()?.unwrap_or(0);
    reader.count_many(length)?;
    let values =
        if mask.number == VARIANT { several(reader, length, variant)? } else { elements(reader, mask.number, length)? };
    let dimensions = if mask.has_dimensions { dimensions(reader, length)? } else { Vec::new() };
    let element = if mask.number == VARIANT { ArrayValue::common_type(&values) } else { data_type(mask.number) };
    Ok(TagValue::Array(Box::new(ArrayValue { element, values, dimensions })))
}

/// The lengths of a Variant's dimensions, which have to make as many elements as there are; empty for what is no more
/// than a row.
pub(in crate::opcua) fn dimensions(reader: &mut Reader<'_>, elements: usize) -> Result<Vec<u32>, Malformed> {
    let wrong = Malformed::Dimensions { elements };
    let Some(count) = reader.length()?.filter(|count| *count > 0) else { return Ok(Vec::new()) };
    let mut dimensions = Vec::new();
    let mut product = Some(1_usize);
    for _ in 0..count {
        let length = u32::try_from(reader.i32()?).map_err(|_| wrong.clone())?;
        product = product.and_then(|product| product.checked_mul(usize::try_from(length).ok()?));
        if dimensions.len() <= ArrayValue::MAX_DIMENSIONS {
            dimensions.push(length);
        }
    }
    if product != Some(elements) {
        return Err(wrong);
    }
    // One dimension says no more than the length does.
    let is_matrix = elements > 0 && (2..=ArrayValue::MAX_DIMENSIONS).contains(&dimensions.len());
    Ok(if is_matrix { dimensions } else { Vec::new() })
}

/// The built-in type of this number, where it has values of its own.
pub(in crate::opcua) fn data_type(number: u8) -> Option<DataType> {
    opcua::types::VariantScalarTypeId::from_encoding_mask(number).and_then(variant::data_type)
}

/// So many values of one type.
fn elements(reader: &mut Reader<'_>, number: u8, length: usize) -> Result<Vec<TagValue>, Malformed> {
    match number {
        1 => fixed(reader, length, |[byte]| TagValue::Boolean(byte != 0)),
        2 => fixed(reader, length, |bytes| TagValue::SByte(i8::from_le_bytes(bytes))),
        3 => fixed(reader, length, |[byte]| TagValue::Byte(byte)),
        4 => fixed(reader, length, |bytes| TagValue::Int16(i16::from_le_bytes(bytes))),
        5 => fixed(reader, length, |bytes| TagValue::UInt16(u16::from_le_bytes(bytes))),
        6 => fixed(reader, length, |bytes| TagValue::Int32(i32::from_le_bytes(bytes))),
        7 => fixed(reader, length, |bytes| TagValue::UInt32(u32::from_le_bytes(bytes))),
        8 => fixed(reader, length, |bytes| TagValue::Int64(i64::from_le_bytes(bytes))),
        9 => fixed(reader, length, |bytes| TagValue::UInt64(u64::from_le_bytes(bytes))),
        10 => fixed(reader, length, |bytes| TagValue::Float(f32::from_le_bytes(bytes))),
        11 => fixed(reader, length, |bytes| TagValue::Double(f64::from_le_bytes(bytes))),
        13 => fixed(reader, length, |bytes| TagValue::DateTime(time::date_time(i64::from_le_bytes(bytes)))),
        19 => fixed(reader, length, |bytes| TagValue::StatusCode(StatusCode(u32::from_le_bytes(bytes)))),
        _ => several(reader, length, |reader| scalar(reader, number)),
    }
}

/// Values of a fixed width.
fn fixed<const N: usize>(
    reader: &mut Reader<'_>,
    length: usize,
    value: impl Fn([u8; N]) -> TagValue,
) -> Result<Vec<TagValue>, Malformed> {
    let wrong = reader.short();
    let bytes = reader.bytes(length.checked_mul(N).ok_or(wrong)?)?;
    Ok(bytes.as_chunks::<N>().0.iter().map(|bytes| value(*bytes)).collect())
}

/// Values each of which says itself how long it is.
fn several<E>(
    reader: &mut Reader<'_>,
    length: usize,
    read: impl Fn(&mut Reader<'_>) -> Result<TagValue, E>,
) -> Result<Vec<TagValue>, E> {
    let mut values = Vec::with_capacity(reader.reserve(length));
    for _ in 0..length {
        values.push(read(reader)?);
    }
    Ok(values)
}

/// One value of the built-in type of this number.
pub(in crate::opcua) fn scalar(reader: &mut Reader<'_>, number: u8) -> Result<TagValue, Malformed> {
    Ok(match number {
        1 => TagValue::Boolean(reader.boolean()?),
        2 => TagValue::SByte(i8::from_le_bytes(reader.array()?)),
        3 => TagValue::Byte(reader.u8()?),
        4 => TagValue::Int16(i16::from_le_bytes(reader.array()?)),
        5 => TagValue::UInt16(reader.u16()?),
        6 => TagValue::Int32(reader.i32()?),
        7 => TagValue::UInt32(reader.u32()?),
        8 => TagValue::Int64(reader.i64()?),
        9 => TagValue::UInt64(u64::from_le_bytes(reader.array()?)),
        10 => TagValue::Float(f32::from_le_bytes(reader.array()?)),
        11 => TagValue::Double(reader.f64()?),
        12 => reader.text()?.map_or(TagValue::Null, |text| TagValue::String(text.into())),
        13 => TagValue::DateTime(reader.date_time()?),
        14 => TagValue::Guid(reader.guid()?.to_string().into()),
        15 => {
            let bytes = reader.byte_string()?;
            // A copy: a slice would keep the whole message for as long as somebody holds the value.
            bytes.map_or(TagValue::Null, |bytes| TagValue::ByteString(Bytes::copy_from_slice(bytes)))
        }
        16 => TagValue::XmlElement(reader.text()?.unwrap_or_default().into()),
        17 => TagValue::NodeId(reader.node_id()?.to_string().into()),
        18 => TagValue::ExpandedNodeId(variant::expanded_node_id_text(&reader.expanded_node_id()?).into()),
        19 => TagValue::StatusCode(StatusCode(reader.u32()?)),
        20 => {
            TagValue::QualifiedName { namespace_index: reader.u16()?, name: reader.text()?.unwrap_or_default().into() }
        }
        21 => localized_text(reader)?,
        _ => return Err(reader.no_such("built-in type")),
    })
}

fn localized_text(reader: &mut Reader<'_>) -> Result<TagValue, Malformed> {
    let mask = reader.u8()?;
    let locale = if mask & 0x01 != 0 { reader.text()? } else { None };
    let text = if mask & 0x02 != 0 { reader.text()? } else { None };
    Ok(TagValue::LocalizedText { locale: locale.map(Into::into), text: text.map(Into::into) })
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
