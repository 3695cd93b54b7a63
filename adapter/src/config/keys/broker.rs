//! `broker:` and the entries of `brokers:`

use super::table::{Key, SECRET, Section, Shape, TEXT, key, planned};

pub(super) static BROKER: Section = Section { groups: &[BROKER_KEYS] };

const BROKER_KEYS: &[Key] = &[
    key("url", TEXT, "mqtt://host:port (1883 by default) or, with TLS, mqtts://host:port (8883 by default).")
        .required("write `url: mqtt://broker:1883`"),
    key("protocol_version", Shape::Choice { options: &["5"], planned: &["3.1.1"] }, "MQTT version, in quotes.")
        .default("\"5\""),
    key("auth", Shape::Section(&AUTH), "Who we are to the broker."),
    key("tls", Shape::Section(&TLS), "For mqtts://."),
    planned("spool", "remove it; messages wait in a bounded memory queue"),
];

static AUTH: Section = Section { groups: &[AUTH_KEYS] };

const AUTH_KEYS: &[Key] = &[
    key("username", TEXT, "The user name.").required("write `username: …`"),
    key("password", SECRET, "The password; none when absent."),
];

static TLS: Section = Section { groups: &[TLS_KEYS] };

const TLS_KEYS: &[Key] = &[
    key("ca_file", TEXT, "Certificates that are trusted (PEM), relative to this file; the system's when absent."),
    planned("cert_file", "use a user name and password"),
    planned("key_file", "use a user name and password"),
    planned("server_name", "connect by the name that stands in the broker's certificate"),
];
