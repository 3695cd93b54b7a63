//! The entries of `southbound_mappings:`

use super::table::{DAY, HOUR, Key, Section, Shape, TEXT, TOPIC, key, milliseconds, planned};

pub(super) static SOUTHBOUND: Section = Section { groups: &[SOUTHBOUND_KEYS] };

const SOUTHBOUND_KEYS: &[Key] = &[
    key(
        "topic_filter",
        TOPIC,
        "Where commands come from; {adapter} and {tag} are replaced. May be absent when an alarm writes the tag.",
    ),
    key("broker", TEXT, "The name of the broker that commands come from; needed only with several."),
    key("tag_name", TEXT, "The tag that is written.").required("write `tag_name: …`"),
    key(
        "value",
        TEXT,
        "JSONPath of the value in the payload. Default: $.value, or the whole payload when it is a scalar.",
    ),
    key("range", Shape::Section(&RANGE), "What may be written."),
    planned("max_rate", "limit the rate where the commands come from"),
    key(
        "max_age",
        milliseconds(1, 365 * DAY),
        "How old a command may be; one that does not tell its age is then rejected. Any when absent.",
    ),
    key(
        "max_wait",
        milliseconds(1, HOUR),
        "How long a command may wait for its turn while there is an OPC UA session; then it is rejected as expired.",
    )
    .default("10s"),
    key("accept_retained", Shape::Boolean, "Whether commands with the retain bit are taken.").default("false"),
    planned("read_back", "map the tag northbound to see what was written"),
];

static RANGE: Section = Section { groups: &[RANGE_KEYS] };

const NUMBER: Shape = Shape::Number { min: f64::MIN, max: f64::MAX };

const RANGE_KEYS: &[Key] = &[
    key("min", NUMBER, "The least value, in the tag's unit."),
    key("max", NUMBER, "The greatest value, in the tag's unit."),
    planned("max_step", "use `min` and `max`"),
];
