//! Where a value ends, without a look at what it says: behind what cannot be decoded, the next value is still right.

use crate::opcua::value::{
    plain::{DATA_VALUE, DIAGNOSTIC_INFO, EXTENSION_OBJECT, Mask, VARIANT},
    reader::{Malformed, Reader},
};

/// The last number that a built-in type may get; those that have none yet travel as a ByteString (Part 6, 5.2.2.16).
const LAST_RESERVED: u8 = 31;

/// Passes a Variant. An error says that nobody knows where it ends.
pub(in crate::opcua) fn variant(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let wrong = reader.no_such("type of a Variant");
    let mask = Mask::read(reader)?;
    if mask.number > LAST_RESERVED {
        return Err(wrong);
    }
    if !mask.is_array {
        return value(reader, mask.number);
    }
    let length = reader.length()?.unwrap_or(0);
    if mask.number != 0 {
        values(reader, mask.number, length)?;
    }
    if mask.has_dimensions {
        let count = reader.length()?.unwrap_or(0);
        fixed(reader, count, 4)?;
    }
    Ok(())
}

fn values(reader: &mut Reader<'_>, number: u8, length: usize) -> Result<(), Malformed> {
    if let Some(width) = width(number) {
        return fixed(reader, length, width);
    }
    for _ in 0..length {
        value(reader, number)?;
    }
    Ok(())
}

fn fixed(reader: &mut Reader<'_>, length: usize, width: usize) -> Result<(), Malformed> {
    let short = reader.short();
    reader.bytes(length.checked_mul(width).ok_or(short)?)?;
    Ok(())
}

/// The bytes of a value whose length is always the same.
fn width(number: u8) -> Option<usize> {
    Some(match number {
        1..=3 => 1,
        4 | 5 => 2,
        6 | 7 | 10 | 19 => 4,
        8 | 9 | 11 | 13 => 8,
        14 => 16,
        _ => return None,
    })
}

fn value(reader: &mut Reader<'_>, number: u8) -> Result<(), Malformed> {
    match number {
        0 => Ok(()),
        17 => reader.node_id().map(drop),
        18 => reader.expanded_node_id().map(drop),
        20 => {
            reader.u16()?;
            reader.byte_string().map(drop)
        }
        21 => {
            let mask = reader.u8()?;
            for _ in 0..(mask & 0x03).count_ones() {
                reader.byte_string()?;
            }
            Ok(())
        }
        EXTENSION_OBJECT => extension_object(reader),
        DATA_VALUE => reader.nested(1, data_value),
        VARIANT => reader.nested(1, variant),
        DIAGNOSTIC_INFO => diagnostic_info(reader),
        number => match width(number) {
            Some(width) => fixed(reader, 1, width),
            None => reader.byte_string().map(drop),
        },
    }
}

/// Passes a structure.
pub(in crate::opcua) fn extension_object(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let encoding = reader.node_id()?;
    let wrong = reader.no_such("encoding of a structure");
    match reader.u8()? {
        0 => Ok(()),
        // A binary body of no length has to be read by its type.
        1 => match reader.byte_string()? {
            Some(_) => Ok(()),
            None if encoding.is_null() => Ok(()),
            None => {
                let known = reader.bodies().and_then(|bodies| bodies.pass(&encoding, reader));
                known.unwrap_or(Err(Malformed::NoLength { encoding: Box::new(encoding) }))
            }
        },
        2 => reader.byte_string().map(drop),
        _ => Err(wrong),
    }
}

/// Passes a DataValue.
fn data_value(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mask = reader.u8()?;
    if mask & 0x01 != 0 {
        variant(reader)?;
    }
    let widths = [(0x02, 4), (0x04, 8), (0x10, 2), (0x08, 8), (0x20, 2)];
    let rest = widths.iter().filter(|(bit, _)| mask & bit != 0).map(|(_, width)| width).sum();
    reader.bytes(rest).map(drop)
}

/// Passes a `DiagnosticInfo`, however many lie in one another.
pub(in crate::opcua) fn diagnostic_info(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    loop {
        let mask = reader.u8()?;
        let numbers = usize::try_from((mask & 0x0F).count_ones()).unwrap_or(4);
        reader.bytes(numbers * 4)?;
        if mask & 0x10 != 0 {
            reader.byte_string()?;
        }
        if mask & 0x20 != 0 {
            reader.u32()?;
        }
        if mask & 0x40 == 0 {
            return Ok(());
        }
    }
}
