//! `/metrics` has the promised names and counts what happens.

use std::{io::Write, process::Command};

use anyhow::Result;
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MqttProbe, PATIENCE, Process, Simulator, SimulatorOptions, peer_or_skip,
};

use crate::values::load_tags;

/// Families of the contract that this version has, as far as they show before anything has gone wrong.
const FAMILIES: [(&str, &str); 19] = [
    ("tagwise_build_info", "gauge"),
    ("tagwise_config_last_reload_success_timestamp_seconds", "gauge"),
    ("tagwise_opcua_connected", "gauge"),
    ("tagwise_opcua_reconnects_total", "counter"),
    ("tagwise_opcua_session_age_seconds", "gauge"),
    ("tagwise_tags", "gauge"),
    ("tagwise_opcua_values_total", "counter"),
    ("tagwise_opcua_overflows_total", "counter"),
    ("tagwise_opcua_sequence_gaps_total", "counter"),
    ("tagwise_model_scored_total", "counter"),
    ("tagwise_model_unscored_total", "counter"),
    ("tagwise_model_score_seconds", "histogram"),
    ("tagwise_spool_messages", "gauge"),
    ("tagwise_mqtt_connected", "gauge"),
    ("tagwise_mqtt_published_total", "counter"),
    ("tagwise_mqtt_inflight", "gauge"),
    ("tagwise_mqtt_ack_seconds", "histogram"),
    ("tagwise_delay_seconds", "histogram"),
    ("tagwise_task_last_progress_timestamp_seconds", "gauge"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_has_the_promised_families_and_counts() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start_with(SimulatorOptions { tags: 10, rate: Some(10.0), user: None }).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let model = "models:\n  steady: { detector: { kind: ewma_z }, training: { samples: 10 } }\n";
    let mapping =
        Mapping::between(&simulator.url(), &broker.url())?.with(model).with(&load_tags(10, ", model: steady"));
    let adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("load/T0010", 30).await?;
    let what = "values are scored";
    let metrics = adapter.metrics_where(what, |metrics| metrics.sum("tagwise_model_scored_total", &[]) > 50.0).await?;

    for (name, kind) in FAMILIES {
        let found = metrics.families.iter().find(|(family, _)| family == name);
        assert_eq!(found.map(|(_, kind)| kind.as_str()), Some(kind), "{name}");
    }
    for sample in metrics.samples.iter().filter(|sample| sample.name.starts_with("tagwise_")) {
        assert_eq!(sample.label("adapter"), Some("line1"), "{sample:?}");
        assert_eq!(sample.label("tag"), None, "tags are labels only by option: {sample:?}");
    }
    assert_eq!(metrics.sum("tagwise_tags", &[("state", "active")]).to_string(), "10");
    let values = metrics.sum("tagwise_opcua_values_total", &[("quality", "good")]);
    let scored = metrics.sum("tagwise_model_scored_total", &[("model", "steady")]);
    let unscored = metrics.sum("tagwise_model_unscored_total", &[("model", "steady"), ("reason", "warming_up")]);
    assert!(unscored >= 100.0, "ten values of ten tags were learned from: {unscored}");
    assert!((values - scored - unscored).abs() <= 100.0, "{values} values, {scored} scored, {unscored} not");
    assert!(metrics.sum("tagwise_delay_seconds_count", &[]) > 100.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_finds_nothing_wrong_with_the_page() -> Result<()> {
    let promtool = peer_or_skip!(Promtool);
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start_with(SimulatorOptions { tags: 3, rate: None, user: None }).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&load_tags(3, ""));
    let adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("load/T0003", 5).await?;
    let page = adapter.http().get("/metrics").await?.body;

    let folder = tempfile::tempdir()?;
    let mut check = Process::spawn("promtool", Command::new(promtool).args(["check", "metrics"]), folder.path())?;
    check.take_stdin()?.write_all(page.as_bytes())?;
    let status = check.exit_within(PATIENCE).await?;
    assert!(status.success(), "{} {}", check.stdout()?, check.stderr()?);
    Ok(())
}
