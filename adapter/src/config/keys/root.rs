//! The file as a whole, and its small sections.

use super::{
    broker::BROKER,
    model::MODEL,
    northbound::{DEFAULT_NORTHBOUND, NORTHBOUND},
    opcua::OPCUA,
    southbound::SOUTHBOUND,
    table::{HOUR, Key, SECRET, Section, Shape, TEXT, TOPIC, key, milliseconds, planned},
    tag::{DEFAULT_TAG, TAG},
};

/// The whole file.
pub(crate) static ROOT: Section = Section { groups: &[ROOT_KEYS] };

const ROOT_KEYS: &[Key] = &[
    key("version", Shape::Version, "Version of the mapping language.").required("begin the file with `version: 1`"),
    key("adapter", Shape::Section(&ADAPTER), "The process itself."),
    key("opcua", Shape::Section(&OPCUA), "The OPC UA server.")
        .required("write `opcua: { uri: opc.tcp://plc:4840, security: { policy: none } }`"),
    key("broker", Shape::Section(&BROKER), "The MQTT broker, when there is one."),
    key("brokers", Shape::Named(&BROKER), "The MQTT brokers by name."),
    key("models", Shape::Named(&MODEL), "Models that mappings name."),
    key("defaults", Shape::Section(&DEFAULTS), "What counts where tags and mappings say nothing."),
    key("tags", Shape::List(&TAG), "Our names for the server's nodes.")
        .required("write `tags:` and below it, for each tag, `  - { name: …, node: '…', topic: … }`"),
    key("northbound_mappings", Shape::List(&NORTHBOUND), "What goes from OPC UA to MQTT."),
    key("southbound_mappings", Shape::List(&SOUTHBOUND), "What may go from MQTT, or an alarm, to OPC UA."),
    key("http", Shape::Section(&HTTP), "Metrics, health and the model API; nothing listens without it."),
    planned("tags_file", "list the tags under `tags:`"),
    planned("include", "keep everything in one file"),
    planned("tests", "remove it"),
];

static ADAPTER: Section = Section { groups: &[ADAPTER_KEYS] };

const ADAPTER_KEYS: &[Key] = &[
    key("id", TEXT, "Names this process in topics, metrics and client ids: A-Z a-z 0-9 _ -. Default: the file's stem."),
    key(
        "state_dir",
        TEXT,
        "Where what must outlive the process is kept. Default: $STATE_DIRECTORY, else state/<id> beside the file.",
    ),
    key("status_topic", TOPIC, "Root of status and gap messages; `{adapter}` is the id.").default("tagwise/{adapter}"),
    key("drain_timeout", milliseconds(0, HOUR), "How long a shutdown may go on delivering.").default("10s"),
];

static DEFAULTS: Section = Section { groups: &[DEFAULTS_KEYS] };

const DEFAULTS_KEYS: &[Key] = &[
    key("tag", Shape::Section(&DEFAULT_TAG), "For every tag."),
    key("northbound_mapping", Shape::Section(&DEFAULT_NORTHBOUND), "For every northbound mapping."),
];

static HTTP: Section = Section { groups: &[HTTP_KEYS] };

const HTTP_KEYS: &[Key] = &[
    key("listen", TEXT, "IP address and port.").default("127.0.0.1:9464"),
    key("token", SECRET, "Bearer token that calls which change something need."),
];
