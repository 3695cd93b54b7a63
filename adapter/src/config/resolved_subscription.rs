//! A tag's `subscription:` of the effective mapping.

use serde_json::{Value, json};

use super::{
    effective::{Deadband, QueueSize, TagSubscription},
    resolved::{object, time},
};

/// The section with every key.
pub(super) fn subscription(subscription: &TagSubscription) -> Value {
    let none_or_time = |duration: Option<_>| duration.map_or_else(|| json!("none"), time);
    object([
        ("mode", Some(json!(subscription.mode.as_str()))),
        ("publishing_interval", Some(time(subscription.publishing_interval))),
        ("sampling_interval", Some(time(subscription.sampling_interval))),
        (
            "server_queue_size",
            Some(match subscription.queue_size {
                QueueSize::Auto => json!("auto"),
                QueueSize::Values(size) => json!(size),
            }),
        ),
        ("discard", Some(json!(subscription.discard.as_str()))),
        ("trigger", Some(json!(subscription.trigger.as_str()))),
        (
            "deadband",
            Some(match subscription.deadband {
                None => json!("none"),
                Some(Deadband::Absolute(size)) => json!({ "absolute": size }),
                Some(Deadband::Percent(share)) => json!({ "percent": share }),
            }),
        ),
        ("heartbeat", Some(none_or_time(subscription.heartbeat))),
        ("stale_after", Some(none_or_time(subscription.stale_after))),
    ])
}
