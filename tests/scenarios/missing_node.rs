//! A tag whose node does not exist is reported, stops nobody, and comes to life with its node.

use anyhow::Result;
use tagwise_tests::{Adapter, Mapping, Message, Mosquitto, MqttProbe, UaServer, peer_or_skip};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_node_is_named_and_picked_up_when_it_appears() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&format!(
        "tags:
  - {{ name: counter, node: '{}', topic: counter }}
  - {{ name: late, node: '{}', topic: late }}
  - {{ name: nowhere, node: 'nsu=urn:no:such:namespace;s=X', topic: nowhere }}
",
        UaServer::node("Counter1"),
        UaServer::node("Late")
    ));
    let mut adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("counter", 5).await?;
    let reply = adapter.readiness("the missing nodes are named", |reply| reply.body.contains("late")).await?;
    assert_eq!(reply.status, 200, "the others flow: {}", reply.body);
    assert!(reply.body.contains("degraded") && reply.body.contains("BadNodeIdUnknown"), "{}", reply.body);
    assert!(reply.body.contains("nowhere"), "{}", reply.body);
    let metrics = adapter.http().metrics().await?;
    assert_eq!(metrics.sum("tagwise_tags", &[("state", "failed")]).to_string(), "2");
    assert_eq!(metrics.sum("tagwise_tags", &[("state", "active")]).to_string(), "1");
    assert!(adapter.log()?.contains("late"), "the log names it");
    let is_degraded = |message: &Message| {
        message.topic == "tagwise/line1/status"
            && message.json().is_ok_and(|json| json["status"] == "degraded" && json["connection"] == "CONNECTED")
    };
    probe.wait_for("the status message says degraded", is_degraded).await?;

    server.add_node("Late").await?;
    probe.wait_for("the late tag has a value", |message| message.topic == "late").await?;
    adapter
        .metrics_where("one tag is left failed", |metrics| metrics.sum("tagwise_tags", &[("state", "failed")]) < 1.5)
        .await?;
    let reply = adapter.ready().await?;
    assert!(!reply.body.contains("\"late\""), "{}", reply.body);
    Ok(())
}
