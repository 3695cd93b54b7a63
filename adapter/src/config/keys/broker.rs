//! `broker:` and the entries of `brokers:`

use std::time::Duration;

use super::table::{DAY, Key, SECOND, SECRET, Section, Shape, TEXT, choice, key, milliseconds};

pub(super) static BROKER: Section = Section { groups: &[BROKER_KEYS] };

const BROKER_KEYS: &[Key] = &[
    key("url", TEXT, "mqtt://host:port (1883 by default) or, over a WebSocket, ws://host:port/path (80, /mqtt); with TLS mqtts:// (8883) or wss:// (443).")
        .required("write `url: mqtt://broker:1883`"),
    key("protocol_version", choice(&["5", "3.1.1"]), "MQTT version, in quotes; 3.1.1 has no user properties, expiry and reasons.")
        .default("\"5\""),
    key(
        "keep_alive",
        milliseconds(5 * SECOND, 600 * SECOND),
        "After how long without a packet a ping proves the connection; whole seconds. The broker may shorten it.",
    )
    .default("10s"),
    key(
        "client_id",
        TEXT,
        "What we are called at the broker, whole; <adapter id>-<broker name> when absent. No two clients may have the same.",
    ),
    key(
        "max_rate",
        Shape::Integer { min: 1, max: 1_000_000 },
        "Messages per second at most, for brokers with a quota; as many as the broker takes when absent.",
    ),
    key("auth", Shape::Section(&AUTH), "Who we are to the broker."),
    key("tls", Shape::Section(&TLS), "For mqtts:// and wss://."),
    key(
        "proxy",
        SECRET,
        "The HTTP proxy that leads to the broker, asked by CONNECT: http://user:password@host:port, user and password with %XX where need be.",
    ),
    key("spool", Shape::Section(&SPOOL), "What waits for the broker, on the disk."),
];

static AUTH: Section = Section { groups: &[AUTH_KEYS] };

const AUTH_KEYS: &[Key] = &[
    key("username", TEXT, "The user name.").required("write `username: …`"),
    key("password", SECRET, "The password; none when absent."),
];

static TLS: Section = Section { groups: &[TLS_KEYS] };

const TLS_KEYS: &[Key] = &[
    key(
        "ca_file",
        TEXT,
        "Certificates that are trusted (PEM), relative to this file; the system's when absent. The broker's own one is taken as it is.",
    ),
    key(
        "cert_file",
        TEXT,
        "Our certificate (PEM), for brokers that ask for one, and those between it and its authority.",
    ),
    key("key_file", TEXT, "The private key of `cert_file` (PEM, not encrypted)."),
    key(
        "server_name",
        TEXT,
        "The name that the broker's certificate is for, when `url` has another one or an address.",
    ),
    key(
        "alpn",
        Shape::Texts,
        "Application protocols that the broker may choose from (ALPN); none when absent, but for AWS on port 443.",
    ),
];

static SPOOL: Section = Section { groups: &[SPOOL_KEYS] };

const SPOOL_KEYS: &[Key] = &[
    key(
        "max_bytes",
        Shape::Size { min: 1 << 20, max: 1 << 50 },
        "Bytes on the disk, alarms and values together; what is oldest goes to make room.",
    )
    .default("1GiB"),
    key("max_age", milliseconds(SECOND, 3_650 * DAY), "How long a message waits; older ones go.").default("7d"),
    key(
        "sync",
        Shape::AlwaysOrDuration { min: Duration::from_millis(1), max: Duration::from_mins(1) },
        "How often what was written is synced, so that it survives a power cut; or always: before it is published.",
    )
    .default("100ms"),
];
