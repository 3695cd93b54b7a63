//! What a client sees that connects, browses and reads.

use opcua::client::IdentityToken;
use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, BrowseResultMask, DataTypeId, DateTime, NodeClassMask, NodeId,
    ReferenceTypeId, StatusCode, VariableId, Variant,
};
use tagwise_simulator::{Plc, PlcOptions, SimulatorError};

use crate::client::{Client, node};

#[tokio::test]
async fn the_siemens_namespace_has_index_three() {
    let plc = Plc::start(PlcOptions::default()).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;

    let id = NodeId::from(VariableId::Server_NamespaceArray).to_string();
    let namespaces = client.read_attribute(&format!("ns=0;{id}"), AttributeId::Value).await;
    let Some(Variant::Array(array)) = namespaces.value else { panic!("no array: {namespaces:?}") };
    assert_eq!(array.values.len(), 4);
    assert_eq!(array.values[3], Variant::from(tagwise_simulator::NAMESPACE_URI));
    plc.stop().await;
}

#[tokio::test]
async fn the_machine_is_found_by_browsing() {
    let plc = Plc::start(PlcOptions { load_tags: 3, ..PlcOptions::default() }).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;

    assert!(children(&client, NodeId::objects_folder_id()).await.contains(&node("PLC")));
    let blocks = children(&client, node("DataBlocksGlobal")).await;
    assert_eq!(blocks, ["\"Load\"", "\"Machine\"", "\"Types\""].map(node));
    assert_eq!(children(&client, node("\"Machine\"")).await.len(), 8);
    assert_eq!(children(&client, node("\"Types\"")).await.len(), 31);
    let load = children(&client, node("\"Load\"")).await;
    assert_eq!(load, ["\"Load\".\"T0001\"", "\"Load\".\"T0002\"", "\"Load\".\"T0003\""].map(node));
    plc.stop().await;
}

async fn children(client: &Client, parent: NodeId) -> Vec<NodeId> {
    let browse = BrowseDescription {
        node_id: parent,
        browse_direction: BrowseDirection::Forward,
        reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
        include_subtypes: true,
        node_class_mask: NodeClassMask::all().bits(),
        result_mask: BrowseResultMask::All as u32,
    };
    let result = client.session.browse(&[browse], 0, None).await.unwrap().remove(0);
    let mut found: Vec<NodeId> =
        result.references.unwrap_or_default().into_iter().map(|reference| reference.node_id.node_id).collect();
    found.sort_by_key(ToString::to_string);
    found
}

#[tokio::test]
async fn each_node_has_its_type_its_rank_and_its_access_level() {
    let plc = Plc::start(PlcOptions { load_tags: 1, ..PlcOptions::default() }).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;

    let (client, read_only, writable) = (&client, 1_u8, 3_u8);
    let check = |id: &'static str, data_type: DataTypeId, rank: i32, access: u8| async move {
        let attribute = |attribute| async move { client.read_attribute(id, attribute).await.value.unwrap() };
        assert_eq!(attribute(AttributeId::DataType).await, NodeId::from(data_type).into(), "data type of {id}");
        assert_eq!(attribute(AttributeId::ValueRank).await, rank.into(), "value rank of {id}");
        assert_eq!(attribute(AttributeId::AccessLevel).await, access.into(), "access level of {id}");
        assert_eq!(attribute(AttributeId::UserAccessLevel).await, access.into(), "user access level of {id}");
    };
    check("\"Machine\".\"Vibration\"", DataTypeId::Float, -1, read_only).await;
    check("\"Machine\".\"SpeedSetpoint\"", DataTypeId::Int16, -1, writable).await;
    check("\"Machine\".\"VibrationAlarm\"", DataTypeId::Boolean, -1, writable).await;
    check("\"Machine\".\"PartCounter\"", DataTypeId::UInt32, -1, read_only).await;
    check("\"Machine\".\"State\"", DataTypeId::String, -1, read_only).await;
    check("\"Types\".\"LocalizedText\"", DataTypeId::LocalizedText, -1, writable).await;
    check("\"Types\".\"StringArray\"", DataTypeId::String, 1, writable).await;
    check("\"Load\".\"T0001\"", DataTypeId::Double, -1, read_only).await;
    plc.stop().await;
}

#[tokio::test]
async fn values_come_with_both_timestamps_and_with_their_status() {
    let plc = Plc::start(PlcOptions { load_tags: 1, ..PlcOptions::default() }).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;

    for id in ["\"Machine\".\"Vibration\"", "\"Types\".\"Int64\"", "\"Load\".\"T0001\""] {
        let value = client.read(id).await;
        let age = DateTime::now() - value.source_timestamp.unwrap();
        assert!((0..10).contains(&age.num_seconds()), "{id}: {value:?}");
        assert!(value.server_timestamp.is_some(), "{id}: {value:?}");
        assert!(value.status().is_good(), "{id}: {value:?}");
    }
    assert_eq!(client.read("\"Types\".\"UInt64\"").await.value, Some(u64::MAX.into()));
    assert_eq!(client.read("\"Types\".\"Bad\"").await.status(), StatusCode::BadSensorFailure);
    assert_eq!(client.read("\"Types\".\"Uncertain\"").await.status(), StatusCode::UncertainLastUsableValue);
    let not_a_number = client.read("\"Types\".\"NaN\"").await.value.and_then(|value| value.as_f64());
    assert!(not_a_number.is_some_and(f64::is_nan));
    assert_eq!(client.read("\"Machine\".\"Missing\"").await.status(), StatusCode::BadNodeIdUnknown);
    plc.stop().await;
}

#[tokio::test]
async fn with_a_user_only_that_user_gets_in() {
    let user = Some(("operator".to_owned(), "secret".to_owned()));
    let plc = Plc::start(PlcOptions { user, ..PlcOptions::default() }).await.unwrap();
    let url = plc.endpoint_url();

    let user = |name: &str, password: &str| IdentityToken::new_user_name(name, password);
    let welcome = Client::try_connect(&url, user("operator", "secret")).await;
    assert!(welcome.is_ok_and(|client| client.session.session_id() > 0));
    assert!(Client::try_connect(&url, user("operator", "guess")).await.is_err());
    assert!(Client::try_connect(&url, user("stranger", "secret")).await.is_err());
    assert!(Client::try_connect(&url, IdentityToken::Anonymous).await.is_err());
    plc.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_refused_or_replaced_and_impossible_loads_are_refused() {
    let first = Plc::start(PlcOptions::default()).await.unwrap();
    let same_port = PlcOptions { listen: first.local_addr(), ..PlcOptions::default() };
    let refused = Plc::start(same_port.clone()).await.unwrap_err();
    assert!(matches!(refused, SimulatorError::PortInUse { .. }), "{refused}");
    let second = Plc::start(PlcOptions { fall_back_to_free_port: true, ..same_port }).await.unwrap();
    assert_ne!(second.local_addr(), first.local_addr());

    for load_rate_hz in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let refused = Plc::start(PlcOptions { load_rate_hz, ..PlcOptions::default() }).await.unwrap_err();
        assert!(matches!(refused, SimulatorError::LoadRate { .. }), "{refused}");
    }
    let refused = Plc::start(PlcOptions { load_tags: usize::MAX, ..PlcOptions::default() }).await.unwrap_err();
    assert!(matches!(refused, SimulatorError::LoadTags { .. }), "{refused}");
}
