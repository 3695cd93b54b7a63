//! `tagwise demo`: everything in one process, on a machine with nothing but Tagwise.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;
use tagwise_tests::{
    BrokerAccess, Http, Message, MqttProbe, PATIENCE, Process, SequenceCheck, Signal, run_to_end, tagwise_binary,
    wait_until,
};

/// How long the demo may take to end: `--duration` and a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);
/// How long Ctrl-C may take, by promise; it takes a tenth of that on a busy machine.
const PROMISED_END: Duration = Duration::from_secs(2);
/// "Within a minute", and what a busy machine needs to start.
const A_MINUTE: Duration = Duration::from_secs(90);

/// Starts a demo that runs until it is told to stop.
fn start(folder: &Path) -> Result<Process> {
    Process::spawn("demo", Command::new(tagwise_binary()?).arg("demo").current_dir(folder), folder)
}

/// The ports of PLC, broker and metrics.
async fn ports(demo: &mut Process) -> Result<[u16; 3]> {
    let (plc, broker) = (port_after(demo, "opc.tcp://").await?, port_after(demo, "mqtt://").await?);
    Ok([plc, broker, port_after(demo, "http://").await?])
}

/// Waits for the port in the first `<start>127.0.0.1:<port>` of the output.
async fn port_after(demo: &mut Process, start: &str) -> Result<u16> {
    wait_until(&format!("the demo says where {start} is"), PATIENCE, async || {
        let text = demo.stdout()?;
        let found = text.split_once(&format!("{start}127.0.0.1:")).map(|(_, rest)| rest);
        let digits = found.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        // A number is whole once something follows it.
        let is_whole = found.zip(digits.as_ref()).is_some_and(|(rest, digits)| rest.len() > digits.len());
        Ok(digits.filter(|_| is_whole).and_then(|digits| digits.parse().ok()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_ends_by_itself_and_shows_what_to_try() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = run_to_end(&["demo", "--duration", "10s"], folder.path(), DEADLINE).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    for word in
        ["opc.tcp://127.0.0.1:", "mqtt://127.0.0.1:", "/metrics", "mosquitto_sub", "mosquitto_pub", "warming_up"]
    {
        assert!(output.stdout.contains(word), "{word} is missing in:\n{}", output.stdout);
    }
    assert!(!output.stdout.contains('\u{1b}'), "no colours where stdout is no terminal");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_demos_at_once_take_different_ports_and_end_on_ctrl_c() -> Result<()> {
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let mut first = start(folders[0].path())?;
    let firsts = ports(&mut first).await?;
    let mut second = start(folders[1].path())?;
    let seconds = ports(&mut second).await?;
    // At least one of the two has not got the usual ports, and whoever has not says so.
    for (demo, taken) in [(&first, firsts), (&second, seconds)] {
        let text = demo.stdout()?;
        for (what, taken, usual) in [("PLC", taken[0], 4840), ("broker", taken[1], 1883), ("metrics", taken[2], 9464)] {
            let note = format!("port {usual} is in use");
            let is_said = text.lines().any(|line| line.contains(&note) && line.contains(what));
            assert_eq!(is_said, taken != usual, "{what} at {taken}:\n{text}");
        }
    }
    for (one, other) in firsts.iter().zip(&seconds) {
        assert_ne!(one, other);
    }
    for demo in [&mut first, &mut second] {
        demo.signal(Signal::Interrupt)?;
        let status = demo.exit_within(PROMISED_END).await?;
        assert_eq!(status.code(), Some(0));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_can_listen_and_command_on_the_embedded_broker() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut demo = start(folder.path())?;
    let broker = port_after(&mut demo, "mqtt://").await?;
    let probe = MqttProbe::connect(&BrokerAccess::plain(broker)).await?;
    let is_scored = |json: Value| json["anomaly"]["status"] == "scored";
    probe.wait_for("a scored value came", |message| message.json().is_ok_and(is_scored)).await?;
    let mut check = SequenceCheck::from_midway();
    check.take_all(&probe.messages())?;
    assert!(check.series_count() >= 3, "several tags flow");

    let metrics = Http::at(port_after(&mut demo, "http://").await?).metrics().await?;
    assert!(metrics.sum("tagwise_opcua_values_total", &[]) > 0.0);

    // The demo prints the command to try; it is tried.
    let text = demo.stdout()?;
    let line = text.lines().find(|line| line.contains("mosquitto_pub")).context("no mosquitto_pub line")?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).map(|word| word.trim_matches(['\'', '"']).to_owned())
    };
    let topic = after("-t").context("the line has no -t")?;
    let payload = after("-m").context("the line has no -m")?;
    let verdict = probe.request(&topic, &payload).await?;
    assert_eq!(verdict["outcome"], "succeeded", "{verdict}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_a_minute_labels_flip_and_the_alarm_reaches_the_plc_and_comes_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut demo = start(folder.path())?;
    let broker = port_after(&mut demo, "mqtt://").await?;
    let probe = MqttProbe::connect(&BrokerAccess::plain(broker)).await?;
    let labels = |messages: &[Message]| {
        let vibration = messages.iter().filter(|message| message.topic == "machine/s71500/vibration");
        vibration.filter_map(|message| message.json().ok()?["anomaly"]["label"].as_u64()).collect::<Vec<_>>()
    };
    let bit = |message: &Message, is_set: bool| {
        message.topic == "machine/s71500/vib_alarm" && message.json().is_ok_and(|json| json["value"] == is_set)
    };
    probe
        .wait_until("labels flip", A_MINUTE, |messages| {
            let labels = labels(messages);
            (labels.contains(&0) && labels.contains(&1)).then_some(())
        })
        .await?;
    let alarm =
        probe.wait_for("the alarm is raised", |message| is_alarm(message) && !message.payload.is_empty()).await?;
    assert_eq!(alarm.json()?["state"], "active", "{alarm:?}");
    let mark = probe.mark();
    let is_set = |messages: &[Message]| messages.iter().position(|message| bit(message, true));
    let raised = probe.wait_until("the bit comes back from the PLC", PATIENCE, is_set).await?;
    probe.wait_after(mark, "the alarm is cleared", |message| is_alarm(message) && message.payload.is_empty()).await?;
    probe.wait_after(raised, "the bit is taken back", |message| bit(message, false)).await?;
    let shown = demo.stdout()?;
    for words in ["ANOMALY", "ALARM major", "alarm cleared"] {
        assert!(shown.contains(words), "{words:?} is not shown:\n{shown}");
    }
    Ok(())
}

fn is_alarm(message: &Message) -> bool {
    message.topic.ends_with("/vibration/alarm")
}
