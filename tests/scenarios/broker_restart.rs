//! After the broker was killed everything that it had not acknowledged is sent again, in order.

use anyhow::Result;
use tagwise_tests::{
    Adapter, Mapping, Message, Mosquitto, MqttProbe, PATIENCE, SequenceCheck, Signal, Simulator, SimulatorOptions,
    peer_or_skip,
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
    let is_replay = |message: &Message| message.user_property("replay") == Some("true");
    probe.wait_for("a replayed message came", |message| message.topic == "load/T0005" && is_replay(message)).await?;
    let of_tag = |messages: &[Message]| {
        let of_tag = messages.iter().filter(|message| message.topic == "load/T0005");
        of_tag.map(is_replay).skip_while(|is_replay| !is_replay).collect::<Vec<_>>()
    };
    let marks = probe
        .wait_until("live values flow after the replayed ones", PATIENCE, |messages| {
            let marks = of_tag(messages);
            (marks.iter().filter(|is_replay| !**is_replay).count() >= 5).then_some(marks)
        })
        .await?;
    assert!(marks.is_sorted_by_key(|is_replay| !is_replay), "once live, nothing is a replay any more: {marks:?}");
    adapter.metrics_where("the backlog is gone", |metrics| metrics.sum("tagwise_spool_messages", &[]) < 20.0).await?;
    Ok(())
}
