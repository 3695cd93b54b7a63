//! OPC UA's own structures that attributes and properties hold, from their bytes to the library's types.

use opcua::types::{
    EUInformation, EnumDefinition, EnumField, EnumValueType, ExtensionObject, Identifier, NodeId, ObjectId, Range,
    StructureDefinition, StructureField, StructureType,
};

use crate::opcua::value::{
    attributes::{localized_text, text},
    reader::{Malformed, Reader},
};

/// The body of the structure with this encoding id; `None` where it is none of these.
pub(in crate::opcua) fn read(encoding: &NodeId, reader: &mut Reader<'_>) -> Option<Result<ExtensionObject, Malformed>> {
    const STRUCTURE_DEFINITION: u32 = ObjectId::StructureDefinition_Encoding_DefaultBinary as u32;
    const ENUM_DEFINITION: u32 = ObjectId::EnumDefinition_Encoding_DefaultBinary as u32;
    const ENUM_VALUE_TYPE: u32 = ObjectId::EnumValueType_Encoding_DefaultBinary as u32;
    const EU_INFORMATION: u32 = ObjectId::EUInformation_Encoding_DefaultBinary as u32;
    const RANGE: u32 = ObjectId::Range_Encoding_DefaultBinary as u32;
    let Identifier::Numeric(number) = encoding.identifier else { return None };
    if encoding.namespace != 0 {
        return None;
    }
    Some(match number {
        STRUCTURE_DEFINITION => structure_definition(reader).map(ExtensionObject::from_message),
        ENUM_DEFINITION => enum_definition(reader).map(ExtensionObject::from_message),
        ENUM_VALUE_TYPE => enum_value_type(reader).map(ExtensionObject::from_message),
        EU_INFORMATION => eu_information(reader).map(ExtensionObject::from_message),
        RANGE => range(reader).map(ExtensionObject::from_message),
        _ => return None,
    })
}

fn structure_definition(reader: &mut Reader<'_>) -> Result<StructureDefinition, Malformed> {
    Ok(StructureDefinition {
        default_encoding_id: reader.node_id()?,
        base_data_type: reader.node_id()?,
        structure_type: structure_type(reader)?,
        fields: Some(reader.list(structure_field)?),
    })
}

fn structure_type(reader: &mut Reader<'_>) -> Result<StructureType, Malformed> {
    let wrong = reader.no_such("kind of structure");
    Ok(match reader.i32()? {
        0 => StructureType::Structure,
        1 => StructureType::StructureWithOptionalFields,
        2 => StructureType::Union,
        3 => StructureType::StructureWithSubtypedValues,
        4 => StructureType::UnionWithSubtypedValues,
        _ => return Err(wrong),
    })
}

fn structure_field(reader: &mut Reader<'_>) -> Result<StructureField, Malformed> {
    Ok(StructureField {
        name: text(reader)?,
        description: localized_text(reader)?,
        data_type: reader.node_id()?,
        value_rank: reader.i32()?,
        array_dimensions: Some(reader.list(Reader::u32)?),
        max_string_length: reader.u32()?,
        is_optional: reader.boolean()?,
    })
}

fn enum_definition(reader: &mut Reader<'_>) -> Result<EnumDefinition, Malformed> {
    Ok(EnumDefinition { fields: Some(reader.list(enum_field)?) })
}

fn enum_field(reader: &mut Reader<'_>) -> Result<EnumField, Malformed> {
    Ok(EnumField {
        value: reader.i64()?,
        display_name: localized_text(reader)?,
        description: localized_text(reader)?,
        name: text(reader)?,
    })
}

fn enum_value_type(reader: &mut Reader<'_>) -> Result<EnumValueType, Malformed> {
    Ok(EnumValueType {
        value: reader.i64()?,
        display_name: localized_text(reader)?,
        description: localized_text(reader)?,
    })
}

fn eu_information(reader: &mut Reader<'_>) -> Result<EUInformation, Malformed> {
    Ok(EUInformation {
        namespace_uri: text(reader)?,
        unit_id: reader.i32()?,
        display_name: localized_text(reader)?,
        description: localized_text(reader)?,
    })
}

fn range(reader: &mut Reader<'_>) -> Result<Range, Malformed> {
    Ok(Range { low: reader.f64()?, high: reader.f64()? })
}
