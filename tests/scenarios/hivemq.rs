//! What HiveMQ does and mosquitto does not: its cloud's way of connecting, and PUBACKs that say no.

use std::{fs, io::Write};

use anyhow::{Context, Result};
use serde_json::Value;
use tagwise_tests::{
    Adapter, HiveMq, HiveMqOptions, Mapping, Message, MqttProbe, PATIENCE, SequenceCheck, Simulator, peer_or_skip,
};

const PASSWORD: &str = "correct horse battery";

fn vibration(topic: &str) -> String {
    format!("tags:\n  - {{ name: vibration, node: '{}', topic: {topic} }}\n", Simulator::node("Machine", "Vibration"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hivemq_clouds_way_is_tls_with_server_name_user_and_password() -> Result<()> {
    let options = HiveMqOptions {
        user: Some(("edge".to_owned(), PASSWORD.to_owned())),
        has_tls: true,
        server_name: Some("localhost"),
        has_websocket: true,
        ..HiveMqOptions::default()
    };
    let broker = HiveMq::start_with(peer_or_skip!(HiveMq), options).await?;
    let simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let tls = format!("tls: {{ ca_file: '{}' }}", broker.authority_file().display());
    let auth = "auth: { username: edge, password: \"${env:CLOUD_PASSWORD}\" }";
    let to = |url: &str| Ok::<_, anyhow::Error>(Mapping::between(&simulator.url(), url)?.broker(&tls).broker(auth));
    let environment = [("CLOUD_PASSWORD", PASSWORD)];

    let mut adapter = Adapter::spawn_in(&to(&broker.url())?.with(&vibration("a/b")), &environment)?;
    adapter.ready().await?;
    SequenceCheck::check(&probe.wait_for_count("a/b", 5).await?)?;

    let websocket = broker.websocket_url().context("a URL")?;
    let mut adapter = Adapter::spawn_in(&to(&websocket)?.with(&vibration("a/w")), &environment)?;
    adapter.ready().await?;
    SequenceCheck::check(&probe.wait_for_count("a/w", 5).await?)?;

    // An address is no name to ask for, so this one has to be turned away, whatever its password.
    let nameless = format!("mqtts://127.0.0.1:{}", broker.access().port);
    let mut nameless = Adapter::spawn_in(&to(&nameless)?.with(&vibration("c/d")), &environment)?;
    let says_why = |body: &str| body.to_lowercase().contains("another server");
    nameless.readiness("the refusal is named", |reply| reply.status == 503 && says_why(&reply.body)).await?;
    assert!(probe.on_topic("c/d").is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_refused_for_good_is_kept_with_the_reason_and_holds_up_nothing() -> Result<()> {
    let broker = HiveMq::start(peer_or_skip!(HiveMq)).await?;
    let simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let node = Simulator::node("Machine", "Temperature");
    let tags = format!("{}  - {{ name: t, node: '{node}', topic: forbidden/t }}\n", vibration("a/b"));
    let mut adapter = Adapter::start(&Mapping::between(&simulator.url(), &broker.url())?.with(&tags)).await?;
    let refused =
        |metrics: &tagwise_tests::Metrics| metrics.sum("tagwise_mqtt_published_total", &[("result", "refused")]) >= 3.0;
    adapter.metrics_where("messages are refused", refused).await?;
    let seen = probe.on_topic("a/b").len();
    SequenceCheck::check(&probe.wait_for_count("a/b", seen + 10).await?)?;
    assert!(probe.on_topic("forbidden/t").is_empty());
    let letters = fs::read_to_string(adapter.directory().join("state/line1/spool/broker/dead-letters.jsonl"))?;
    assert!(letters.lines().count() >= 3, "{letters}");
    // The last line may be in the making.
    let whole = letters.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    for (letter, sequence) in whole.zip(1..) {
        let letter: Value = serde_json::from_str(letter)?;
        let reason = letter["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("not authorized"), "{letter}");
        assert_eq!((&letter["topic"], &letter["sequence"]), (&"forbidden/t".into(), &sequence.into()), "{letter}");
    }
    adapter.ensure_running()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_refused_for_now_is_sent_again_until_it_is_taken() -> Result<()> {
    let options = HiveMqOptions { quota_refusals: 7, ..HiveMqOptions::default() };
    let broker = HiveMq::start_with(peer_or_skip!(HiveMq), options).await?;
    let simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&vibration("quota/v"));
    let mut adapter = Adapter::start(&mapping).await?;
    let is_first =
        |message: &Message| message.topic == "quota/v" && message.json().is_ok_and(|json| json["sequence"] == 1);
    probe.wait_for("the message that was refused first came after all", is_first).await?;
    // Later ones may have been taken before the first was sent again; what counts is that none is missing.
    let numbers = |messages: &[Message]| {
        let sequences = messages.iter().filter(|message| message.topic == "quota/v");
        sequences
            .filter_map(|message| message.json().ok()?["sequence"].as_u64())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let whole = |messages: &[Message]| (1..=20).all(|number| numbers(messages).contains(&number)).then_some(());
    probe.wait_until("the first twenty are there", PATIENCE, whole).await?;
    assert!(adapter.log()?.contains("quota exceeded"), "the log names the reason");
    adapter.ensure_running()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hivemq_starts_in_seconds_and_speaks_websocket_too() -> Result<()> {
    let java = peer_or_skip!(HiveMq);
    let started = std::time::Instant::now();
    let broker = HiveMq::start_with(java, HiveMqOptions { has_websocket: true, ..HiveMqOptions::default() }).await?;
    // Past the test runner's capture, so that the log of a run tells what each start costs.
    let line = format!("HiveMQ Community Edition was ready after {:.1} s\n", started.elapsed().as_secs_f64());
    std::io::stderr().write_all(line.as_bytes())?;

    let simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let websocket = broker.websocket_url().context("a URL")?;
    let mut adapter = Adapter::start(&Mapping::between(&simulator.url(), &websocket)?.with(&vibration("a/b"))).await?;
    SequenceCheck::check(&probe.wait_for_count("a/b", 5).await?)?;
    adapter.ensure_running()
}
