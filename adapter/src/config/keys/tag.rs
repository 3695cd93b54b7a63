//! The entries of `tags:` and `defaults.tag:`

use super::{
    northbound::NORTHBOUND_KEYS,
    subscription::SUBSCRIPTION,
    table::{Key, NODE_ID, Section, Shape, TEXT, choice, key, planned},
};

pub(super) static TAG: Section = Section { groups: &[TAG_KEYS, SUBSCRIPTION_KEY, NORTHBOUND_KEYS] };

const TAG_KEYS: &[Key] = &[
    key("name", TEXT, "Unique; `/` makes levels for `{tag[0]}` and `tag_names` globs.").required("write `name: …`"),
    key(
        "node",
        NODE_ID,
        "The node id: nsu=<uri>;s=<text>, ns=<index>;i=<number>, also g= and b=. This or `browse_path`.",
    ),
    key(
        "browse_path",
        Shape::Texts,
        "The names that lead to the node from the Objects folder, as a text or a list: nsu=<uri>;Name/Name. This or `node`.",
    ),
    key(
        "field",
        TEXT,
        "The member of the node's structure or array that is the tag's value: pressure.inlet, limits[2].high, [0].",
    ),
    key("unit", TEXT, "The engineering unit, for people."),
    key("description", TEXT, "What it is, for people."),
    key(
        "enumeration",
        choice(&["number", "name"]),
        "Whether enumerations are sent as numbers or as their names; models see the number.",
    )
    .default("number"),
    planned("topic_filter", "give the tag a `node`"),
    planned(
        "events",
        "alarms and conditions of the server are not read; map the Variables that show their states, such as ActiveState/Id",
    ),
    planned(
        "history",
        "HistoryRead is not used; what the server queues and the spool keeps is what survives an outage",
    ),
];

pub(super) static DEFAULT_TAG: Section = Section { groups: &[SUBSCRIPTION_KEY] };

const SUBSCRIPTION_KEY: &[Key] =
    &[key("subscription", Shape::Section(&SUBSCRIPTION), "As `opcua.subscription`, for this tag alone.")];
