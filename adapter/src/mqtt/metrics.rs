//! The link's own children of the metric families, looked up once.

use prometheus::{Histogram, IntCounter, IntGauge};

use crate::{domain::Timestamp, telemetry::Metrics};

#[derive(Debug)]
pub(super) struct LinkMetrics {
    pub(super) connected: IntGauge,
    pub(super) inflight: IntGauge,
    pub(super) acknowledged: IntCounter,
    pub(super) sent: IntCounter,
    pub(super) refused: IntCounter,
    pub(super) ack_seconds: Histogram,
    pub(super) delay_seconds: Histogram,
    pub(super) link_delay_seconds: Histogram,
    pub(super) unmatched: IntCounter,
    pub(super) connections: IntCounter,
    pub(super) connections_refused: IntCounter,
    pub(super) connections_failed: IntCounter,
}

impl LinkMetrics {
    pub(super) fn new(metrics: &Metrics, broker: &str) -> Self {
        let published = |result| metrics.mqtt_published.with_label_values(&[broker, result]);
        let connections = |result| metrics.mqtt_connections.with_label_values(&[broker, result]);
        Self {
            connected: metrics.mqtt_connected.with_label_values(&[broker]),
            inflight: metrics.mqtt_inflight.with_label_values(&[broker]),
            acknowledged: published("acknowledged"),
            sent: published("sent"),
            refused: published("refused"),
            ack_seconds: metrics.mqtt_ack_seconds.with_label_values(&[broker]),
            delay_seconds: metrics.delay_seconds.clone(),
            link_delay_seconds: metrics.link_delay_seconds.clone(),
            unmatched: published("no_subscriber"),
            connections: connections("connected"),
            connections_refused: connections("refused"),
            connections_failed: connections("failed"),
        }
    }

    /// A message was written whole: one of QoS 0, or not, whose value was received from the PLC at `received_at`.
    pub(super) fn on_written(&self, is_volatile: bool, received_at: Option<Timestamp>, now: Timestamp) {
        if is_volatile {
            self.sent.inc();
        }
        if let Some(received_at) = received_at {
            self.link_delay_seconds.observe(now.seconds_since(received_at).max(0.0));
        }
    }
}
