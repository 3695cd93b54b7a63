//! Supertypes of OPC UA's own DataTypes, for servers that leave these to their clients (Part 5, annex B).

use opcua::types::{DataTypeId as T, Identifier, NodeId};

/// Those that values have; structures and what is only abstract left out.
const SUPERTYPES: [(T, T); 11] = [
    (T::Duration, T::Double),
    (T::UtcTime, T::DateTime),
    (T::LocaleId, T::String),
    (T::NumericRange, T::String),
    (T::IntegerId, T::UInt32),
    (T::Counter, T::UInt32),
    (T::Image, T::ByteString),
    (T::ApplicationInstanceCertificate, T::ByteString),
    (T::ContinuationPoint, T::ByteString),
    (T::ServerState, T::Enumeration),
    (T::RedundancySupport, T::Enumeration),
];

/// The supertype of one of OPC UA's own DataTypes.
pub(in crate::opcua) fn supertype_of(data_type: &NodeId) -> Option<NodeId> {
    let Identifier::Numeric(number) = data_type.identifier else { return None };
    let found = SUPERTYPES.iter().find(|(own, _)| data_type.namespace == 0 && *own as u32 == number)?;
    Some(found.1.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_opc_ua_s_own_have_one_here() {
        assert_eq!(supertype_of(&T::Duration.into()), Some(T::Double.into()));
        assert_eq!(supertype_of(&T::Double.into()), None);
        assert_eq!(supertype_of(&NodeId::new(2, T::Duration as u32)), None);
    }
}
