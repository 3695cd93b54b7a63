//! What a mapping says of a node goes on meaning the same node, whatever the server does to its namespaces.

use anyhow::Result;
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MqttProbe, PATIENCE, Simulator, UaServer, UaServerOptions, peer_or_skip, wait_until,
};

const TWIN: &str = "urn:tagwise:twin";
const TOPICS: [&str; 3] = ["by/uri", "by/index", "by/path"];

/// Waits until each topic has a value after now, and holds every value against the twin's.
async fn right_values_flow(probe: &MqttProbe) -> Result<()> {
    let mark = probe.mark();
    for topic in TOPICS {
        probe.wait_after(mark, &format!("{topic} has a value"), |message| message.topic == topic).await?;
    }
    for message in probe.messages().iter().filter(|message| message.topic.starts_with("by/")) {
        assert_ne!(message.json()?["value"], -1.0, "a value of another node on {}", message.topic);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_in_another_order_put_no_value_on_a_wrong_topic() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let options =
        UaServerOptions { other_namespaces: (Vec::new(), vec![TWIN.to_owned()]), ..UaServerOptions::default() };
    let mut server = UaServer::start_with(peer_or_skip!(Asyncua), options).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&format!(
        "tags:
  - {{ name: uri, node: '{}', topic: by/uri }}
  - {{ name: index, node: 'ns=2;s=Counter1', topic: by/index }}
  - {{ name: path, browse_path: '2:Types/0:Counter1', topic: by/path }}",
        UaServer::node("Counter1")
    ));
    let mut adapter = Adapter::start(&mapping).await?;
    right_values_flow(&probe).await?;
    let log = adapter.log()?;
    assert!(log.contains("ns=2 stands for `urn:tagwise:test`"), "{log}");
    assert!(log.contains("nsu=urn:tagwise:test;s=Counter1"), "the log says what to write: {log}");

    server.kill()?;
    adapter.readiness("the loss is noticed", |reply| reply.status == 503).await?;
    server.reorder(&[TWIN], &[]);
    server.resume().await?;
    adapter.ready().await?;
    right_values_flow(&probe).await?;
    let log = adapter.log()?;
    assert!(log.contains("ns=2 stood for `urn:tagwise:test`, which is ns=3"), "{log}");

    // A new process knows it from the state directory.
    adapter.terminate(PATIENCE).await?;
    adapter.resume()?;
    adapter.ready().await?;
    right_values_flow(&probe).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browse_path_that_leads_nowhere_is_named_and_picked_up_when_its_node_appears() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(
        "tags:
  - { name: late, browse_path: [ 'nsu=urn:tagwise:test;Types', '0:Late' ], topic: late }
  - { name: counter, browse_path: 'nsu=urn:tagwise:test;Types/0:Counter1', topic: counter }",
    );
    let mut adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("counter", 2).await?;
    let is_named = |body: &str| body.contains("BadNoMatch") && body.contains("/nsu=urn:tagwise:test;Types/0:Late");
    let reply = adapter.readiness("the path is named", |reply| is_named(&reply.body)).await?;
    assert!(reply.body.contains("line") && reply.body.contains("browse_path"), "{}", reply.body);
    server.add_node("Late").await?;
    probe.wait_for("the late tag has a value", |message| message.topic == "late").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_reach_a_tag_by_its_browse_path() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(
        "tags:
  - name: setpoint
    browse_path: nsu=http://www.siemens.com/simatic-s7-opcua;PLC/DataBlocksGlobal/Machine/SpeedSetpoint
    topic: setpoint
southbound_mappings:
  - { tag_name: setpoint, topic_filter: setpoint/set }",
    );
    let adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("setpoint", 1).await?;
    wait_until("the adapter takes commands", PATIENCE, async || {
        probe.publish("setpoint/set", "1234").await?;
        let is_there =
            probe.on_topic("setpoint").iter().any(|message| message.payload.starts_with(b"{\"value\":1234,"));
        Ok(is_there.then_some(()))
    })
    .await?;
    drop(adapter);
    Ok(())
}
