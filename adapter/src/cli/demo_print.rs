//! What the demo prints: the messages as the broker delivers them, so that a person can follow.

use std::{
    collections::HashMap,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    time::Duration,
};

use chrono::{DateTime, Local};
use serde_json::Value;
use tokio::time::Instant;

use super::demo::write_line;
use crate::{config::Config, domain::TopicName, mqtt::WatchedMessage};

/// Values of one topic are shown once in this time; a change of the label, alarms and verdicts always.
const QUIET: Duration = Duration::from_secs(1);

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Prints to a terminal (with colours) or to a pipe (without).
#[derive(Debug)]
pub(super) struct Printer<W> {
    out: W,
    has_colours: bool,
    /// Engineering units by topic.
    units: HashMap<String, String>,
    /// When each topic was last shown, and with which label.
    shown: HashMap<String, (Instant, Option<u64>)>,
    status_topic: TopicName,
    /// A line to try with `mosquitto_pub`, where the mapping takes commands.
    command_topic: Option<String>,
}

impl<W: Write + IsTerminal> Printer<W> {
    pub(super) fn new(out: W, config: &Config) -> Self {
        let unit = |mapping: &crate::config::effective::NorthboundMapping| {
            let unit = config.tags[mapping.tag.index()].unit.clone()?;
            Some((mapping.topic.to_string(), unit))
        };
        let command_topic = config.southbound_mappings.iter().find_map(|mapping| mapping.topic_filter.as_ref());
        Self {
            has_colours: out.is_terminal(),
            out,
            units: config.northbound_mappings.iter().filter_map(unit).collect(),
            shown: HashMap::new(),
            status_topic: config.adapter.status_topic.clone(),
            command_topic: command_topic.map(ToString::to_string),
        }
    }

    /// Says where everything is and what to try.
    pub(super) fn introduce(
        &mut self,
        notes: &[String],
        plc: &str,
        broker: SocketAddr,
        http: Option<SocketAddr>,
    ) -> io::Result<()> {
        let (host, port) = (broker.ip(), broker.port());
        for note in notes {
            write_line(&mut self.out, &format!("note: {note}"))?;
        }
        write_line(&mut self.out, &format!("PLC      {plc}  (simulated, policy None, anonymous)"))?;
        write_line(&mut self.out, &format!("broker   mqtt://{broker}  (embedded, MQTT 5)"))?;
        if let Some(http) = http {
            write_line(&mut self.out, &format!("metrics  http://{http}/metrics  /healthz  /readyz"))?;
        }
        write_line(&mut self.out, &format!("watch    mosquitto_sub -V 5 -h {host} -p {port} -t '#' -v"))?;
        if let Some(topic) = &self.command_topic {
            let line = format!("command  mosquitto_pub -V 5 -h {host} -p {port} -t {topic} -m '{{\"value\":1200}}'");
            write_line(&mut self.out, &line)?;
        }
        let line = "         below: one line a second per topic; changes of the label, alarms and verdicts always\n";
        write_line(&mut self.out, line)
    }

    /// Shows one message, unless it is one of many that say the same.
    pub(super) fn show(&mut self, message: &WatchedMessage) -> io::Result<()> {
        let topic = message.topic.as_str();
        let payload: Value = serde_json::from_slice(&message.payload).unwrap_or(Value::Null);
        let line = if payload.get("state").is_some() || (message.payload.is_empty() && topic.ends_with("/alarm")) {
            self.alarm_line(topic, &payload)
        } else if payload.get("outcome").is_some() || topic.starts_with(self.status_topic.as_str()) {
            format!("{topic:<30} {}", String::from_utf8_lossy(&message.payload))
        } else if payload.get("epoch").is_some() {
            if !self.is_due(topic, payload["anomaly"]["label"].as_u64()) {
                return Ok(());
            }
            self.value_line(topic, &payload)
        } else {
            format!("{topic:<30} {}", String::from_utf8_lossy(&message.payload))
        };
        write_line(&mut self.out, &line)
    }

    fn is_due(&mut self, topic: &str, label: Option<u64>) -> bool {
        let now = Instant::now();
        match self.shown.get(topic) {
            Some((at, last)) if now.duration_since(*at) < QUIET && *last == label => false,
            _ => {
                self.shown.insert(topic.to_owned(), (now, label));
                true
            }
        }
    }

    fn value_line(&self, topic: &str, payload: &Value) -> String {
        let value = match &payload["value"] {
            Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let unit = self.units.get(topic).map_or("", String::as_str);
        let time = time_of(payload);
        let sequence = &payload["sequence"];
        let head = format!("{time}  {topic:<30} {value:>10} {unit:<6} #{sequence:<6}");
        let anomaly = &payload["anomaly"];
        match (anomaly["label"].as_u64(), anomaly["score"].as_f64(), anomaly["status"].as_str()) {
            (Some(1), Some(score), _) => self.paint(RED, &format!("{head} score {score:+.3}  ANOMALY")),
            (Some(_), Some(score), _) => format!("{head} score {score:+.3}  normal"),
            (_, _, Some(status)) => format!("{head} {}", self.paint(DIM, status)),
            _ => head,
        }
    }

    fn alarm_line(&self, topic: &str, payload: &Value) -> String {
        match payload["state"].as_str() {
            Some(_) => self.paint(
                YELLOW,
                &format!(
                    "{topic:<30} ALARM {} since {} (score {})",
                    payload["severity"].as_str().unwrap_or("?"),
                    clock(&payload["since"]),
                    payload["score"],
                ),
            ),
            None => self.paint(YELLOW, &format!("{topic:<30} alarm cleared")),
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.has_colours { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }
}

fn time_of(payload: &Value) -> String {
    clock(&payload["timestamp"])
}

fn clock(millis: &Value) -> String {
    let time = millis.as_i64().and_then(DateTime::from_timestamp_millis);
    time.map_or_else(|| "--:--:--.---".to_owned(), |time| time.with_timezone(&Local).format("%H:%M:%S%.3f").to_string())
}
