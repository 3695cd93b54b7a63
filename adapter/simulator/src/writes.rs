//! Which writes the PLC takes. A real one is strict, the library below is not, so everything is checked here.

use opcua::server::address_space::{AccessLevel, NodeType, user_access_level};
use opcua::server::node_manager::{ParsedWriteValue, RequestContext};
use opcua::types::{AttributeId, DataValue, NodeId, StatusCode, Variant, VariantScalarTypeId, VariantTypeId};

use crate::address_space::{ONE_DIMENSION, SCALAR, SPEED_SETPOINT, node_id};
use crate::machine::MAXIMUM_SPEED;

/// The value to store, or the status that refuses the write to `node`.
pub(crate) fn check(
    context: &RequestContext,
    node: &NodeType,
    write: &ParsedWriteValue,
) -> Result<Variant, StatusCode> {
    let NodeType::Variable(variable) = node else { return Err(StatusCode::BadNotWritable) };
    if write.attribute_id != AttributeId::Value {
        return Err(StatusCode::BadNotWritable);
    }
    check_access(variable.access_level(), user_access_level(context, node))?;
    if write.index_range.has_range() {
        return Err(StatusCode::BadWriteNotSupported);
    }
    check_is_value_only(&write.value)?;
    let value = write.value.value.clone().unwrap_or_default();
    check_type(&value, &variable.data_type(), variable.value_rank())?;
    check_range(&write.node_id, &value)?;
    Ok(value)
}

fn check_access(access: AccessLevel, of_user: AccessLevel) -> Result<(), StatusCode> {
    if !access.contains(AccessLevel::CURRENT_WRITE) {
        Err(StatusCode::BadNotWritable)
    } else if !of_user.contains(AccessLevel::CURRENT_WRITE) {
        Err(StatusCode::BadUserAccessDenied)
    } else {
        Ok(())
    }
}

/// A PLC takes a value, but neither timestamps nor a status with it.
fn check_is_value_only(value: &DataValue) -> Result<(), StatusCode> {
    let has_timestamps = value.source_timestamp.is_some()
        || value.server_timestamp.is_some()
        || value.source_picoseconds.is_some()
        || value.server_picoseconds.is_some();
    let has_status = value.status.is_some_and(|status| status != StatusCode::Good);
    if has_timestamps || has_status { Err(StatusCode::BadWriteNotSupported) } else { Ok(()) }
}

/// Exactly the node's type and shape; nothing is converted.
fn check_type(value: &Variant, data_type: &NodeId, value_rank: i32) -> Result<(), StatusCode> {
    let fits = match value.type_id() {
        VariantTypeId::Scalar(scalar) => is_data_type(scalar, data_type) && value_rank == SCALAR,
        VariantTypeId::Array(element, dimensions) => {
            is_data_type(element, data_type)
                && value_rank == ONE_DIMENSION
                // The library decodes an empty array with a list of no dimensions.
                && dimensions.is_none_or(|sizes| sizes.len() <= 1)
        }
        VariantTypeId::Empty => false,
    };
    if fits { Ok(()) } else { Err(StatusCode::BadTypeMismatch) }
}

/// OPC UA gives a built-in type and its `DataType` node the same number. The library's own conversion forgets `SByte`.
fn is_data_type(scalar: VariantScalarTypeId, data_type: &NodeId) -> bool {
    *data_type == NodeId::new(0, scalar as u32)
}

fn check_range(id: &NodeId, value: &Variant) -> Result<(), StatusCode> {
    match value {
        Variant::Int16(setpoint) if *id == node_id(SPEED_SETPOINT) => {
            if (0..=MAXIMUM_SPEED).contains(setpoint) {
                Ok(())
            } else {
                Err(StatusCode::BadOutOfRange)
            }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use opcua::types::{Array, DataTypeId, DateTime, UAString};

    use super::*;

    #[test]
    fn only_the_very_type_and_shape_of_the_node_fits() {
        let check = |value: Variant, data_type: DataTypeId, value_rank: i32, expected: Result<(), StatusCode>| {
            assert_eq!(check_type(&value, &data_type.into(), value_rank), expected, "{value:?} into {data_type:?}");
        };
        let mismatch = Err(StatusCode::BadTypeMismatch);
        check(1.5_f32.into(), DataTypeId::Float, SCALAR, Ok(()));
        check(1.5_f64.into(), DataTypeId::Float, SCALAR, mismatch);
        check(1_i32.into(), DataTypeId::Int16, SCALAR, mismatch);
        check(1_u16.into(), DataTypeId::Int16, SCALAR, mismatch);
        check(true.into(), DataTypeId::Byte, SCALAR, mismatch);
        check(1_i8.into(), DataTypeId::SByte, SCALAR, Ok(()));
        check(1_u8.into(), DataTypeId::SByte, SCALAR, mismatch);
        check(UAString::from("1").into(), DataTypeId::Int16, SCALAR, mismatch);
        check(Variant::Empty, DataTypeId::Int16, SCALAR, mismatch);
        let empty = |dimensions| {
            let value_type = VariantScalarTypeId::Int16;
            Variant::from(Array { value_type, values: Vec::new(), dimensions: Some(dimensions) })
        };
        check(empty(Vec::new()), DataTypeId::Int16, ONE_DIMENSION, Ok(()));
        check(empty(vec![0, 3]), DataTypeId::Int16, ONE_DIMENSION, mismatch);
        check(vec![1_i16].into(), DataTypeId::Int16, ONE_DIMENSION, Ok(()));
        check(Vec::<i16>::new().into(), DataTypeId::Int16, ONE_DIMENSION, Ok(()));
        check(vec![1_i32].into(), DataTypeId::Int16, ONE_DIMENSION, mismatch);
        check(vec![1_i16].into(), DataTypeId::Int16, SCALAR, mismatch);
        check(1_i16.into(), DataTypeId::Int16, ONE_DIMENSION, mismatch);
        let matrix = Variant::from((VariantScalarTypeId::Int16, vec![1_i16, 2, 3, 4], vec![2, 2]));
        check(matrix, DataTypeId::Int16, ONE_DIMENSION, mismatch);
    }

    #[test]
    fn timestamps_and_bad_status_are_refused() {
        let refused = Err(StatusCode::BadWriteNotSupported);
        let value = DataValue::value_only(1_i16);
        assert_eq!(check_is_value_only(&value), Ok(()));
        let check = |value: DataValue, expected| assert_eq!(check_is_value_only(&value), expected, "{value:?}");
        check(DataValue { status: Some(StatusCode::Good), ..value.clone() }, Ok(()));
        check(DataValue { status: Some(StatusCode::BadSensorFailure), ..value.clone() }, refused);
        check(DataValue { source_timestamp: Some(DateTime::now()), ..value.clone() }, refused);
        check(DataValue { server_timestamp: Some(DateTime::now()), ..value.clone() }, refused);
        check(DataValue { source_picoseconds: Some(1), ..value }, refused);
    }

    #[test]
    fn a_node_nobody_may_write_differs_from_one_this_user_may_not_write() {
        let write = AccessLevel::CURRENT_READ | AccessLevel::CURRENT_WRITE;
        assert_eq!(check_access(write, write), Ok(()));
        assert_eq!(check_access(AccessLevel::CURRENT_READ, write), Err(StatusCode::BadNotWritable));
        assert_eq!(check_access(write, AccessLevel::CURRENT_READ), Err(StatusCode::BadUserAccessDenied));
    }
}
