//! OPC UA's 25 built-in types from bytes (Part 6, 5.2.2).

use std::sync::{Arc, LazyLock};

use super::{
    decode::{Decoder, Stop},
    types::Kind,
};
use crate::domain::{
    StatusCode, TagValue,
    value::{StructureShape, StructureValue},
};
use crate::opcua::value::{
    plain::{self, DATA_VALUE, DIAGNOSTIC_INFO, EXTENSION_OBJECT, Mask, VARIANT},
    reader::{Malformed, Reader},
};

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

impl Decoder<'_> {
    /// One value of the built-in type with this number.
    pub(super) fn built_in(&mut self, reader: &mut Reader<'_>, number: u8) -> Result<TagValue, Stop> {
        match number {
            EXTENSION_OBJECT => self.any_structure(reader),
            DATA_VALUE => reader.nested(1, |reader| self.data_value(reader)),
            VARIANT => reader.nested(1, |reader| self.variant(reader)),
            DIAGNOSTIC_INFO => diagnostic_info(reader).map_err(Stop::from),
            scalar => plain::scalar(reader, scalar).map_err(Stop::from),
        }
    }

    /// A Variant with its mask.
    pub(super) fn variant(&mut self, reader: &mut Reader<'_>) -> Result<TagValue, Stop> {
        let wrong = reader.no_such("type of a Variant");
        let mask = Mask::read(reader)?;
        if mask.number == 0 && !mask.is_array {
            return Ok(TagValue::Null);
        }
        if !(1..=DIAGNOSTIC_INFO).contains(&mask.number) {
            return Err(wrong.into());
        }
        if !mask.is_array {
            return self.built_in(reader, mask.number);
        }
        let length = reader.length()?.unwrap_or(0);
        let kind = Kind::BuiltIn(mask.number);
        let mut value = reader.nested(mask.levels(), |reader| self.elements(reader, &kind, length, Vec::new()))?;
        if mask.has_dimensions
            && let TagValue::Array(array) = &mut value
        {
            array.dimensions = plain::dimensions(reader, length)?;
        }
        Ok(value)
    }

    fn any_structure(&mut self, reader: &mut Reader<'_>) -> Result<TagValue, Stop> {
        let encoding = reader.node_id()?;
        let wrong = reader.no_such("encoding of a structure");
        match reader.u8()? {
            0 => Ok(TagValue::Null),
            1 => match reader.byte_string()? {
                None if encoding.is_null() => Ok(TagValue::Null),
                None => self.structure_of_no_length(reader, &encoding),
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
        let mut members = Vec::with_capacity(count(mask & 0x3F));
        // The order of the bytes is not that of the bits: picoseconds follow their timestamp.
        for (bit, position) in [(0x01, 0_u16), (0x02, 1), (0x04, 2), (0x10, 4), (0x08, 3), (0x20, 5)] {
            if mask & bit == 0 {
                continue;
            }
            let value = match position {
                0 => reader.nested(1, |reader| self.variant(reader))?,
                1 => TagValue::StatusCode(StatusCode(reader.u32()?)),
                2 | 3 => TagValue::DateTime(reader.date_time()?),
                _ => TagValue::UInt16(reader.u16()?),
            };
            members.push((position, value));
        }
        members.sort_by_key(|(position, _)| *position);
        Ok(TagValue::Structure(Box::new(StructureValue { shape: Arc::clone(&DATA_VALUE_SHAPE), members })))
    }
}

/// Each level counts as one, since readers of JSON bound them.
fn diagnostic_info(reader: &mut Reader<'_>) -> Result<TagValue, Malformed> {
    let mask = reader.u8()?;
    let mut members = Vec::with_capacity(count(mask & 0x7F));
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

/// How many members a mask speaks of.
fn count(mask: u8) -> usize {
    mask.count_ones() as usize
}
