//! The entries of `tags:` and `defaults.tag:`

use super::{
    northbound::NORTHBOUND_KEYS,
    subscription::SUBSCRIPTION,
    table::{Key, Section, Shape, TEXT, key, planned},
};

pub(super) static TAG: Section = Section { groups: &[TAG_KEYS, SUBSCRIPTION_KEY, NORTHBOUND_KEYS] };

const TAG_KEYS: &[Key] = &[
    key("name", TEXT, "Unique; `/` makes levels for `{tag[0]}` and `tag_names` globs.").required("write `name: …`"),
    key("node", TEXT, "The node id: nsu=<uri>;s=<text>, ns=<index>;i=<number>, also g= and b=.")
        .required("write `node: 'nsu=<namespace uri>;s=<identifier>'`"),
    key("unit", TEXT, "The engineering unit, for people."),
    key("description", TEXT, "What it is, for people."),
    planned("topic_filter", "give the tag a `node`"),
];

pub(super) static DEFAULT_TAG: Section = Section { groups: &[SUBSCRIPTION_KEY] };

const SUBSCRIPTION_KEY: &[Key] =
    &[key("subscription", Shape::Section(&SUBSCRIPTION), "As `opcua.subscription`, for this tag alone.")];
