//! What a node says of itself before it is written.

use opcua::types::{AttributeId, DataValue, NodeClass, NodeId, StatusCode as Code, Variant};

use crate::domain::{DataType, NodeDescription};
use crate::opcua::{
    plc::PlcError,
    service_error::ServiceError,
    session::{
        live::LiveSession,
        local,
        types::{self, BuiltIn},
    },
    status,
    value::variant,
};

const CURRENT_WRITE: u8 = 0x02;
/// Scalar or array, as the value decides.
pub(in crate::opcua) const ANY_RANK: i32 = -2;
const SCALAR: i32 = -1;
const ONE_DIMENSION: i32 = 1;

/// A node that can be written, and how its value travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::opcua) struct Described {
    pub(in crate::opcua) node: NodeDescription,
    /// The type that the value has on the wire now; `None` without a value.
    pub(in crate::opcua) wire: Option<BytesWire>,
}

/// The two ways in which a server may send bytes, whatever the DataType says (Part 6, 5.2.2.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum BytesWire {
    ByteString,
    Bytes,
    Other,
}

/// Reads NodeClass, DataType, ValueRank and access rights of a node.
///
/// # Errors
/// When the node cannot be written, or the server does not answer.
pub(in crate::opcua) async fn describe(live: &LiveSession, node: NodeId) -> Result<Described, PlcError> {
    let attributes = [
        AttributeId::NodeClass,
        AttributeId::DataType,
        AttributeId::ValueRank,
        AttributeId::AccessLevel,
        AttributeId::UserAccessLevel,
        AttributeId::Value,
    ];
    let attributes = attributes.map(|attribute| (node.clone(), attribute));
    let values = live.read(&attributes).await.map_err(|error| unanswered(&error))?;
    let [class, data_type, rank, access, user_access, value] = <[DataValue; 6]>::try_from(values).map_err(|_| {
        PlcError::Undescribed { reason: "the answer has not as many values as were asked for".to_owned() }
    })?;
    check_class(&class, &data_type)?;
    let built_in = match local::data_type_of(&data_type) {
        Some(data_type) => types::trace(live, data_type).await.map_err(|error| unanswered(&error))?,
        None => BuiltIn::Unknown,
    };
    let is_writable = allows_write(&access) && allows_write(&user_access);
    let rank = if let Some(Variant::Int32(rank)) = rank.value { rank } else { ANY_RANK };
    // What may not be written at all need not have a type.
    let data_type = if is_writable { Some(type_to_write(built_in, &value)?) } else { None };
    let wire = value.value.as_ref().map(wire_of);
    let value_rank = match (data_type, wire) {
        // One text, though it travels as an array; and a list, though it travels as one.
        (Some(DataType::ByteString), Some(BytesWire::Bytes)) if rank < 1 => SCALAR,
        (Some(DataType::Byte), Some(BytesWire::ByteString)) if rank == SCALAR => ONE_DIMENSION,
        _ => rank,
    };
    Ok(Described { node: NodeDescription { data_type, value_rank, is_writable }, wire })
}

/// Nothing was written yet.
pub(in crate::opcua) fn unanswered(error: &ServiceError) -> PlcError {
    match error {
        ServiceError::NotConnected => PlcError::NotConnected,
        error => PlcError::Undescribed { reason: error.to_string() },
    }
}

/// Only a Variable has a value; and why a node is not known, if it is not.
fn check_class(class: &DataValue, data_type: &DataValue) -> Result<(), PlcError> {
    let class_of = |value: &DataValue| match value.value {
        Some(Variant::Int32(number)) => NodeClass::try_from(number).ok(),
        _ => None,
    };
    match class_of(class) {
        Some(NodeClass::Variable) => Ok(()),
        Some(other) => {
            Err(PlcError::NoVariable { reason: format!("the node is of the NodeClass {other:?} and has no value") })
        }
        // The DataType alone tells as well that there is a Variable.
        None if local::data_type_of(data_type).is_some() => Ok(()),
        None => {
            let bad = [class, data_type].into_iter().filter_map(|answer| answer.status).find(Code::is_bad);
            let reason = match bad {
                Some(status) => status::status_symbol(status::from_library(status)).into_owned(),
                None => "the answer has neither NodeClass nor DataType".to_owned(),
            };
            Err(PlcError::UnknownNode { reason })
        }
    }
}

/// The type that a value must have: by the DataType, else by the value that is there.
fn type_to_write(built_in: BuiltIn, value: &DataValue) -> Result<DataType, PlcError> {
    let reason = match built_in {
        BuiltIn::Type(data_type) => return Ok(data_type),
        BuiltIn::Enumeration => return Ok(DataType::Int32),
        BuiltIn::Structure => "the node's DataType is a structure, and structures cannot be written from JSON yet",
        BuiltIn::NoForm => "the node's DataType is DataValue or DiagnosticInfo, which cannot be written from JSON",
        BuiltIn::Number | BuiltIn::OfValue | BuiltIn::Unknown => match value.value.as_ref() {
            None | Some(Variant::Empty) if built_in == BuiltIn::Unknown => {
                "the server does not say what the node's DataType is, and the node has no value that would tell"
            }
            None | Some(Variant::Empty) => {
                "the node's DataType is abstract, and the node has no value that would tell the type"
            }
            Some(value) => match type_of(value) {
                Some(data_type) => return Ok(data_type),
                None => "the node's value is a structure or a mixture, which cannot be written from JSON yet",
            },
        },
    };
    Err(PlcError::NoForm { reason: reason.to_owned() })
}

/// A server that does not tell is asked by the write itself.
fn allows_write(level: &DataValue) -> bool {
    !matches!(level.value, Some(Variant::Byte(level)) if level & CURRENT_WRITE == 0)
}

/// The built-in type of a value or of its elements.
pub(in crate::opcua) fn type_of(value: &Variant) -> Option<DataType> {
    match value {
        Variant::Array(array) => variant::data_type(array.value_type),
        scalar => scalar.scalar_type_id().and_then(variant::data_type),
    }
}

fn wire_of(value: &Variant) -> BytesWire {
    match value {
        Variant::ByteString(_) => BytesWire::ByteString,
        Variant::Array(_) if type_of(value) == Some(DataType::Byte) => BytesWire::Bytes,
        _ => BytesWire::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_level_without_current_write_forbids_writing() {
        let check = |value: DataValue, expected: bool| assert_eq!(allows_write(&value), expected);
        check(DataValue::value_only(1_u8), false);
        check(DataValue::value_only(3_u8), true);
        check(DataValue::null(), true);
    }

    #[test]
    fn an_abstract_or_unknown_type_is_what_its_value_is() {
        let of = |built_in, value: DataValue| type_to_write(built_in, &value);
        assert_eq!(of(BuiltIn::Number, DataValue::value_only(1_u16)), Ok(DataType::UInt16));
        assert_eq!(of(BuiltIn::OfValue, DataValue::value_only(vec![1.0_f32])), Ok(DataType::Float));
        assert_eq!(of(BuiltIn::Unknown, DataValue::value_only(true)), Ok(DataType::Boolean));
        assert_eq!(of(BuiltIn::Type(DataType::Int16), DataValue::null()), Ok(DataType::Int16));
        let refused = |built_in, word: &str| match of(built_in, DataValue::null()) {
            Err(PlcError::NoForm { reason }) => assert!(reason.contains(word), "{reason}"),
            other => panic!("{other:?}"),
        };
        refused(BuiltIn::OfValue, "abstract");
        refused(BuiltIn::Unknown, "does not say");
        refused(BuiltIn::Structure, "structure");
    }

    #[test]
    fn what_is_no_variable_says_so_and_good_is_no_reason() {
        let class = |class: NodeClass| DataValue::value_only(class as i32);
        let bad = |status| DataValue { status: Some(status), ..DataValue::null() };
        assert_eq!(check_class(&class(NodeClass::Variable), &DataValue::null()), Ok(()));
        assert_eq!(check_class(&DataValue::null(), &DataValue::value_only(NodeId::new(0, 1_u32))), Ok(()));
        for other in [NodeClass::Object, NodeClass::Method, NodeClass::VariableType] {
            let Err(PlcError::NoVariable { reason }) = check_class(&class(other), &bad(Code::BadAttributeIdInvalid))
            else {
                panic!("{other:?}")
            };
            assert!(reason.contains(&format!("{other:?}")), "{reason}");
        }
        let unknown = |reason: &str| Err(PlcError::UnknownNode { reason: reason.into() });
        assert_eq!(
            check_class(&bad(Code::BadNodeIdUnknown), &bad(Code::BadNodeIdUnknown)),
            unknown("BadNodeIdUnknown")
        );
        let empty = DataValue { value: Some(Variant::Empty), ..bad(Code::BadNodeIdUnknown) };
        assert_eq!(check_class(&empty, &empty), unknown("BadNodeIdUnknown"), "an empty value tells no type");
        let Err(error) = check_class(&bad(Code::Good), &bad(Code::Good)) else { panic!("known") };
        assert!(!error.to_string().contains("Good"), "{error}");
    }

    #[test]
    fn bytes_travel_in_two_ways() {
        assert_eq!(wire_of(&Variant::from(vec![1_u8])), BytesWire::Bytes);
        assert_eq!(wire_of(&Variant::ByteString(vec![1_u8].into())), BytesWire::ByteString);
        assert_eq!(wire_of(&Variant::Byte(1)), BytesWire::Other);
    }
}
