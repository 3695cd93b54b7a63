//! OPC UA's own structures that variables hold (Part 5 and Part 8), for servers that do not define them: asyncua has the
//! values and not the definitions.

use opcua::types::{DataTypeId, Identifier, NodeId, ObjectId, StructureDefinition, StructureField};

use DataTypeId as T;

/// A structure and its members.
struct BaseType {
    data_type: DataTypeId,
    encoding: ObjectId,
    /// Names, types, and whether it is a list.
    members: &'static [(&'static str, DataTypeId, bool)],
}

const SCALAR: i32 = -1;
const LIST: i32 = 1;

const BASE_TYPES: [BaseType; 10] = [
    BaseType {
        data_type: T::Range,
        encoding: ObjectId::Range_Encoding_DefaultBinary,
        members: &[("Low", T::Double, false), ("High", T::Double, false)],
    },
    BaseType {
        data_type: T::EUInformation,
        encoding: ObjectId::EUInformation_Encoding_DefaultBinary,
        members: &[
            ("NamespaceUri", T::String, false),
            ("UnitId", T::Int32, false),
            ("DisplayName", T::LocalizedText, false),
            ("Description", T::LocalizedText, false),
        ],
    },
    BaseType {
        data_type: T::AxisInformation,
        encoding: ObjectId::AxisInformation_Encoding_DefaultBinary,
        members: &[
            ("EngineeringUnits", T::EUInformation, false),
            ("EURange", T::Range, false),
            ("Title", T::LocalizedText, false),
            ("AxisScaleType", T::AxisScaleEnumeration, false),
            ("AxisSteps", T::Double, true),
        ],
    },
    BaseType {
        data_type: T::XVType,
        encoding: ObjectId::XVType_Encoding_DefaultBinary,
        members: &[("X", T::Double, false), ("Value", T::Float, false)],
    },
    BaseType {
        data_type: T::ComplexNumberType,
        encoding: ObjectId::ComplexNumberType_Encoding_DefaultBinary,
        members: &[("Real", T::Float, false), ("Imaginary", T::Float, false)],
    },
    BaseType {
        data_type: T::DoubleComplexNumberType,
        encoding: ObjectId::DoubleComplexNumberType_Encoding_DefaultBinary,
        members: &[("Real", T::Double, false), ("Imaginary", T::Double, false)],
    },
    BaseType {
        data_type: T::TimeZoneDataType,
        encoding: ObjectId::TimeZoneDataType_Encoding_DefaultBinary,
        members: &[("Offset", T::Int16, false), ("DaylightSavingInOffset", T::Boolean, false)],
    },
    BaseType {
        data_type: T::EnumValueType,
        encoding: ObjectId::EnumValueType_Encoding_DefaultBinary,
        members: &[
            ("Value", T::Int64, false),
            ("DisplayName", T::LocalizedText, false),
            ("Description", T::LocalizedText, false),
        ],
    },
    BaseType {
        data_type: T::BuildInfo,
        encoding: ObjectId::BuildInfo_Encoding_DefaultBinary,
        members: &[
            ("ProductUri", T::String, false),
            ("ManufacturerName", T::String, false),
            ("ProductName", T::String, false),
            ("SoftwareVersion", T::String, false),
            ("BuildNumber", T::String, false),
            ("BuildDate", T::DateTime, false),
        ],
    },
    BaseType {
        data_type: T::ServerStatusDataType,
        encoding: ObjectId::ServerStatusDataType_Encoding_DefaultBinary,
        members: &[
            ("StartTime", T::DateTime, false),
            ("CurrentTime", T::DateTime, false),
            ("State", T::ServerState, false),
            ("BuildInfo", T::BuildInfo, false),
            ("SecondsTillShutdown", T::UInt32, false),
            ("ShutdownReason", T::LocalizedText, false),
        ],
    },
];

fn number(node: &NodeId) -> Option<u32> {
    match node.identifier {
        Identifier::Numeric(number) if node.namespace == 0 => Some(number),
        _ => None,
    }
}

/// The DataType with this encoding id.
pub(super) fn data_type_of(encoding: &NodeId) -> Option<NodeId> {
    let number = number(encoding)?;
    let found = BASE_TYPES.iter().find(|base| base.encoding as u32 == number)?;
    Some(found.data_type.into())
}

/// The definition of this DataType.
pub(super) fn definition_of(data_type: &NodeId) -> Option<StructureDefinition> {
    let number = number(data_type)?;
    let found = BASE_TYPES.iter().find(|base| base.data_type as u32 == number)?;
    let field = |(name, data_type, is_list): &(&str, DataTypeId, bool)| StructureField {
        name: (*name).into(),
        data_type: (*data_type).into(),
        value_rank: if *is_list { LIST } else { SCALAR },
        ..StructureField::default()
    };
    Some(StructureDefinition {
        default_encoding_id: found.encoding.into(),
        base_data_type: T::Structure.into(),
        fields: Some(found.members.iter().map(field).collect()),
        ..StructureDefinition::default()
    })
}

#[cfg(test)]
mod tests {
    use opcua::types::{ContextOwned, DynEncodable};

    use super::*;

    /// How long it is where every text and list is empty.
    fn length_of(definition: &StructureDefinition) -> usize {
        let of_field = |field: &StructureField| match (definition_of(&field.data_type), number(&field.data_type)) {
            (Some(inner), _) => length_of(&inner),
            (None, _) if field.value_rank == LIST => 4,
            (None, Some(1 | 21)) => 1,
            (None, Some(4)) => 2,
            (None, Some(8 | 11 | 13)) => 8,
            _ => 4,
        };
        definition.fields.iter().flatten().map(of_field).sum()
    }

    #[test]
    fn each_is_as_long_as_the_library_makes_it() {
        let context = ContextOwned::default();
        for base in &BASE_TYPES {
            let encoding = NodeId::from(base.encoding);
            assert_eq!(data_type_of(&encoding), Some(base.data_type.into()));
            let length = length_of(&definition_of(&base.data_type.into()).unwrap());
            let zeros = vec![0; length];
            let object = context.context().load_from_binary(&encoding, &mut zeros.as_slice(), Some(length)).unwrap();
            let body: &dyn DynEncodable = object.body.as_deref().unwrap();
            assert_eq!(body.byte_len_dyn(&context.context()), length, "{:?}", base.data_type);
        }
    }
}
