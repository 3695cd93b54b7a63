//! Describing and writing nodes.

use bytes::Bytes;
use tagwise::{
    domain::{DataType, StatusCode, TagId, TagValue, Timestamp, value::ArrayValue},
    opcua::{Plc, PlcError, status_symbol},
};
use tagwise_simulator::PlcOptions;

use crate::rig::{PATIENCE, Rig, config, plc};

#[tokio::test(flavor = "multi_thread")]
async fn every_type_can_be_written_and_comes_back() {
    let written: [(&str, TagValue); 22] = [
        ("Boolean", TagValue::Boolean(false)),
        ("SByte", TagValue::SByte(i8::MAX)),
        ("Byte", TagValue::Byte(7)),
        ("Int16", TagValue::Int16(i16::MAX)),
        ("UInt16", TagValue::UInt16(1)),
        ("Int32", TagValue::Int32(-7)),
        ("UInt32", TagValue::UInt32(7)),
        ("Int64", TagValue::Int64(i64::MAX)),
        ("UInt64", TagValue::UInt64(u64::MAX - 1)),
        ("Float", TagValue::Float(2.5)),
        ("Double", TagValue::Double(-0.1)),
        ("String", TagValue::String("neu".into())),
        ("DateTime", TagValue::DateTime(Timestamp::from_unix_millis(1_767_225_600_000))),
        ("Guid", TagValue::Guid("00000000-0000-4000-8000-000000000001".into())),
        ("ByteString", TagValue::ByteString(Bytes::from_static(b"abc"))),
        ("XmlElement", TagValue::XmlElement("<b/>".into())),
        ("NodeId", TagValue::NodeId("ns=2;i=7".into())),
        ("ExpandedNodeId", TagValue::ExpandedNodeId("ns=2;i=7".into())),
        ("StatusCode", TagValue::StatusCode(StatusCode(0x8034_0000))),
        ("QualifiedName", TagValue::QualifiedName { namespace_index: 2, name: "x".into() }),
        ("LocalizedText", TagValue::LocalizedText { locale: Some("en".into()), text: Some("y".into()) }),
        (
            "Int16Array",
            TagValue::Array(Box::new(ArrayValue {
                element: Some(DataType::Int16),
                values: vec![TagValue::Int16(1), TagValue::Int16(2)],
                dimensions: Vec::new(),
            })),
        ),
    ];
    let server = plc(PlcOptions::default()).await;
    let nodes: Vec<String> = written.iter().map(|(name, _)| format!("\"Types\".\"{name}\"")).collect();
    let mut rig = Rig::start(config(&server.endpoint_url()), &nodes.iter().map(String::as_str).collect::<Vec<_>>());
    rig.wait_for_all_active().await;
    for (tag, (name, value)) in (0..).map(TagId).zip(written) {
        let description = rig.plc.describe(tag).await.unwrap();
        assert_eq!(description.data_type, value.data_type(), "{name}");
        assert!(description.is_writable, "{name}");
        assert_eq!(rig.plc.write(tag, value.clone()).await, Ok(StatusCode::GOOD), "{name}");
        rig.update(tag, |update| update.value == value).await;
    }
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plc_refuses_comes_back_as_its_status() {
    let server = plc(PlcOptions::default()).await;
    let nodes = ["\"Machine\".\"SpeedSetpoint\"", "\"Machine\".\"Vibration\"", "\"Machine\".\"Nothing\""];
    let rig = Rig::start(config(&server.endpoint_url()), &nodes);
    rig.wait_for("tags settled", |snapshot| snapshot.pending_tags == 0).await;
    let (setpoint, vibration, nothing) = (TagId(0), TagId(1), TagId(2));

    let described = rig.plc.describe(setpoint).await.unwrap();
    assert_eq!((described.data_type, described.value_rank, described.is_writable), (Some(DataType::Int16), -1, true));
    assert!(!rig.plc.describe(vibration).await.unwrap().is_writable);
    let unknown = PlcError::UnknownNode { reason: "BadNodeIdUnknown".into() };
    assert_eq!(rig.plc.describe(nothing).await, Err(unknown));

    let status = |answer: Result<StatusCode, PlcError>| status_symbol(answer.unwrap()).into_owned();
    assert_eq!(status(rig.plc.write(setpoint, TagValue::Int16(1500)).await), "Good");
    assert_eq!(status(rig.plc.write(setpoint, TagValue::Double(1500.0)).await), "BadTypeMismatch");
    assert_eq!(status(rig.plc.write(vibration, TagValue::Float(1.0)).await), "BadNotWritable");
    assert_eq!(status(rig.plc.write(nothing, TagValue::Float(1.0)).await), "BadNodeIdUnknown");
    assert_eq!(status(rig.plc.write(setpoint, TagValue::Guid("no guid".into())).await), "BadTypeMismatch");

    server.stop().await;
    rig.wait_for("a lost session", |snapshot| snapshot.opcua.as_str() != "CONNECTED").await;
    let late = tokio::time::timeout(PATIENCE, rig.plc.write(setpoint, TagValue::Int16(1))).await;
    assert_eq!(late.unwrap(), Err(PlcError::NotConnected));
    rig.stop().await;
}
