//! What a node says of itself, with its DataType traced to a built-in type.

use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, DataTypeId, DataValue, Identifier, NodeId, ReferenceTypeId,
    Variant, VariantScalarTypeId,
};

use crate::domain::{DataType, NodeDescription};
use crate::opcua::{plc::PlcError, service_error::ServiceError, session::live::LiveSession, status, value::variant};

/// A DataType hierarchy deeper than this is taken for a loop.
const MAX_DEPTH: usize = 16;
const CURRENT_WRITE: u8 = 0x02;
const ANY_RANK: i32 = -2;
const ALL_RESULTS: u32 = 0x3F;

/// What a DataType comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum BuiltIn {
    /// One built-in type.
    Type(DataType),
    /// An abstract one, such as Number: the value says which it is.
    OfValue,
    /// A structure, or something else that has no form here.
    NoForm,
}

/// Reads DataType, ValueRank and access rights of a node.
pub(in crate::opcua) async fn describe(live: &LiveSession, node: NodeId) -> Result<NodeDescription, PlcError> {
    let attributes = [
        AttributeId::DataType,
        AttributeId::ValueRank,
        AttributeId::AccessLevel,
        AttributeId::UserAccessLevel,
        AttributeId::Value,
    ];
    let attributes = attributes.map(|attribute| (node.clone(), attribute));
    // Nothing was written, so that a failed read is no more than a missing session.
    let values = live.read(&attributes).await.map_err(|_| PlcError::NotConnected)?;
    let [data_type, rank, access, user_access, value] =
        <[DataValue; 5]>::try_from(values).map_err(|_| PlcError::NotConnected)?;
    let data_type_status = data_type.status();
    let Some(Variant::NodeId(data_type)) = data_type.value else {
        let reason = status::status_symbol(status::from_library(data_type_status)).into_owned();
        return Err(PlcError::UnknownNode { reason });
    };
    let built_in = trace(live, *data_type).await.map_err(|_| PlcError::NotConnected)?;
    Ok(NodeDescription {
        data_type: match built_in {
            BuiltIn::Type(data_type) => Some(data_type),
            BuiltIn::OfValue => value.value.as_ref().and_then(type_of),
            BuiltIn::NoForm => None,
        },
        value_rank: if let Some(Variant::Int32(rank)) = rank.value { rank } else { ANY_RANK },
        is_writable: allows_write(&access) && allows_write(&user_access),
    })
}

/// A server that does not tell is asked by the write itself.
fn allows_write(level: &DataValue) -> bool {
    !matches!(level.value, Some(Variant::Byte(level)) if level & CURRENT_WRITE == 0)
}

fn type_of(value: &Variant) -> Option<DataType> {
    match value {
        Variant::Array(array) => variant::data_type(array.value_type),
        scalar => scalar.scalar_type_id().and_then(variant::data_type),
    }
}

/// Follows `HasSubtype` references up until a type of the base namespace is met; what was met is remembered.
pub(in crate::opcua) async fn trace(live: &LiveSession, data_type: NodeId) -> Result<BuiltIn, ServiceError> {
    let mut met = Vec::new();
    let mut current = data_type;
    let built_in = loop {
        let known = live.data_types.lock().await.get(&current).copied();
        if let Some(built_in) = known.or_else(|| of_base_namespace(&current)) {
            break built_in;
        }
        if met.len() == MAX_DEPTH {
            break BuiltIn::NoForm;
        }
        let parent = supertype(live, current.clone()).await?;
        met.push(current);
        match parent {
            Some(parent) => current = parent,
            None => break BuiltIn::NoForm,
        }
    };
    live.data_types.lock().await.extend(met.into_iter().map(|data_type| (data_type, built_in)));
    Ok(built_in)
}

fn of_base_namespace(data_type: &NodeId) -> Option<BuiltIn> {
    let Identifier::Numeric(number) = data_type.identifier else { return None };
    if data_type.namespace != 0 {
        return None;
    }
    match DataTypeId::try_from(number).ok()? {
        DataTypeId::Enumeration => Some(BuiltIn::Type(DataType::Int32)),
        DataTypeId::BaseDataType | DataTypeId::Number | DataTypeId::Integer | DataTypeId::UInteger => {
            Some(BuiltIn::OfValue)
        }
        DataTypeId::Structure | DataTypeId::DataValue | DataTypeId::DiagnosticInfo => Some(BuiltIn::NoForm),
        // The concrete built-in types have the numbers that their values have on the wire.
        _ => {
            let mask = u8::try_from(number).ok().filter(|number| *number <= 21)?;
            VariantScalarTypeId::from_encoding_mask(mask).and_then(variant::data_type).map(BuiltIn::Type)
        }
    }
}

async fn supertype(live: &LiveSession, data_type: NodeId) -> Result<Option<NodeId>, ServiceError> {
    let question = BrowseDescription {
        node_id: data_type,
        browse_direction: BrowseDirection::Inverse,
        reference_type_id: ReferenceTypeId::HasSubtype.into(),
        include_subtypes: true,
        node_class_mask: 0,
        result_mask: ALL_RESULTS,
    };
    let answers = live.services.browse(vec![question], 1).await?;
    let references = answers.into_iter().next().and_then(|answer| answer.references).unwrap_or_default();
    Ok(references.into_iter().next().map(|reference| reference.node_id.node_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_types_need_no_browsing() {
        let check = |data_type: DataTypeId, expected: Option<BuiltIn>| {
            assert_eq!(of_base_namespace(&data_type.into()), expected, "{data_type:?}");
        };
        check(DataTypeId::Boolean, Some(BuiltIn::Type(DataType::Boolean)));
        check(DataTypeId::Double, Some(BuiltIn::Type(DataType::Double)));
        check(DataTypeId::LocalizedText, Some(BuiltIn::Type(DataType::LocalizedText)));
        check(DataTypeId::Enumeration, Some(BuiltIn::Type(DataType::Int32)));
        check(DataTypeId::Number, Some(BuiltIn::OfValue));
        check(DataTypeId::BaseDataType, Some(BuiltIn::OfValue));
        check(DataTypeId::Structure, Some(BuiltIn::NoForm));
        check(DataTypeId::UtcTime, None);
        check(DataTypeId::Duration, None);
        assert_eq!(of_base_namespace(&NodeId::new(3, 11_u32)), None);
    }

    #[test]
    fn only_a_level_without_current_write_forbids_writing() {
        let check = |value: DataValue, expected: bool| assert_eq!(allows_write(&value), expected);
        check(DataValue::value_only(1_u8), false);
        check(DataValue::value_only(3_u8), true);
        check(DataValue::null(), true);
    }

    #[test]
    fn an_abstract_type_is_what_its_value_is() {
        assert_eq!(type_of(&Variant::UInt16(1)), Some(DataType::UInt16));
        assert_eq!(type_of(&Variant::from(vec![1.0_f32])), Some(DataType::Float));
        assert_eq!(type_of(&Variant::Empty), None);
    }
}
