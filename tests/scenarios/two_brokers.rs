//! Two brokers at once: each has its own spool and link, and one that is away is no other's business.

use std::fs;

use anyhow::Result;
use serde_json::Value;
use tagwise_tests::{
    Adapter, Mapping, Message, Mosquitto, MosquittoOptions, MqttProbe, PATIENCE, Reply, SequenceCheck, Signal,
    Simulator, SimulatorOptions, peer_or_skip,
};

/// Tags whose values go to the broker `edge`.
fn tags_of_edge(count: usize) -> String {
    let tags = (1..=count).map(|number| {
        let node = Simulator::node("Load", &format!("T{number:04}"));
        format!("  - {{ name: T{number:04}, node: '{node}', topic: load/T{number:04}, broker: edge }}\n")
    });
    std::iter::once("tags:\n".to_owned()).chain(tags).collect()
}

/// Tags whose values go to both brokers, on the same topic.
fn shared_tags(count: usize) -> String {
    let mappings = (1..=count)
        .map(|number| format!("  - {{ tag_name: T{number:04}, topic: load/T{number:04}, broker: cloud }}\n"));
    [tags_of_edge(count), "northbound_mappings:\n".to_owned()].into_iter().chain(mappings).collect()
}

fn mapping(simulator: &Simulator, edge: &Mosquitto, cloud: &Mosquitto) -> Result<Mapping> {
    let brokers = format!("edge: {{ url: \"{}\" }}, cloud: {{ url: \"{}\" }}", edge.url(), cloud.url());
    Ok(Mapping::between(&simulator.url(), &edge.url())?.brokers(&brokers))
}

/// Freezes the adapter until the probe has all that the broker took, so that what is missing in the end is missing
/// because the adapter lost it, and not because the broker died with it.
async fn kill_broker(broker: &mut Mosquitto, probe: &MqttProbe, adapter: &Adapter) -> Result<()> {
    adapter.signal(Signal::Stop)?;
    probe.fence().await?;
    probe.silence("load/", std::time::Duration::from_millis(300)).await?;
    broker.kill()?;
    adapter.signal(Signal::Continue)
}

fn components(reply: &Reply) -> Vec<String> {
    let report = reply.json().unwrap_or_default();
    let reasons = report["reasons"].as_array().cloned().unwrap_or_default();
    reasons.iter().filter_map(|reason| Some(reason["component"].as_str()?.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_holds_up_no_other_and_gets_its_backlog_in_order() -> Result<()> {
    let edge = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut cloud = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start_with(SimulatorOptions { tags: 20, rate: Some(10.0), user: None }).await?;
    let at_edge = MqttProbe::connect(edge.access()).await?;
    let at_cloud = MqttProbe::connect(cloud.access()).await?;
    let mut adapter = Adapter::start(&mapping(&simulator, &edge, &cloud)?.with(&shared_tags(20))).await?;
    at_edge.wait_for_count("load/T0020", 10).await?;
    at_cloud.wait_for_count("load/T0020", 10).await?;

    let mark = at_edge.mark();
    kill_broker(&mut cloud, &at_cloud, &adapter).await?;
    let waiting = |broker: &'static str| {
        move |metrics: &tagwise_tests::Metrics| metrics.sum("tagwise_spool_messages", &[("broker", broker)])
    };
    let (of_edge, of_cloud) = (waiting("edge"), waiting("cloud"));
    let metrics = adapter.metrics_where("a backlog has grown", |metrics| of_cloud(metrics) >= 1_000.0).await?;
    assert!(of_edge(&metrics) < 500.0, "{} messages wait for a broker that is there", of_edge(&metrics));
    let degraded = adapter.readiness("the broker is missed", |reply| components(reply) == ["mqtt:cloud"]).await?;
    assert_eq!(degraded.status, 200, "{}", degraded.body);
    let is_degraded = |message: &Message| {
        message.topic == "tagwise/line1/status" && message.json().is_ok_and(|status| status["status"] == "degraded")
    };
    at_edge.wait_after(mark, "the other broker hears of it", is_degraded).await?;
    at_edge.wait_after(mark, "values flow on", |message| message.topic == "load/T0020").await?;
    let replayed =
        at_edge.messages()[mark..].iter().filter(|message| message.user_property("replay").is_some()).count();
    assert_eq!(replayed, 0, "nothing had to wait for the broker that is there");

    adapter.signal(Signal::Stop)?;
    cloud.resume().await?;
    at_cloud.subscribed(2).await?;
    adapter.signal(Signal::Continue)?;
    adapter.metrics_where("the backlog is gone", |metrics| of_cloud(metrics) < 100.0).await?;
    adapter.readiness("both are there", |reply| reply.status == 200 && components(reply).is_empty()).await?;
    let last = at_edge.on_topic("load/T0020").len();
    at_cloud.wait_for_count("load/T0020", last).await?;
    for probe in [&at_edge, &at_cloud] {
        assert_eq!(SequenceCheck::check(&probe.messages())?.series_count(), 20);
    }
    adapter.ensure_running()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_goes_to_the_broker_that_the_command_came_from() -> Result<()> {
    let edge = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let cloud = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start().await?;
    let at_edge = MqttProbe::connect(edge.access()).await?;
    let at_cloud = MqttProbe::connect(cloud.access()).await?;
    let node = Simulator::node("Machine", "SpeedSetpoint");
    let tags = format!(
        "tags:\n  - {{ name: speed, node: '{node}', topic: speed, broker: edge }}\nsouthbound_mappings:\n  - {{ \
         topic_filter: speed/set, tag_name: speed, broker: cloud }}\n"
    );
    let _adapter = Adapter::start(&mapping(&simulator, &edge, &cloud)?.with(&tags)).await?;
    let verdict = at_cloud.request("speed/set", "1200").await?;
    assert_eq!(verdict["outcome"], "succeeded", "{verdict}");
    at_edge.publish("speed/set", "900").await?;
    at_cloud.publish("speed/set", "1300").await?;
    let verdict =
        at_cloud.wait_for("a verdict on the topic's own result", |message| message.topic == "speed/set/result");
    let verdict = verdict.await?.json()?;
    assert_eq!((&verdict["outcome"], &verdict["value"]), (&"succeeded".into(), &1300.into()), "{verdict}");
    at_edge.wait_for("the value comes back", |message| message.topic == "speed" && value_of(message) == 1300).await?;
    let heard = |probe: &MqttProbe, topic: &str| probe.on_topic(topic).len();
    assert_eq!((heard(&at_edge, "speed/set/result"), heard(&at_cloud, "speed")), (0, 0));
    assert!(at_edge.messages().iter().all(|message| message.topic != "speed" || value_of(message) != 900));
    for probe in [&at_edge, &at_cloud] {
        probe.wait_for("the status is retained", |message| message.topic == "tagwise/line1/status").await?;
    }
    Ok(())
}

fn value_of(message: &Message) -> Value {
    message.json().map(|json| json["value"].clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_whose_broker_the_mapping_no_longer_names_is_announced() -> Result<()> {
    let edge = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let nobody = Mosquitto::prepare(peer_or_skip!(Mosquitto), MosquittoOptions::default())?;
    let simulator = Simulator::start_with(SimulatorOptions { tags: 2, rate: Some(10.0), user: None }).await?;
    let both = mapping(&simulator, &edge, &nobody)?;
    let mut adapter = Adapter::start(&both.clone().with(&shared_tags(2))).await?;
    let of_cloud = |metrics: &tagwise_tests::Metrics| metrics.sum("tagwise_spool_messages", &[("broker", "cloud")]);
    adapter.metrics_where("messages wait", |metrics| of_cloud(metrics) >= 10.0).await?;
    adapter.kill()?;

    let alone = both.brokers(&format!("edge: {{ url: \"{}\" }}", edge.url())).with(&tags_of_edge(2));
    fs::write(adapter.directory().join("line1.yaml"), alone.text())?;
    adapter.resume()?;
    adapter.ready().await?;
    let log = adapter.log()?;
    let line = log.lines().find(|line| line.contains("does not name this broker any more")).unwrap_or_default();
    assert!(line.contains("cloud") && line.contains("messages="), "{log}");
    adapter.terminate(PATIENCE).await.map(drop)
}
