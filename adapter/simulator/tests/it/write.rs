//! What a client may write, and with which status it is refused.

use std::time::Duration;

use opcua::types::{AttributeId, DataValue, DateTime, NumericRange, StatusCode, UAString, Variant, WriteValue};
use tagwise_simulator::{Plc, PlcOptions};

use crate::client::{Client, PATIENCE, node};

const SPEED_SETPOINT: &str = "\"Machine\".\"SpeedSetpoint\"";
const VIBRATION_ALARM: &str = "\"Machine\".\"VibrationAlarm\"";

#[tokio::test]
async fn a_wrong_type_or_shape_is_a_type_mismatch_and_changes_nothing() {
    let plc = Plc::start(PlcOptions::default()).await.unwrap();
    let client = &Client::connect(&plc.endpoint_url()).await;

    let check = |id: &'static str, value: Variant| async move {
        let before = client.read(id).await;
        assert_eq!(client.write(id, value.clone()).await, StatusCode::BadTypeMismatch, "{value:?} into {id}");
        assert_eq!(client.read(id).await, before, "{id}");
    };
    check(SPEED_SETPOINT, 100_i32.into()).await;
    check(SPEED_SETPOINT, 100_u16.into()).await;
    check(SPEED_SETPOINT, 100.0_f64.into()).await;
    check(SPEED_SETPOINT, UAString::from("100").into()).await;
    check(SPEED_SETPOINT, vec![100_i16].into()).await;
    check(SPEED_SETPOINT, Variant::Empty).await;
    check(VIBRATION_ALARM, 1_u8.into()).await;
    check("\"Types\".\"Float\"", 1.5_f64.into()).await;
    check("\"Types\".\"Double\"", 1.5_f32.into()).await;
    check("\"Types\".\"Int64\"", 1_i32.into()).await;
    check("\"Types\".\"ByteString\"", UAString::from("text").into()).await;
    check("\"Types\".\"DoubleArray\"", vec![1.5_f32].into()).await;
    check("\"Types\".\"DoubleArray\"", 1.5_f64.into()).await;
    plc.stop().await;
}

#[tokio::test]
async fn every_sample_can_be_written_with_a_value_of_its_own_type() {
    let plc = Plc::start(PlcOptions::default()).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;

    let scalars = [
        "Boolean",
        "SByte",
        "Byte",
        "Int16",
        "UInt16",
        "Int32",
        "UInt32",
        "Int64",
        "UInt64",
        "Float",
        "Double",
        "String",
        "DateTime",
        "Guid",
        "ByteString",
        "XmlElement",
        "NodeId",
        "ExpandedNodeId",
        "StatusCode",
        "QualifiedName",
        "LocalizedText",
    ];
    let arrays = ["Int16Array", "DoubleArray", "StringArray"];
    for name in scalars.iter().chain(&arrays) {
        let id = format!("\"Types\".\"{name}\"");
        let before = client.read(&id).await;
        let value = before.value.clone().unwrap();
        assert_eq!(client.write(&id, value.clone()).await, StatusCode::Good, "{id}");
        let after = client.read(&id).await;
        assert_eq!(after.value, Some(value), "{id}");
        assert!(after.source_timestamp > before.source_timestamp, "{id}");
    }
    plc.stop().await;
}

#[tokio::test]
async fn what_is_no_plain_write_to_a_writable_value_is_refused() {
    let plc = Plc::start(PlcOptions { load_tags: 1, ..PlcOptions::default() }).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;

    assert_eq!(client.write("\"Machine\".\"Vibration\"", 1.0_f32).await, StatusCode::BadNotWritable);
    assert_eq!(client.write("\"Load\".\"T0001\"", 1.0_f64).await, StatusCode::BadNotWritable);
    assert_eq!(client.write("\"Machine\"", 1.0_f64).await, StatusCode::BadNotWritable);
    assert_eq!(client.write("\"Machine\".\"Missing\"", 1.0_f64).await, StatusCode::BadNodeIdUnknown);
    assert_eq!(client.write(SPEED_SETPOINT, 3001_i16).await, StatusCode::BadOutOfRange);
    assert_eq!(client.write(SPEED_SETPOINT, -1_i16).await, StatusCode::BadOutOfRange);

    let stamped = DataValue { source_timestamp: Some(DateTime::now()), ..DataValue::value_only(100_i16) };
    assert_eq!(client.write_data_value(SPEED_SETPOINT, stamped).await, StatusCode::BadWriteNotSupported);
    let stamped = DataValue { server_timestamp: Some(DateTime::now()), ..DataValue::value_only(100_i16) };
    assert_eq!(client.write_data_value(SPEED_SETPOINT, stamped).await, StatusCode::BadWriteNotSupported);

    let display_name = WriteValue {
        node_id: node(SPEED_SETPOINT),
        attribute_id: AttributeId::DisplayName as u32,
        index_range: NumericRange::None,
        value: DataValue::value_only(opcua::types::LocalizedText::from("other")),
    };
    assert_eq!(client.write_raw(display_name).await, StatusCode::BadNotWritable);
    let element = WriteValue {
        node_id: node("\"Types\".\"Int16Array\""),
        attribute_id: AttributeId::Value as u32,
        index_range: NumericRange::Index(0),
        value: DataValue::value_only(vec![1_i16]),
    };
    assert_eq!(client.write_raw(element).await, StatusCode::BadWriteNotSupported);
    plc.stop().await;
}

#[tokio::test]
async fn speed_and_vibration_follow_a_written_setpoint() {
    let plc = Plc::start(PlcOptions::default()).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;
    let healthy = client.read("\"Machine\".\"Vibration\"").await.value.unwrap().as_f64().unwrap();

    assert_eq!(client.write(SPEED_SETPOINT, 0_i16).await, StatusCode::Good);
    assert_eq!(client.read(SPEED_SETPOINT).await.value, Some(0_i16.into()));
    let watched = ["\"Machine\".\"Speed\"", "\"Machine\".\"Vibration\""].map(str::to_owned);
    let (_, mut values) = client.watch(&watched, Duration::from_millis(50), 0.0, 10).await;
    let (mut speed, mut vibration) = (f64::NAN, f64::NAN);
    let slow_down = async {
        while !(speed < 700.0 && vibration < healthy / 2.0) {
            let (item, value) = values.recv().await.unwrap();
            let number = value.value.unwrap().as_f64().unwrap();
            if item == 0 { speed = number } else { vibration = number }
        }
    };
    tokio::time::timeout(PATIENCE, slow_down).await.unwrap();
    plc.stop().await;
}

#[tokio::test]
async fn a_written_alarm_bit_comes_back_through_a_subscription_and_shows_in_the_state() {
    let plc = Plc::start(PlcOptions::default()).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;
    let watched = [VIBRATION_ALARM, "\"Machine\".\"State\""].map(str::to_owned);
    let (_, mut values) = client.watch(&watched, Duration::from_millis(20), 0.0, 10).await;

    assert_eq!(client.write(VIBRATION_ALARM, true).await, StatusCode::Good);
    let (mut bit_seen, mut state_seen) = (false, false);
    let both = async {
        while !(bit_seen && state_seen) {
            let (_, value) = values.recv().await.unwrap();
            bit_seen |= value.value == Some(true.into());
            state_seen |= value.value == Some(UAString::from("Alarm").into());
        }
    };
    tokio::time::timeout(PATIENCE, both).await.unwrap();
    plc.stop().await;
}
