//! What the nodes of each type hold on each stack, and what is written to them.

use serde_json::{Value, json};
use tagwise_tests::Stack;

/// What a node of each name shall become.
pub(crate) fn north(stack: Stack) -> Vec<(&'static str, Value)> {
    match stack {
        Stack::Simulator => of_simulator(),
        Stack::Asyncua => of_foreigner("2026-01-02T03:04:05.123456Z"),
        // A date of JavaScript has milliseconds.
        Stack::NodeOpcua => of_foreigner("2026-01-02T03:04:05.123Z"),
        Stack::Milo | Stack::Open62541 => of_foreigner("2026-01-02T03:04:05.123456700Z"),
    }
}

fn of_simulator() -> Vec<(&'static str, Value)> {
    vec![
        ("Boolean", json!(true)),
        ("SByte", json!(i8::MIN)),
        ("Byte", json!(u8::MAX)),
        ("Int16", json!(i16::MIN)),
        ("UInt16", json!(u16::MAX)),
        ("Int32", json!(i32::MIN)),
        ("UInt32", json!(u32::MAX)),
        ("Int64", json!(i64::MIN)),
        ("UInt64", json!(u64::MAX)),
        ("Float", json!(0.1)),
        ("Double", json!(f64::MAX)),
        ("String", json!("Prüfstand \"Ω\" \\ 🏭\nline 2\ttab")),
        ("DateTime", json!("2038-01-19T03:14:08.123456700Z")),
        ("Guid", json!("72962b91-fa75-4ae6-8d28-b404dc7daf63")),
        ("ByteString", json!("AH+A/w==")),
        ("XmlElement", json!("<limit unit=\"mm/s\">4.5 &amp; less</limit>")),
        ("NodeId", json!("ns=3;s=\"Machine\".\"Vibration\"")),
        ("ExpandedNodeId", json!("nsu=http://www.siemens.com/simatic-s7-opcua;s=\"Machine\".\"Speed\"")),
        ("QualifiedName", json!({"name": "Vibration", "namespaceIndex": 3})),
        ("LocalizedText", json!({"locale": "de", "text": "Schwingung"})),
        ("Int16Array", json!([-32768, -1, 0, 1, 32767])),
        ("DoubleArray", json!([-1.5, 0.0, 2.5])),
        ("StringArray", json!(["", "a", "ü"])),
        ("NaN", Value::Null),
    ]
}

fn of_foreigner(time: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("Boolean", json!(true)),
        ("SByte", json!(-128)),
        ("Byte", json!(255)),
        ("Int16", json!(-32768)),
        ("UInt16", json!(65535)),
        ("Int32", json!(i32::MIN)),
        ("UInt32", json!(u32::MAX)),
        ("Int64", json!(-9_007_199_254_740_993_i64)),
        ("UInt64", json!(u64::MAX)),
        ("Float", json!(0.1)),
        ("Double", json!(0.1)),
        ("String", json!("grün \"q\" \n")),
        ("DateTime", json!(time)),
        ("Guid", json!("72962b91-fa75-4ae6-8d28-b404dc7daf63")),
        ("ByteString", json!("AAEH")),
        ("LocalizedText", json!({"locale": "de", "text": "Schwingung"})),
        ("QualifiedName", json!({"name": "Vibration"})),
        ("NaN", Value::Null),
        ("Int32Array", json!([1, 2, 3])),
        ("DoubleArray", json!([1.5, -2.0])),
        ("BooleanArray", json!([true, false])),
        ("StringArray", json!(["a", "ü"])),
        ("Int32Matrix", json!([[1, 2, 3], [4, 5, 6]])),
    ]
}

/// What is written to a node of each name.
pub(crate) fn south(stack: Stack) -> Vec<(&'static str, Value)> {
    let mut cases = vec![
        ("Boolean", json!(false)),
        ("SByte", json!(-5)),
        ("Byte", json!(200)),
        ("Int16", json!(1500)),
        ("UInt16", json!(60000)),
        ("Int32", json!(-70000)),
        ("UInt32", json!(4_000_000_000_u32)),
        ("Int64", json!(9_007_199_254_740_993_i64)),
        ("UInt64", json!(18_446_744_073_709_551_614_u64)),
        ("Float", json!(1.5)),
        ("Double", json!(-2.25)),
        ("String", json!("grün \"w\" \n")),
        ("ByteString", json!("/wAB")),
        ("Guid", json!("09087e75-8e5e-499b-954f-f2a9603db28a")),
        ("DoubleArray", json!([0.5, -7.0, 3.25])),
        ("StringArray", json!(["x", "ö", ""])),
    ];
    if stack != Stack::Simulator {
        cases.push(("BooleanArray", json!([false, true])));
        cases.push(("Int32Matrix", json!([[7, 8, 9], [10, 11, 12]])));
    }
    cases
}
