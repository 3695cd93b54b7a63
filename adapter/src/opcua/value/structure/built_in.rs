//! OPC UA's 25 built-in types from bytes (Part 6, 5.2.2).

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use opcua::types::VariantScalarTypeId;

use super::{
    decode::{Decoder, Stop},
    types::Kind,
};
use crate::opcua::value::reader::{Malformed, Reader};
use crate::{
    domain::{
        DataType, StatusCode, TagValue,
        value::{ArrayValue, StructureShape, StructureValue},
    },
    opcua::value::variant,
};

/// The number of an `ExtensionObject`, and of the DataType Structure.
pub(super) const EXTENSION_OBJECT: u8 = 22;
/// The number of a DataValue.
const DATA_VALUE: u8 = 23;
/// The number of a Variant, and of the DataType `BaseDataType`.
pub(super) const VARIANT: u8 = 24;
/// The number of a `DiagnosticInfo`.
const DIAGNOSTIC_INFO: u8 = 25;

/// The members of a DataValue that is a value itself, with HiveMQ Edge's names for them.
static DATA_VALUE_SHAPE: LazyLock<Arc<StructureShape>> = LazyLock::new(|| {
    shape(
        "DataValue",
        &["value", "statusCode", "sourceTimestamp", "serverTimestamp", "sourcePicoseconds", "serverPicoseconds"],
    )
});

static DIAGNOSTIC_INFO_SHAPE: LazyLock<Arc<StructureShape>> = LazyLock::new(|| {
    shape(
        "DiagnosticInfo",
        &[
            "symbolicId",
            "namespaceUri",
            "locale",
            "localizedText",
            "additionalInfo",
            "innerStatusCode",
            "innerDiagnosticInfo",
        ],
    )
});

fn shape(name: &str, members: &[&str]) -> Arc<StructureShape> {
    Arc::new(StructureShape { name: name.into(), members: members.iter().map(|member| (*member).into()).collect() })
}

/// The type of this number, where it has values of its own.
pub(super) fn data_type(number: u8) -> Option<DataType> {
    VariantScalarTypeId::from_encoding_mask(number).and_then(variant::data_type)
}

impl Decoder<'_> {
    /// One value of the built-in type with this number.
    pub(super) fn built_in(&mut self, reader: &mut Reader<'_>, number: u8) -> Result<TagValue, Stop> {
        match number {
            EXTENSION_OBJECT => self.any_structure(reader),
            DATA_VALUE => reader.nested(1, |reader| self.data_value(reader)),
            VARIANT => reader.nested(1, |reader| self.variant(reader)),
            DIAGNOSTIC_INFO => diagnostic_info(reader).map_err(Stop::from),
            scalar => self::scalar(reader, scalar).map_err(Stop::from),
        }
    }

    /// A Variant with its mask.
    pub(super) fn variant(&mut self, reader: &mut Reader<'_>) -> Result<TagValue, Stop> {
        const IS_ARRAY: u8 = 0x80;
        const HAS_DIMENSIONS: u8 = 0x40;
        let wrong = reader.no_such("type of a Variant");
        let mask = reader.u8()?;
        let number = mask & !(IS_ARRAY | HAS_DIMENSIONS);
        if number == 0 {
            return Ok(TagValue::Null);
        }
        if number > DIAGNOSTIC_INFO {
            return Err(wrong.into());
        }
        if mask & IS_ARRAY == 0 {
            return self.built_in(reader, number);
        }
        let length = reader.length()?.unwrap_or(0);
        // How many dimensions there are is told behind the elements.
        let levels = if mask & HAS_DIMENSIONS == 0 { 1 } else { ArrayValue::MAX_DIMENSIONS };
        let mut value =
            reader.nested(levels, |reader| self.elements(reader, &Kind::BuiltIn(number), length, Vec::new()))?;
        if mask & HAS_DIMENSIONS != 0
            && let TagValue::Array(array) = &mut value
        {
            let count = reader.length()?.unwrap_or(0);
            let mut dimensions = Vec::with_capacity(reader.reserve(count));
            for _ in 0..count {
                reader.count()?;
                dimensions.push(u32::try_from(reader.i32()?).unwrap_or(0));
            }
            // One dimension says no more than the length does.
            array.dimensions = if dimensions.len() > 1 { dimensions } else { Vec::new() };
        }
        Ok(value)
    }

    fn any_structure(&mut self, reader: &mut Reader<'_>) -> Result<TagValue, Stop> {
        let encoding = reader.node_id()?;
        let wrong = reader.no_such("encoding of a structure");
        match reader.u8()? {
            0 => Ok(TagValue::Null),
            1 => match reader.byte_string()? {
                None => Ok(TagValue::Null),
                Some([]) if self.is_unknown(&encoding) => Ok(TagValue::Null),
                Some(body) => self.extension_object(reader, &encoding, body),
            },
            2 => {
                let body = reader.byte_string()?.unwrap_or_default();
                let reason = "its body is XML and not binary".to_owned();
                Ok(self.opaque(&encoding, body, encoding.to_string(), reason))
            }
            _ => Err(wrong.into()),
        }
    }

    fn data_value(&mut self, reader: &mut Reader<'_>) -> Result<TagValue, Stop> {
        let mask = reader.u8()?;
        let mut members = Vec::new();
        // The order of the bytes is not that of the bits: picoseconds follow their timestamp.
        for (bit, position) in [(0x01, 0_u16), (0x02, 1), (0x04, 2), (0x10, 4), (0x08, 3), (0x20, 5)] {
            if mask & bit == 0 {
                continue;
            }
            let value = match position {
                0 => reader.nested(1, |reader| self.variant(reader))?,
                1 => TagValue::StatusCode(StatusCode(reader.u32()?)),
                2 | 3 => TagValue::DateTime(reader.timestamp()?),
                _ => TagValue::UInt16(reader.u16()?),
            };
            members.push((position, value));
        }
        members.sort_by_key(|(position, _)| *position);
        Ok(TagValue::Structure(Box::new(StructureValue { shape: Arc::clone(&DATA_VALUE_SHAPE), members })))
    }
}

fn scalar(reader: &mut Reader<'_>, number: u8) -> Result<TagValue, Malformed> {
    Ok(match data_type(number).ok_or_else(|| reader.no_such("built-in type"))? {
        DataType::Boolean => TagValue::Boolean(reader.u8()? != 0),
        DataType::SByte => TagValue::SByte(i8::from_le_bytes(reader.array()?)),
        DataType::Byte => TagValue::Byte(reader.u8()?),
        DataType::Int16 => TagValue::Int16(i16::from_le_bytes(reader.array()?)),
        DataType::UInt16 => TagValue::UInt16(reader.u16()?),
        DataType::Int32 => TagValue::Int32(reader.i32()?),
        DataType::UInt32 => TagValue::UInt32(reader.u32()?),
        DataType::Int64 => TagValue::Int64(i64::from_le_bytes(reader.array()?)),
        DataType::UInt64 => TagValue::UInt64(u64::from_le_bytes(reader.array()?)),
        DataType::Float => TagValue::Float(f32::from_le_bytes(reader.array()?)),
        DataType::Double => TagValue::Double(f64::from_le_bytes(reader.array()?)),
        DataType::String => reader.text()?.map_or(TagValue::Null, |text| TagValue::String(text.into())),
        DataType::DateTime => TagValue::DateTime(reader.timestamp()?),
        DataType::Guid => TagValue::Guid(reader.guid()?.to_string().into()),
        DataType::ByteString => {
            let bytes = reader.byte_string()?;
            bytes.map_or(TagValue::Null, |bytes| TagValue::ByteString(Bytes::copy_from_slice(bytes)))
        }
        DataType::XmlElement => TagValue::XmlElement(reader.text()?.unwrap_or_default().into()),
        DataType::NodeId => TagValue::NodeId(reader.node_id()?.to_string().into()),
        DataType::ExpandedNodeId => {
            let id = reader.expanded_node_id()?;
            TagValue::ExpandedNodeId(variant::expanded_node_id_text(&id).into())
        }
        DataType::StatusCode => TagValue::StatusCode(StatusCode(reader.u32()?)),
        DataType::QualifiedName => {
            TagValue::QualifiedName { namespace_index: reader.u16()?, name: reader.text()?.unwrap_or_default().into() }
        }
        DataType::LocalizedText => localized_text(reader)?,
    })
}

fn localized_text(reader: &mut Reader<'_>) -> Result<TagValue, Malformed> {
    let mask = reader.u8()?;
    let locale = if mask & 0x01 != 0 { reader.text()? } else { None };
    let text = if mask & 0x02 != 0 { reader.text()? } else { None };
    Ok(TagValue::LocalizedText { locale: locale.map(|text| text.into()), text: text.map(|text| text.into()) })
}

/// Each level counts as one, since readers of JSON bound them.
fn diagnostic_info(reader: &mut Reader<'_>) -> Result<TagValue, Malformed> {
    let mask = reader.u8()?;
    let mut members = Vec::new();
    for (bit, position) in [(0x01, 0_u16), (0x02, 1), (0x08, 2), (0x04, 3)] {
        if mask & bit != 0 {
            members.push((position, TagValue::Int32(reader.i32()?)));
        }
    }
    if mask & 0x10 != 0
        && let Some(text) = reader.text()?
    {
        members.push((4, TagValue::String(text.into())));
    }
    if mask & 0x20 != 0 {
        members.push((5, TagValue::StatusCode(StatusCode(reader.u32()?))));
    }
    if mask & 0x40 != 0 {
        members.push((6, reader.nested(1, diagnostic_info)?));
    }
    Ok(TagValue::Structure(Box::new(StructureValue { shape: Arc::clone(&DIAGNOSTIC_INFO_SHAPE), members })))
}
