//! The whole adapter, measured from outside: its process, and its pages before and after.

use std::time::Instant;

use anyhow::{Context, Result};
use tagwise_tests::{Adapter, Metrics, Mosquitto, Usage};

/// One look at adapter and broker.
pub(super) struct Look {
    pub(super) at: Instant,
    pub(super) metrics: Metrics,
    own: Usage,
    broker: Usage,
}

impl Look {
    /// At this moment.
    pub(super) async fn at(adapter: &Adapter, broker: &Mosquitto) -> Result<Self> {
        let metrics = adapter.http().metrics().await?;
        let broker = Usage::of(broker.id().context("the broker runs")?)?;
        Ok(Self { at: Instant::now(), metrics, own: Usage::of(adapter.id()?)?, broker })
    }

    /// Messages that the broker has acknowledged.
    pub(super) fn acknowledged(&self) -> f64 {
        self.metrics.sum("tagwise_mqtt_published_total", &[("result", "acknowledged")])
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> f64 {
        self.metrics.sum("tagwise_spool_messages", &[])
    }
}

/// What one side did in one turn; absent is what it does not know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) messages_per_second: f64,
    pub(super) cpu_per_100k: f64,
    /// p50 and p99, in milliseconds.
    pub(super) puback_ms: [Option<f64>; 2],
    /// From the receipt of an OPC UA message to the write of its PUBLISH: p50 and p99, in milliseconds.
    pub(super) link_delay_ms: [Option<f64>; 2],
    pub(super) resident_mb: f64,
    /// Part of a core that the broker used.
    pub(super) broker_share: f64,
    /// Messages that waited at the end.
    pub(super) waiting: f64,
}

impl Figures {
    /// Of the adapter, between two looks.
    pub(super) fn between(before: &Look, after: &Look) -> Self {
        let seconds = after.at.duration_since(before.at).as_secs_f64();
        let messages = after.acknowledged() - before.acknowledged();
        let delays = |name| {
            let at = |quantile| after.metrics.quantile_since(&before.metrics, name, quantile);
            [at(0.5), at(0.99)].map(|seconds| seconds.map(|seconds| seconds * 1e3))
        };
        Self {
            messages_per_second: messages / seconds,
            cpu_per_100k: (after.own.cpu_seconds - before.own.cpu_seconds) * 1e5 / messages,
            puback_ms: delays("tagwise_mqtt_ack_seconds"),
            link_delay_ms: delays("tagwise_link_delay_seconds"),
            resident_mb: after.own.resident_bytes as f64 / 1e6,
            broker_share: (after.broker.cpu_seconds - before.broker.cpu_seconds) / seconds,
            waiting: after.waiting(),
        }
    }

    /// Of a bare loop, by what it printed.
    pub(super) fn of_bare(result: &serde_json::Value) -> Self {
        let figure = |name: &str| crate::report::number(&result[name]);
        Self {
            messages_per_second: figure("messages") / figure("seconds"),
            cpu_per_100k: crate::report::cpu_per_100k(result),
            puback_ms: ["puback_p50_ms", "puback_p99_ms"].map(|name| result[name].as_f64()),
            link_delay_ms: [None, None],
            resident_mb: figure("peak_resident_bytes") / 1e6,
            broker_share: figure("broker_cpu_seconds") / figure("seconds"),
            waiting: 0.0,
        }
    }
}
