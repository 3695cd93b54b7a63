//! After the broker was killed everything that it had not acknowledged is sent again, in order.

use anyhow::Result;
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MqttProbe, SequenceCheck, Signal, Simulator, SimulatorOptions, peer_or_skip,
};

use crate::values::load_tags;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_is_lost_when_the_broker_is_killed_under_load() -> Result<()> {
    let mut broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let options = SimulatorOptions { tags: 50, rate: Some(10.0), user: None };
    let simulator = Simulator::start_with(options).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&load_tags(50, ""));
    let mut adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("load/T0050", 10).await?;

    for restart in 1..=2 {
        // Frozen, the adapter hands nothing more to the broker; after the fences the probe has all that the broker took.
        // So what is missing at the end is missing because the adapter lost it, and not because the broker died with it.
        adapter.signal(Signal::Stop)?;
        probe.fence().await?;
        probe.silence("load/", std::time::Duration::from_millis(300)).await?;
        broker.kill()?;
        broker.resume().await?;
        probe.subscribed(restart + 1).await?;
        adapter.signal(Signal::Continue)?;
        let mark = probe.mark();
        probe.wait_after(mark, "values flow again", |message| message.topic == "load/T0001").await?;
    }
    let seen = probe.on_topic("load/T0050").len();
    probe.wait_for_count("load/T0050", seen + 20).await?;
    let check = SequenceCheck::check(&probe.messages())?;
    assert_eq!(check.series_count(), 50);
    adapter.ensure_running()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_while_the_broker_was_away_is_sent_afterwards_and_marked() -> Result<()> {
    let mut broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start_with(SimulatorOptions { tags: 5, rate: Some(10.0), user: None }).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&load_tags(5, ""));
    let adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("load/T0005", 5).await?;
    broker.kill()?;
    adapter.metrics_where("a backlog has grown", |metrics| metrics.sum("tagwise_spool_messages", &[]) >= 100.0).await?;
    broker.resume().await?;
    let replayed =
        probe.wait_for("a replayed message came", |message| message.user_property("replay") == Some("true")).await?;
    assert!(replayed.topic.starts_with("load/"), "{replayed:?}");
    adapter.metrics_where("the backlog is gone", |metrics| metrics.sum("tagwise_spool_messages", &[]) < 20.0).await?;
    let live = probe.mark();
    let fresh = probe.wait_after(live, "live values flow", |message| message.topic == "load/T0005").await?;
    assert_eq!(fresh.user_property("replay"), None, "live values are not marked");
    Ok(())
}
