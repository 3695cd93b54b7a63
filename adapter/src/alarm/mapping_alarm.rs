//! One mapping's alarm: the hysteresis with its message and its place in the metrics.

use std::sync::Arc;

use bytes::Bytes;
use prometheus::IntGauge;
use serde::Serialize;

use super::{AlarmChange, AlarmMachine};
use crate::{
    config::effective::{AlarmConfig, AlarmSeverity},
    domain::{OutboundMessage, Qos, Route, TagName, Timestamp},
    telemetry::Metrics,
};

/// The alarm of one northbound mapping.
#[derive(Debug)]
pub struct Alarm {
    machine: AlarmMachine,
    severity: AlarmSeverity,
    tag_name: TagName,
    model: String,
    route: Arc<Route>,
    active: IntGauge,
}

/// What an active alarm says of itself; what clears it is an empty payload.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'alarm> {
    state: &'static str,
    severity: &'static str,
    tag_name: &'alarm str,
    since: i64,
    score: f64,
    peak_score: f64,
    model: &'alarm str,
}

impl Alarm {
    /// An alarm about which nothing is known yet.
    pub fn new(config: &AlarmConfig, model: &str, tag_name: &TagName, metrics: &Metrics) -> Self {
        let route = Route {
            topic: config.topic.clone(),
            qos: Qos::AtLeastOnce,
            is_retained: true,
            user_properties: Vec::new(),
            message_expiry: None,
            content_type: None,
            tag_name: None,
        };
        Self {
            machine: AlarmMachine::new(config.raise_after, config.clear_after),
            severity: config.severity,
            tag_name: tag_name.clone(),
            model: model.to_owned(),
            route: Arc::new(route),
            active: metrics.alarms_active.with_label_values(&[config.severity.as_str()]),
        }
    }

    /// Whether the alarm is raised.
    pub fn is_active(&self) -> bool {
        self.machine.is_active()
    }

    /// Takes the mapping's next value, as `AlarmMachine::observe`, and keeps `alarms_active` true to it.
    ///
    /// After a change, `message` is what to send and `is_active` what to write to the `write_tag`.
    pub fn observe(&mut self, label: Option<bool>, score: f64, at: Timestamp) -> Option<AlarmChange> {
        let was_active = self.machine.is_active();
        let change = self.machine.observe(label, score, at);
        match (was_active, self.machine.is_active()) {
            (false, true) => self.active.inc(),
            (true, false) => self.active.dec(),
            _ => {}
        }
        change
    }

    /// The message that tells of a change, for the spool's urgent lane.
    pub fn message(&self, change: &AlarmChange, created_at: Timestamp) -> OutboundMessage {
        OutboundMessage {
            route: Arc::clone(&self.route),
            epoch: None,
            payload: self.payload(change),
            sequence: None,
            user_properties: Vec::new(),
            correlation_data: None,
            source_timestamp: None,
            created_at,
            received_at: None,
        }
    }

    fn payload(&self, change: &AlarmChange) -> Bytes {
        let AlarmChange::Raised { since, score, peak_score } = *change else { return Bytes::new() };
        let body = Body {
            state: "active",
            severity: self.severity.as_str(),
            tag_name: self.tag_name.as_str(),
            since: since.unix_millis(),
            score,
            peak_score,
            model: &self.model,
        };
        serde_json::to_vec(&body).expect("invariant: every key of an alarm is text").into()
    }
}

impl Drop for Alarm {
    /// An alarm whose mapping is gone is no longer counted.
    fn drop(&mut self) {
        if self.machine.is_active() {
            self.active.dec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TopicName;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

    fn alarm(metrics: &Metrics) -> Alarm {
        let config = AlarmConfig {
            topic: TopicName::parse("machine/s71500/vib/alarm").unwrap(),
            raise_after: 1,
            clear_after: 1,
            severity: AlarmSeverity::Major,
            write_tag: None,
        };
        Alarm::new(&config, "vibration", &TagName::new("line1/vibration"), metrics)
    }

    #[test]
    fn an_active_alarm_is_retained_with_what_raised_it() {
        let mut alarm = alarm(&Metrics::new("test"));
        let change = alarm.observe(Some(true), 0.25, NOW).unwrap();
        let message = alarm.message(&change, NOW);
        assert_eq!(
            String::from_utf8_lossy(&message.payload),
            r#"{"state":"active","severity":"major","tagName":"line1/vibration","since":1767225600000,"score":0.25,"peakScore":0.25,"model":"vibration"}"#
        );
        assert_eq!(message.route.topic.as_str(), "machine/s71500/vib/alarm");
        assert!(message.route.is_retained && message.route.qos == Qos::AtLeastOnce);
    }

    #[test]
    fn an_empty_retained_payload_clears() {
        let mut alarm = alarm(&Metrics::new("test"));
        alarm.observe(Some(true), 0.25, NOW);
        let change = alarm.observe(Some(false), 0.0, NOW).unwrap();
        let message = alarm.message(&change, NOW);
        assert!(message.payload.is_empty() && message.route.is_retained);
    }

    #[test]
    fn a_score_that_is_no_number_is_null() {
        let mut alarm = alarm(&Metrics::new("test"));
        let change = alarm.observe(Some(true), f64::INFINITY, NOW).unwrap();
        let text = String::from_utf8_lossy(&alarm.message(&change, NOW).payload).into_owned();
        assert!(text.contains(r#""score":null,"peakScore":null"#), "{text}");
    }

    #[test]
    fn only_active_alarms_are_counted() {
        let metrics = Metrics::new("test");
        let count = || metrics.alarms_active.with_label_values(&["major"]).get();
        let (mut first, mut second) = (alarm(&metrics), alarm(&metrics));
        first.observe(Some(false), 0.0, NOW);
        assert_eq!(count(), 0);
        first.observe(Some(true), 1.0, NOW);
        second.observe(Some(true), 1.0, NOW);
        assert_eq!(count(), 2);
        first.observe(Some(false), 0.0, NOW);
        assert_eq!(count(), 1);
        drop(second);
        assert_eq!(count(), 0);
    }
}
