//! `opcua.subscription`, `defaults.tag.subscription` and a tag's own `subscription`: the same keys, the nearest counts.

use super::table::{DAY, HOUR, Key, Section, Shape, choice, key, milliseconds};

pub(super) static SUBSCRIPTION: Section = Section { groups: &[SUBSCRIPTION_KEYS] };

const SUBSCRIPTION_KEYS: &[Key] = &[
    key("mode", choice(&["subscribe", "poll"]), "subscribe: the server sends changes; poll: the node is read.")
        .default("subscribe"),
    key("publishing_interval", milliseconds(10, HOUR), "How often the server sends what has changed.").default("500ms"),
    key(
        "sampling_interval",
        milliseconds(0, DAY),
        "How often the server looks at the node, or with poll how often it is read; 0ms is as fast as the server can.",
    )
    .default("250ms"),
    key(
        "server_queue_size",
        Shape::AutoOrInteger { min: 1, max: 100_000 },
        "Values the server keeps between two publishes; auto is twice publishing / sampling interval (taken as 10ms when 0ms), at least 2.",
    )
    .default("auto"),
    key("discard", choice(&["oldest", "newest"]), "Which value the server drops when its queue is full.")
        .default("oldest"),
    key(
        "trigger",
        choice(&["status", "status_value", "status_value_timestamp"]),
        "Which change counts: of the status code, also of the value, also of the source timestamp.",
    )
    .default("status_value"),
    key(
        "deadband",
        Shape::NoneOrSection(&DEADBAND),
        "Changes of a number that are no larger are not sent; `none` undoes a default.",
    ),
    key(
        "heartbeat",
        Shape::NoneOrDuration { min: SHORTEST, max: LONGEST },
        "After how long without a message the last value is repeated, with the flag `heartbeat`.",
    )
    .default("none"),
    key(
        "stale_after",
        Shape::NoneOrDuration { min: SHORTEST, max: LONGEST },
        "After how long without a value from the server the tag is stale, and its last value is sent with the flag `stale`.",
    )
    .default("none"),
];

const SHORTEST: std::time::Duration = std::time::Duration::from_millis(100);
const LONGEST: std::time::Duration = std::time::Duration::from_millis(7 * DAY);

static DEADBAND: Section = Section { groups: &[DEADBAND_KEYS] };

const DEADBAND_KEYS: &[Key] = &[
    key("absolute", Shape::Number { min: 0.0, max: 1e300 }, "In the value's own unit, above 0."),
    key("percent", Shape::Number { min: 0.0, max: 100.0 }, "Of the node's EURange, above 0."),
];
