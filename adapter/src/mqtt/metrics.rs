//! The link's own children of the metric families, looked up once.

use prometheus::{Histogram, IntCounter, IntGauge};

use crate::telemetry::Metrics;

#[derive(Debug)]
pub(super) struct LinkMetrics {
    pub(super) connected: IntGauge,
    pub(super) inflight: IntGauge,
    pub(super) acknowledged: IntCounter,
    pub(super) sent: IntCounter,
    pub(super) refused: IntCounter,
    pub(super) ack_seconds: Histogram,
    pub(super) delay_seconds: Histogram,
}

impl LinkMetrics {
    pub(super) fn new(metrics: &Metrics, broker: &str) -> Self {
        let published = |result| metrics.mqtt_published.with_label_values(&[broker, result]);
        Self {
            connected: metrics.mqtt_connected.with_label_values(&[broker]),
            inflight: metrics.mqtt_inflight.with_label_values(&[broker]),
            acknowledged: published("acknowledged"),
            sent: published("sent"),
            refused: published("refused"),
            ack_seconds: metrics.mqtt_ack_seconds.with_label_values(&[broker]),
            delay_seconds: metrics.delay_seconds.clone(),
        }
    }
}
