//! The catalogue of metrics: every name, label and unit that Prometheus can scrape stands here.
//!
//! All share the prefix `tagwise_` and the constant label `adapter`. Label values come from the mapping's own bounded names.

use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder, core::Collector,
};

/// Every metric of the adapter. Rooms share it by `Arc` and touch only their own families.
#[derive(Debug)]
#[expect(missing_docs, reason = "the help text given at registration says what each metric is")]
pub struct Metrics {
    registry: Registry,
    pub config_last_reload_successful: IntGauge,
    pub config_last_reload_success_timestamp_seconds: Gauge,
    pub opcua_connected: IntGauge,
    pub opcua_reconnects: IntCounter,
    pub opcua_session_age_seconds: Gauge,
    pub tags: IntGaugeVec,
    pub opcua_values: IntCounterVec,
    pub opcua_overflows: IntCounter,
    pub opcua_filtered: IntCounter,
    pub opcua_polls_skipped: IntCounter,
    pub opcua_sequence_gaps: IntCounter,
    pub ingress_dropped: IntCounterVec,
    pub model_scored: IntCounterVec,
    pub model_unscored: IntCounterVec,
    pub model_score_seconds: Histogram,
    pub model_retrains: IntCounterVec,
    pub alarms_active: IntGaugeVec,
    pub spool_messages: IntGaugeVec,
    pub spool_bytes: IntGaugeVec,
    pub spool_oldest_age_seconds: GaugeVec,
    pub spool_dropped: IntCounterVec,
    pub spool_degraded: IntGaugeVec,
    pub mqtt_connected: IntGaugeVec,
    pub mqtt_published: IntCounterVec,
    pub mqtt_connections: IntCounterVec,
    pub mqtt_inflight: IntGaugeVec,
    pub mqtt_ack_seconds: HistogramVec,
    pub commands: IntCounterVec,
    pub commands_waiting: IntGauge,
    pub write_seconds: Histogram,
    pub delay_seconds: Histogram,
    pub link_delay_seconds: Histogram,
    pub clock_skew_seconds: Gauge,
    pub certificate_expiry_timestamp_seconds: GaugeVec,
    pub source_skew_seconds: Gauge,
    pub task_last_progress_timestamp_seconds: GaugeVec,
}

/// Registers one family after another; the names are ours, so a clash is a mistake in this file.
struct Catalogue {
    registry: Registry,
}

impl Catalogue {
    fn add<M: Collector + Clone + 'static>(&self, metric: prometheus::Result<M>) -> M {
        let metric = metric.expect("names and labels in the catalogue are valid");
        self.registry.register(Box::new(metric.clone())).expect("names in the catalogue are unique");
        metric
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.add(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.add(Gauge::new(name, help))
    }

    fn whole_gauge(&self, name: &str, help: &str) -> IntGauge {
        self.add(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.add(GaugeVec::new(Opts::new(name, help), labels))
    }

    fn whole_gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        self.add(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
    }

    fn build_info(&self) {
        let info = self.whole_gauges("build_info", "Version of the program; always 1.", &["version"]);
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    }
}

const NANOSECONDS: [f64; 10] = [1e-7, 2.5e-7, 5e-7, 1e-6, 2.5e-6, 5e-6, 1e-5, 1e-4, 1e-3, 1e-2];
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

impl Metrics {
    /// A catalogue of its own for one adapter, so that tests do not share counters.
    ///
    /// # Panics
    ///
    /// Never for an adapter id as the mapping language allows it.
    pub fn new(adapter_id: &str) -> Self {
        let labels = [("adapter".to_owned(), adapter_id.to_owned())].into();
        let registry = Registry::new_custom(Some("tagwise".to_owned()), Some(labels)).expect("the prefix is valid");
        let new = Catalogue { registry };
        new.build_info();
        Self {
            config_last_reload_successful: new
                .whole_gauge("config_last_reload_successful", "1 when the mapping was taken over at the last attempt."),
            config_last_reload_success_timestamp_seconds: new.gauge(
                "config_last_reload_success_timestamp_seconds",
                "When a mapping was last taken over, in seconds since the Unix epoch.",
            ),
            opcua_connected: new.whole_gauge("opcua_connected", "1 while an OPC UA session is up and subscribed."),
            opcua_reconnects: new.counter(
                "opcua_reconnects_total",
                "Connections to the OPC UA server after the first one: sessions taken up again, and new ones.",
            ),
            opcua_session_age_seconds: new
                .gauge("opcua_session_age_seconds", "How long the OPC UA session has been up; 0 without one."),
            tags: new.whole_gauges("tags", "Tags by state: active, failed, stale or pending.", &["state"]),
            opcua_values: new.counters("opcua_values_total", "Values received, by severity.", &["quality"]),
            opcua_overflows: new.counter(
                "opcua_overflows_total",
                "Values that carried the Overflow bit: the server had dropped older ones.",
            ),
            opcua_filtered: new.counter(
                "opcua_filtered_total",
                "Values received and not sent on, as trigger or deadband was applied here or a polled value was unchanged.",
            ),
            opcua_polls_skipped: new.counter(
                "opcua_polls_skipped_total",
                "Rounds of polling left out since the server had not answered the one before.",
            ),
            opcua_sequence_gaps: new.counter(
                "opcua_sequence_gaps_total",
                "NotificationMessages missing in the sequence of a Subscription.",
            ),
            ingress_dropped: new.counters(
                "ingress_dropped_total",
                "Values dropped between the OPC UA server and the spool.",
                &["reason"],
            ),
            model_scored: new.counters("model_scored_total", "Values scored, by label.", &["model", "label"]),
            model_unscored: new.counters(
                "model_unscored_total",
                "Values of mappings with a model that left without a score.",
                &["model", "reason"],
            ),
            model_score_seconds: new.histogram(
                "model_score_seconds",
                "Time to score one value and take it into the model's memory.",
                &NANOSECONDS,
            ),
            model_retrains: new.counters(
                "model_retrains_total",
                "Trainings, the first one included.",
                &["model", "result"],
            ),
            alarms_active: new.whole_gauges("alarms_active", "Alarms raised and not yet cleared.", &["severity"]),
            spool_messages: new.whole_gauges("spool_messages", "Messages that wait for their PUBACK.", &["broker"]),
            spool_bytes: new.whole_gauges("spool_bytes", "Bytes of the messages that wait.", &["broker"]),
            spool_oldest_age_seconds: new.gauges(
                "spool_oldest_age_seconds",
                "Age of the oldest message that waits; 0 when none does.",
                &["broker"],
            ),
            spool_dropped: new.counters("spool_dropped_total", "Messages dropped undelivered.", &["broker", "reason"]),
            spool_degraded: new.whole_gauges(
                "spool_degraded",
                "1 while the disk takes nothing, so that messages wait in memory only.",
                &["broker"],
            ),
            mqtt_connected: new.whole_gauges("mqtt_connected", "1 while the broker has accepted us.", &["broker"]),
            mqtt_published: new.counters(
                "mqtt_published_total",
                "Messages by what became of them: acknowledged, sent (QoS 0), refused; no_subscriber counts those acknowledged that nobody subscribes to.",
                &["broker", "result"],
            ),
            mqtt_connections: new.counters(
                "mqtt_connections_total",
                "Attempts to connect by what became of them: connected, refused by the broker, failed.",
                &["broker", "result"],
            ),
            mqtt_inflight: new.whole_gauges("mqtt_inflight", "Messages sent and not yet acknowledged.", &["broker"]),
            mqtt_ack_seconds: new.histograms("mqtt_ack_seconds", "Time from PUBLISH to PUBACK.", &["broker"], &SECONDS),
            commands: new.counters("commands_total", "Commands by outcome.", &["result"]),
            commands_waiting: new.whole_gauge("commands_waiting", "Commands that wait for the turn of their tag."),
            write_seconds: new.histogram("write_seconds", "Time of an OPC UA Write, request to answer.", &SECONDS),
            delay_seconds: new.histogram("delay_seconds", "Time from a value's timestamp to its PUBACK.", &SECONDS),
            link_delay_seconds: new.histogram(
                "link_delay_seconds",
                "Time from the receipt of a value from the PLC to the write of its message.",
                &SECONDS,
            ),
            clock_skew_seconds: new.gauge(
                "clock_skew_seconds",
                "Time of receipt minus the newest ServerTimestamp of the last batch of changes: clock difference plus transport.",
            ),
            source_skew_seconds: new.gauge(
                "source_skew_seconds",
                "Time of receipt minus the newest SourceTimestamp of the last batch of changes, as clock_skew_seconds.",
            ),
            certificate_expiry_timestamp_seconds: new.gauges(
                "certificate_expiry_timestamp_seconds",
                "When a certificate of the OPC UA connection expires, in seconds since the Unix epoch.",
                &["certificate"],
            ),
            task_last_progress_timestamp_seconds: new.gauges(
                "task_last_progress_timestamp_seconds",
                "When each task last showed progress, in seconds since the Unix epoch.",
                &["task"],
            ),
            registry: new.registry,
        }
    }

    /// Everything in Prometheus' text format.
    pub fn encode(&self) -> Result<String, prometheus::Error> {
        let mut buffer = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut buffer)?;
        String::from_utf8(buffer).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }

    /// Registers a collector of the caller's own, such as the process collector.
    pub fn register(&self, collector: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        self.registry.register(collector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_carries_prefix_and_adapter() {
        let metrics = Metrics::new("line1");
        metrics.opcua_reconnects.inc();
        let text = metrics.encode().unwrap();
        assert!(text.contains("tagwise_opcua_reconnects_total{adapter=\"line1\"} 1"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.starts_with("tagwise_") && line.contains("adapter=\"line1\""), "{line}");
        }
    }

    #[test]
    fn counters_end_in_total() {
        let metrics = Metrics::new("a");
        for line in metrics.encode().unwrap().lines().filter(|line| line.ends_with(" counter")) {
            assert!(line.contains("_total "), "{line}");
        }
    }
}
