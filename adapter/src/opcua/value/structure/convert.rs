//! Variants with structures in them to values.

use opcua::types::{
    Array, BinaryEncodable, ContextOwned, ExtensionObject, Variant, VariantScalarTypeId, type_loader::ByteStringBody,
};

use super::decode::{Decoder, Stop};
use crate::opcua::value::reader::{Malformed, Reader};
use crate::{
    domain::{TagValue, value::ArrayValue},
    opcua::value::variant::{data_type, from_variant},
};

/// The value of any Variant. It is only looked at, so that it can be converted again when its type is known.
pub(super) fn convert(decoder: &mut Decoder<'_>, variant: &Variant) -> Result<TagValue, Stop> {
    match variant {
        Variant::ExtensionObject(object) => structure(decoder, &mut Reader::new(&[]), object),
        Variant::Array(array) if array.value_type == VariantScalarTypeId::ExtensionObject => structures(decoder, array),
        other => match is_plain(other).then(|| from_variant(other.clone())).flatten() {
            Some(value) => Ok(value),
            None => by_bytes(decoder, other),
        },
    }
}

/// Whether there is no structure, DataValue or diagnostics in it.
pub(super) fn is_plain(variant: &Variant) -> bool {
    match variant {
        Variant::ExtensionObject(_) | Variant::DataValue(_) | Variant::DiagnosticInfo(_) => false,
        Variant::Variant(inner) => is_plain(inner),
        Variant::Array(array) => match array.value_type {
            VariantScalarTypeId::Variant => array.values.iter().all(is_plain),
            // Not one by one: arrays of numbers are long.
            value_type => data_type(value_type).is_some(),
        },
        _ => true,
    }
}

fn structure<'b>(
    decoder: &mut Decoder<'_>,
    outer: &mut Reader<'b>,
    object: &'b ExtensionObject,
) -> Result<TagValue, Stop> {
    if object.is_null() {
        return Ok(TagValue::Null);
    }
    match object.inner_as::<ByteStringBody>() {
        Some(raw) => decoder.extension_object(outer, raw.encoding_id(), raw.raw_body().as_ref()),
        None => by_bytes(decoder, &Variant::ExtensionObject(object.clone())),
    }
}

fn structures(decoder: &mut Decoder<'_>, array: &Array) -> Result<TagValue, Stop> {
    let mut values = Vec::with_capacity(array.values.len());
    // All elements share the bounds of one body.
    let mut outer = Reader::new(&[]);
    for value in &array.values {
        values.push(match value {
            Variant::ExtensionObject(object) => structure(decoder, &mut outer, object)?,
            _ => TagValue::Null,
        });
    }
    let dimensions = array.dimensions.clone().filter(|dimensions| dimensions.len() > 1).unwrap_or_default();
    Ok(TagValue::Array(Box::new(ArrayValue { element: None, values, dimensions })))
}

/// By way of its bytes: structures of OPC UA's own that the library has decoded, and what is rare.
fn by_bytes(decoder: &mut Decoder<'_>, variant: &Variant) -> Result<TagValue, Stop> {
    let context = ContextOwned::default();
    let context = context.context();
    let mut bytes = Vec::new();
    if variant.encode(&mut bytes, &context).is_err() {
        return Err(Malformed::NoSuch { what: "value that can be encoded again", position: 0 }.into());
    }
    let mut reader = Reader::new(&bytes);
    let value = decoder.variant(&mut reader)?;
    reader.end()?;
    Ok(value)
}
