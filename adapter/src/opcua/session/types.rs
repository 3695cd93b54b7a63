//! DataTypes traced to what they come down to.

use opcua::types::{
    BrowseDescription, BrowseDirection, DataTypeId, Identifier, NodeId, ReferenceTypeId, VariantScalarTypeId,
};

use crate::domain::DataType;
use crate::opcua::{
    service_error::ServiceError, session::live::LiveSession, value::supertypes::supertype_of, value::variant,
};

/// A DataType hierarchy deeper than this is taken for a loop.
const MAX_DEPTH: usize = 16;
const ALL_RESULTS: u32 = 0x3F;

/// What a DataType comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum BuiltIn {
    /// One built-in type.
    Type(DataType),
    /// An Int32 with names.
    Enumeration,
    /// Some number: the value says which.
    Number,
    /// Anything: the value says what.
    OfValue,
    /// A structure.
    Structure,
    /// A DataValue or diagnostics, which have no form here.
    NoForm,
    /// The server does not say.
    Unknown,
}

impl BuiltIn {
    /// The built-in type, where there is but one.
    pub(in crate::opcua) const fn data_type(self) -> Option<DataType> {
        match self {
            Self::Type(data_type) => Some(data_type),
            Self::Enumeration => Some(DataType::Int32),
            _ => None,
        }
    }

    /// Whether values are numbers; `None` where only the value tells.
    pub(in crate::opcua) const fn is_number(self) -> Option<bool> {
        match self {
            Self::Type(data_type) => Some(is_number(data_type)),
            Self::Number => Some(true),
            Self::Enumeration | Self::Structure | Self::NoForm => Some(false),
            Self::OfValue | Self::Unknown => None,
        }
    }
}

/// Whether it is a subtype of Number.
pub(in crate::opcua) const fn is_number(data_type: DataType) -> bool {
    use DataType as T;
    matches!(
        data_type,
        T::SByte | T::Byte | T::Int16 | T::UInt16 | T::Int32 | T::UInt32 | T::Int64 | T::UInt64 | T::Float | T::Double
    )
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
            break BuiltIn::Unknown;
        }
        let parent = supertype(live, current.clone()).await?.or_else(|| supertype_of(&current));
        met.push(current);
        match parent {
            Some(parent) => current = parent,
            None => break BuiltIn::Unknown,
        }
    };
    // A type that the server has not yet may come while the session lasts.
    if built_in != BuiltIn::Unknown {
        live.data_types.lock().await.extend(met.into_iter().map(|data_type| (data_type, built_in)));
    }
    Ok(built_in)
}

fn of_base_namespace(data_type: &NodeId) -> Option<BuiltIn> {
    let Identifier::Numeric(number) = data_type.identifier else { return None };
    if data_type.namespace != 0 {
        return None;
    }
    match DataTypeId::try_from(number).ok()? {
        DataTypeId::Enumeration => Some(BuiltIn::Enumeration),
        DataTypeId::Number | DataTypeId::Integer | DataTypeId::UInteger => Some(BuiltIn::Number),
        DataTypeId::BaseDataType => Some(BuiltIn::OfValue),
        DataTypeId::Structure => Some(BuiltIn::Structure),
        DataTypeId::DataValue | DataTypeId::DiagnosticInfo => Some(BuiltIn::NoForm),
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
    let supertypes = live.namespaces.load().locals(references);
    Ok(supertypes.into_iter().next().map(|reference| reference.node_id.node_id))
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
        check(DataTypeId::Enumeration, Some(BuiltIn::Enumeration));
        check(DataTypeId::Number, Some(BuiltIn::Number));
        check(DataTypeId::BaseDataType, Some(BuiltIn::OfValue));
        check(DataTypeId::Structure, Some(BuiltIn::Structure));
        check(DataTypeId::UtcTime, None);
        check(DataTypeId::Duration, None);
        assert_eq!(of_base_namespace(&NodeId::new(3, 11_u32)), None);
    }

    #[test]
    fn a_deadband_is_for_numbers_and_an_enumeration_is_none() {
        assert_eq!(BuiltIn::Type(DataType::Double).is_number(), Some(true));
        assert_eq!(BuiltIn::Number.is_number(), Some(true));
        assert_eq!(BuiltIn::Type(DataType::Boolean).is_number(), Some(false));
        assert_eq!(BuiltIn::Enumeration.is_number(), Some(false));
        assert_eq!(BuiltIn::Structure.is_number(), Some(false));
        assert_eq!((BuiltIn::OfValue.is_number(), BuiltIn::Unknown.is_number()), (None, None));
    }
}
