//! One value of every built-in scalar type, at an edge of its range, and some arrays: the content of `"Types"`.

use std::str::FromStr;

use opcua::types::{
    ByteString, DataTypeId, DateTime, ExpandedNodeId, Guid, LocalizedText, NodeId, QualifiedName, StatusCode, UAString,
    Variant, XmlElement,
};

use crate::address_space::{NAMESPACE_INDEX, NAMESPACE_URI, node_id};

/// A node below `"Types"`, its type and what it holds at the start.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) data_type: DataTypeId,
    pub(crate) value: Variant,
    pub(crate) status: StatusCode,
}

/// All nodes below `"Types"`.
pub(crate) fn samples() -> Vec<Sample> {
    let mut all = scalars();
    all.extend(arrays());
    all.extend([
        good("NaN", DataTypeId::Double, f64::NAN),
        Sample { status: StatusCode::BadSensorFailure, ..good("Bad", DataTypeId::Double, 0.0_f64) },
        Sample { status: StatusCode::UncertainLastUsableValue, ..good("Uncertain", DataTypeId::Double, 21.5_f64) },
    ]);
    all
}

fn scalars() -> Vec<Sample> {
    vec![
        good("Boolean", DataTypeId::Boolean, true),
        good("SByte", DataTypeId::SByte, i8::MIN),
        good("Byte", DataTypeId::Byte, u8::MAX),
        good("Int16", DataTypeId::Int16, i16::MIN),
        good("UInt16", DataTypeId::UInt16, u16::MAX),
        good("Int32", DataTypeId::Int32, i32::MIN),
        good("UInt32", DataTypeId::UInt32, u32::MAX),
        good("Int64", DataTypeId::Int64, i64::MIN),
        good("UInt64", DataTypeId::UInt64, u64::MAX),
        // A tenth has no exact binary form: as a Float it must not turn up with the digits of a Double.
        good("Float", DataTypeId::Float, 0.1_f32),
        good("Double", DataTypeId::Double, f64::MAX),
        good("String", DataTypeId::String, UAString::from("Prüfstand \"Ω\" \\ 🏭\nline 2\ttab")),
        good("DateTime", DataTypeId::DateTime, DateTime::ymd_hms_nano(2038, 1, 19, 3, 14, 8, 123_456_700)),
        good("Guid", DataTypeId::Guid, sample_guid()),
        good("ByteString", DataTypeId::ByteString, ByteString::from(vec![0x00, 0x7f, 0x80, 0xff])),
        good("XmlElement", DataTypeId::XmlElement, XmlElement::from("<limit unit=\"mm/s\">4.5 &amp; less</limit>")),
        good("NodeId", DataTypeId::NodeId, node_id("\"Machine\".\"Vibration\"")),
        good("ExpandedNodeId", DataTypeId::ExpandedNodeId, sample_expanded_node_id()),
        good("StatusCode", DataTypeId::StatusCode, StatusCode::BadSensorFailure),
        good("QualifiedName", DataTypeId::QualifiedName, QualifiedName::new(NAMESPACE_INDEX, "Vibration")),
        good("LocalizedText", DataTypeId::LocalizedText, LocalizedText::new("de", "Schwingung")),
    ]
}

fn arrays() -> Vec<Sample> {
    vec![
        good("Int16Array", DataTypeId::Int16, vec![i16::MIN, -1, 0, 1, i16::MAX]),
        good("DoubleArray", DataTypeId::Double, vec![-1.5_f64, 0.0, 2.5]),
        good("StringArray", DataTypeId::String, ["", "a", "ü"].map(UAString::from).to_vec()),
    ]
}

fn good(name: &'static str, data_type: DataTypeId, value: impl Into<Variant>) -> Sample {
    Sample { name, data_type, value: value.into(), status: StatusCode::Good }
}

fn sample_guid() -> Guid {
    Guid::from_str("72962b91-fa75-4ae6-8d28-b404dc7daf63").unwrap_or_else(|_| Guid::null())
}

fn sample_expanded_node_id() -> ExpandedNodeId {
    let local: NodeId = node_id("\"Machine\".\"Speed\"");
    ExpandedNodeId::new_with_namespace(NAMESPACE_URI, local.identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scalar_type_is_there_with_the_value_its_data_type_names() {
        let scalars = scalars();
        assert_eq!(scalars.len(), 21);
        for sample in &scalars {
            let of_value = sample.value.scalar_type_id().unwrap() as u32;
            assert_eq!(NodeId::from(sample.data_type), NodeId::new(0, of_value), "{}", sample.name);
            assert_eq!(sample.name, format!("{:?}", sample.data_type));
        }
    }

    #[test]
    fn the_guid_is_not_null() {
        assert_ne!(sample_guid(), Guid::null());
    }
}
