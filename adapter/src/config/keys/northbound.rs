//! The entries of `northbound_mappings:`, the same keys on a tag, and `defaults.northbound_mapping:`

use super::table::{DAY, Key, SECOND, Section, Shape, TEXT, TOPIC, choice, key, milliseconds};

pub(super) static NORTHBOUND: Section = Section { groups: &[SELECTION_KEYS, NORTHBOUND_KEYS] };
pub(super) static DEFAULT_NORTHBOUND: Section = Section { groups: &[NORTHBOUND_KEYS] };

const SELECTION_KEYS: &[Key] = &[
    key("tag_name", TEXT, "The tag whose values go out."),
    key(
        "tag_names",
        Shape::Texts,
        "A glob or a list of globs (`*` within a level, `**` over levels): settings for all tags that match, and a mapping for those that have none.",
    ),
];

/// What a mapping says besides whose values it carries.
pub(crate) const NORTHBOUND_KEYS: &[Key] = &[
    key("topic", TOPIC, "Where to; {adapter} {tag} {tag[0]} {tag[-1]} are replaced."),
    key("max_qos", Shape::Integer { min: 0, max: 2 }, "Upper bound of the quality of service; 2 is sent as 1.")
        .default("1"),
    key("broker", TEXT, "The broker's name; needed only with several."),
    key("model", TEXT, "An entry of `models`, or a kind of detector with its defaults, that scores the values."),
    key("include_timestamp", Shape::Boolean, "Put `timestamp` (source time, epoch milliseconds) in the payload.")
        .default("true"),
    key("include_tag_names", Shape::Boolean, "Put `tagName` in the payload.").default("false"),
    key("include_metadata", Shape::Boolean, "Put `metadata` (status code, timestamps, flags) in the payload.")
        .default("false"),
    key("include_sequence", Shape::Boolean, "Put `epoch` and `sequence` in the payload.").default("true"),
    key("mqtt_user_properties", Shape::TextMap, "MQTT 5 user properties of every message."),
    key(
        "message_expiry_interval",
        milliseconds(SECOND, 36_500 * DAY),
        "After how long the broker drops an undelivered message; whole seconds. Never when absent.",
    ),
    key("content_type", TEXT, "MQTT 5 content type of every message, such as application/json. Not sent when absent."),
    key("retain", Shape::Boolean, "Whether the broker keeps the last message.").default("false"),
    key("quality", Shape::Section(&QUALITY), "What becomes of values that are not good."),
    key(
        "anomaly_user_properties",
        choice(&["never", "on_anomaly", "always"]),
        "When score and label are user properties too, so that a broker can route on them.",
    )
    .default("on_anomaly"),
    key("alarm", Shape::Section(&ALARM), "An alarm that the model's labels raise and clear."),
];

static QUALITY: Section = Section { groups: &[QUALITY_KEYS] };

const ACTION: Shape = choice(&["publish", "hold", "drop"]);

const QUALITY_KEYS: &[Key] = &[
    key("bad", ACTION, "Values with a Bad status code; hold sends the last good value in their place.")
        .default("publish"),
    key("uncertain", ACTION, "Values with an Uncertain status code, in the same way.").default("publish"),
];

static ALARM: Section = Section { groups: &[ALARM_KEYS] };

const ALARM_KEYS: &[Key] = &[
    key(
        "topic",
        TOPIC,
        "Where the alarm is retained; placeholders as in `topic`. Default: the mapping's topic and `/alarm`.",
    ),
    key("raise_after", Shape::Integer { min: 1, max: 1_000_000 }, "Raised after so many anomalous values in a row.")
        .default("3"),
    key("clear_after", Shape::Integer { min: 1, max: 1_000_000 }, "Cleared after so many normal values in a row.")
        .default("10"),
    key("severity", choice(&["critical", "major", "minor", "warning"]), "How bad it is.").default("major"),
    key("write_tag", TEXT, "The tag that is written true while the alarm is active; it needs a southbound mapping."),
];
