//! What a consumer and a commander are promised holds over every broker, and the brokers do what the harness says.

use anyhow::{Context, Result};
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use tagwise_tests::{
    Adapter, Broker, BrokerKind, BrokerOptions, Mapping, MqttProbe, SequenceCheck, Signal, Simulator, SimulatorOptions,
};

use crate::values::load_tags;

const TAGS: usize = 50;

/// The simulated PLC, the adapter and a probe around one broker.
struct Stand {
    broker: Broker,
    probe: MqttProbe,
    adapter: Adapter,
    _simulator: Simulator,
}

impl Stand {
    /// All of it, with values flowing; `None`, said aloud, where the broker's program is missing.
    async fn set_up(kind: BrokerKind, options: BrokerOptions) -> Result<Option<Self>> {
        let Some(broker) = kind.start_or_announce(options).await? else { return Ok(None) };
        let simulator = Simulator::start_with(SimulatorOptions { tags: TAGS, rate: Some(10.0), user: None }).await?;
        let probe = MqttProbe::connect(broker.access()).await?;
        let speed = Simulator::node("Machine", "SpeedSetpoint");
        let tags = format!("{}  - {{ name: speed, node: '{speed}', topic: speed }}\n", load_tags(TAGS, ""));
        let south =
            "southbound_mappings:\n  - { topic_filter: speed/set, tag_name: speed, range: { min: 0, max: 3000 } }";
        let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&tags).with(south);
        let adapter = Adapter::start(&mapping).await?;
        probe.wait_for_count("load/T0050", 10).await?;
        Ok(Some(Self { broker, probe, adapter, _simulator: simulator }))
    }

    /// Freezes the adapter until the broker has been ended and started again, so that what is missing at the end was
    /// lost by the adapter, and did not die with the broker on its way to the probe.
    async fn restart(&mut self, in_order: bool) -> Result<()> {
        let subscriptions = self.probe.subscription_count();
        self.adapter.signal(Signal::Stop)?;
        self.probe.fence().await?;
        self.probe.silence("load/", std::time::Duration::from_millis(300)).await?;
        if in_order {
            self.broker.stop().await?;
        } else {
            self.broker.kill()?;
        }
        self.broker.resume().await?;
        self.probe.subscribed(subscriptions + 1).await?;
        self.adapter.signal(Signal::Continue)?;
        let mark = self.probe.mark();
        self.probe.wait_after(mark, "values flow again", |message| message.topic == "load/T0001").await?;
        Ok(())
    }
}

async fn values_commands_and_a_restart(kind: BrokerKind) -> Result<()> {
    let Some(mut stand) = Stand::set_up(kind, BrokerOptions::default()).await? else { return Ok(()) };
    let verdict = stand.probe.request("speed/set", r#"{"value":1234,"id":"a7"}"#).await?;
    assert_eq!((&verdict["outcome"], &verdict["id"]), (&"succeeded".into(), &"a7".into()), "{kind}: {verdict}");
    let verdict = stand.probe.request("speed/set", r#"{"value":3001}"#).await?;
    assert_eq!((&verdict["outcome"], &verdict["reason"]), (&"rejected".into(), &"out_of_range".into()), "{kind}");

    stand.restart(false).await?;
    let seen = stand.probe.on_topic("load/T0050").len();
    stand.probe.wait_for_count("load/T0050", seen + 20).await?;
    let check = SequenceCheck::check(&stand.probe.messages()).with_context(|| kind.to_string())?;
    assert_eq!(check.series_count(), TAGS + 1, "{kind}: each tag is a series");
    // The broker knows nothing of its earlier life, so the subscription has to be a new one.
    let verdict = stand.probe.request("speed/set", r#"{"value":1235}"#).await?;
    assert_eq!(verdict["outcome"], "succeeded", "{kind}: {verdict}");
    stand.adapter.ensure_running()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_or_command_is_lost_when_mosquitto_is_killed() -> Result<()> {
    values_commands_and_a_restart(BrokerKind::Mosquitto).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_or_command_is_lost_when_hivemq_is_killed() -> Result<()> {
    values_commands_and_a_restart(BrokerKind::HiveMq).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_is_lost_when_a_persistent_hivemq_ends_in_order_or_is_killed() -> Result<()> {
    let options = BrokerOptions { is_persistent: true, ..BrokerOptions::default() };
    let Some(mut stand) = Stand::set_up(BrokerKind::HiveMq, options).await? else { return Ok(()) };
    stand.restart(true).await?;
    stand.restart(false).await?;
    let seen = stand.probe.on_topic("load/T0050").len();
    stand.probe.wait_for_count("load/T0050", seen + 10).await?;
    SequenceCheck::check(&stand.probe.messages())?;
    stand.adapter.ensure_running()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_remembers_what_it_was_told_to_keep_exactly_when_it_is_persistent() -> Result<()> {
    for (kind, is_persistent) in BrokerKind::ALL.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let options = BrokerOptions { is_persistent, ..BrokerOptions::default() };
        let Some(mut broker) = kind.start_or_announce(options).await? else { continue };
        let probe = MqttProbe::connect(broker.access()).await?;
        probe.publish_with("kept", "1", true, PublishProperties::default()).await?;
        probe.fence().await?;
        drop(probe);
        broker.stop().await?;
        broker.resume().await?;
        let probe = MqttProbe::connect(broker.access()).await?;
        probe.fence().await?;
        assert_eq!(!probe.on_topic("kept").is_empty(), is_persistent, "{kind}, persistent: {is_persistent}");
    }
    Ok(())
}
