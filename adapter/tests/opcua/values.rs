//! What arrives, and how.

use bytes::Bytes;
use tagwise::{
    domain::{DataType, StatusCode, TagId, TagValue, update::TimestampSource, value::ArrayValue},
    opcua::status_symbol,
};
use tagwise_simulator::PlcOptions;

use crate::rig::{Rig, config, load_tag, plc};

#[tokio::test(flavor = "multi_thread")]
async fn values_arrive_in_batches_without_a_hole() {
    const TAGS: usize = 50;
    let server = plc(PlcOptions { load_tags: TAGS, load_rate_hz: 20.0, ..PlcOptions::default() }).await;
    let names: Vec<String> = (1..=TAGS).map(load_tag).collect();
    let mut rig = Rig::start(config(&server.endpoint_url()), &names.iter().map(String::as_str).collect::<Vec<_>>());

    let mut newest: Vec<Option<f64>> = vec![None; TAGS];
    let (mut values, mut batches) = (0, 0);
    while values < TAGS * 60 {
        let batch = rig.batch().await;
        batches += 1;
        values += batch.len();
        for update in batch {
            let newest = &mut newest[update.tag.index()];
            let value = update.value.as_number().unwrap();
            let expected = newest.map_or(value, |newest| newest + 1.0);
            assert!((value - expected).abs() < 1e-9, "{:?}: {value} for {expected}", update.tag);
            assert_eq!(update.flags.is_initial, newest.is_none());
            assert!(update.source_timestamp.is_some() && update.server_timestamp.is_some());
            *newest = Some(value);
        }
    }
    assert!(values > 10 * batches, "{values} values in {batches} batches");
    assert_eq!(rig.metrics.opcua_sequence_gaps.get(), 0);
    assert_eq!(rig.metrics.opcua_overflows.get(), 0);
    assert_eq!(rig.metrics.opcua_values.with_label_values(&["good"]).get(), values as u64);
    assert!(rig.metrics.clock_skew_seconds.get().abs() < 5.0);
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_arrives_as_what_it_is() {
    let expected: [(&str, TagValue); 23] = [
        ("Boolean", TagValue::Boolean(true)),
        ("SByte", TagValue::SByte(i8::MIN)),
        ("Byte", TagValue::Byte(u8::MAX)),
        ("Int16", TagValue::Int16(i16::MIN)),
        ("UInt16", TagValue::UInt16(u16::MAX)),
        ("Int32", TagValue::Int32(i32::MIN)),
        ("UInt32", TagValue::UInt32(u32::MAX)),
        ("Int64", TagValue::Int64(i64::MIN)),
        ("UInt64", TagValue::UInt64(u64::MAX)),
        ("Float", TagValue::Float(0.1)),
        ("Double", TagValue::Double(f64::MAX)),
        ("String", TagValue::String("Prüfstand \"Ω\" \\ 🏭\nline 2\ttab".into())),
        ("Guid", TagValue::Guid("72962b91-fa75-4ae6-8d28-b404dc7daf63".into())),
        ("ByteString", TagValue::ByteString(Bytes::from_static(&[0x00, 0x7f, 0x80, 0xff]))),
        ("XmlElement", TagValue::XmlElement("<limit unit=\"mm/s\">4.5 &amp; less</limit>".into())),
        ("NodeId", TagValue::NodeId("ns=3;s=\"Machine\".\"Vibration\"".into())),
        (
            "ExpandedNodeId",
            TagValue::ExpandedNodeId("nsu=http://www.siemens.com/simatic-s7-opcua;s=\"Machine\".\"Speed\"".into()),
        ),
        ("StatusCode", TagValue::StatusCode(StatusCode(0x808C_0000))),
        ("QualifiedName", TagValue::QualifiedName { namespace_index: 3, name: "Vibration".into() }),
        ("LocalizedText", TagValue::LocalizedText { locale: Some("de".into()), text: Some("Schwingung".into()) }),
        ("Int16Array", array(DataType::Int16, [i16::MIN, -1, 0, 1, i16::MAX].map(TagValue::Int16).into())),
        ("DoubleArray", array(DataType::Double, [-1.5, 0.0, 2.5].map(TagValue::Double).into())),
        ("StringArray", array(DataType::String, ["", "a", "ü"].map(|text| TagValue::String(text.into())).into())),
    ];
    let server = plc(PlcOptions::default()).await;
    let nodes: Vec<String> = expected.iter().map(|(name, _)| format!("\"Types\".\"{name}\"")).collect();
    let mut rig = Rig::start(config(&server.endpoint_url()), &nodes.iter().map(String::as_str).collect::<Vec<_>>());
    let mut found = vec![None; expected.len()];
    while found.iter().any(Option::is_none) {
        for update in rig.batch().await {
            assert!(!update.flags.is_undecoded, "{}", expected[update.tag.index()].0);
            found[update.tag.index()] = Some(update.value);
        }
    }
    for ((name, value), found) in expected.into_iter().zip(found) {
        assert_eq!(found, Some(value), "{name}");
    }
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quality_and_special_numbers_come_along() {
    let server = plc(PlcOptions::default()).await;
    let nodes = ["\"Types\".\"Bad\"", "\"Types\".\"Uncertain\"", "\"Types\".\"NaN\"", "\"Types\".\"DateTime\""];
    let mut rig = Rig::start(config(&server.endpoint_url()), &nodes);
    let mut found = vec![None; nodes.len()];
    while found.iter().any(Option::is_none) {
        for update in rig.batch().await {
            let tag = update.tag.index();
            found[tag] = Some(update);
        }
    }
    let found: Vec<_> = found.into_iter().flatten().collect();
    assert_eq!(status_symbol(found[0].status), "BadSensorFailure");
    assert_eq!(status_symbol(found[1].status), "UncertainLastUsableValue");
    assert_eq!(found[1].value, TagValue::Double(21.5));
    assert!(matches!(found[2].value, TagValue::Double(value) if value.is_nan()));
    assert!(matches!(found[3].value, TagValue::DateTime(time) if time.unix_micros() == 2_147_483_648_123_456));
    assert_eq!(found[3].timestamp().1, TimestampSource::Source);
    assert_eq!(rig.metrics.opcua_values.with_label_values(&["bad"]).get(), 1);
    assert_eq!(rig.metrics.opcua_values.with_label_values(&["uncertain"]).get(), 1);
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tags_are_subscribed_at_once() {
    const TAGS: usize = 10_000;
    let server = plc(PlcOptions { load_tags: TAGS, load_rate_hz: 1.0, ..PlcOptions::default() }).await;
    let names: Vec<String> = (1..=TAGS).map(load_tag).collect();
    let mut rig = Rig::start(config(&server.endpoint_url()), &names.iter().map(String::as_str).collect::<Vec<_>>());
    rig.wait_for_all_active().await;
    let mut has_come = vec![false; TAGS];
    while !has_come.iter().all(|has_come| *has_come) {
        for update in rig.batch().await {
            has_come[update.tag.index()] = true;
        }
    }
    assert_eq!(rig.metrics.tags.with_label_values(&["active"]).get(), 10_000);
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_missing_does_not_stop_the_others() {
    let server = plc(PlcOptions::default()).await;
    let nodes = ["\"Machine\".\"Vibration\"", "\"Machine\".\"Vibraton\"", "\"Machine\".\"Speed\""];
    let mut rig = Rig::start(config(&server.endpoint_url()), &nodes);
    let snapshot = rig.wait_for("one failed tag", |snapshot| snapshot.failed_tags.len() == 1).await;
    let reason = &snapshot.failed_tags[&TagId(1)];
    for word in ["BadNodeIdUnknown", "Vibraton", "line 11 of the mapping"] {
        assert!(reason.contains(word), "{word} in {reason}");
    }
    rig.value(TagId(0)).await;
    rig.value(TagId(2)).await;
    let gauge = |state: &str| rig.metrics.tags.with_label_values(&[state]).get();
    assert_eq!((gauge("active"), gauge("failed"), gauge("pending")), (2, 1, 0));
    rig.stop().await;
    server.stop().await;
}

fn array(element: DataType, values: Vec<TagValue>) -> TagValue {
    TagValue::Array(Box::new(ArrayValue { element: Some(element), values, dimensions: Vec::new() }))
}
