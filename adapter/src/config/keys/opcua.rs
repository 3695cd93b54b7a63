//! `opcua:`

use super::{
    subscription::SUBSCRIPTION,
    table::{HOUR, Key, SECOND, SECRET, Section, Shape, TEXT, choice, key, milliseconds, planned},
};

pub(super) static OPCUA: Section = Section { groups: &[OPCUA_KEYS] };

const OPCUA_KEYS: &[Key] = &[
    key("uri", TEXT, "The endpoint, opc.tcp://host:port/path; the port is 4840 by default.")
        .required("write `uri: opc.tcp://plc:4840`"),
    key("override_uri", Shape::Boolean, "Keep this host and port whatever the server advertises.").default("true"),
    key("security", Shape::Section(&SECURITY), "How the connection is secured; must be written.")
        .required("say how the connection is secured: `security: { policy: basic256sha256 }`, or without encryption `security: { policy: none }`"),
    key("pki_dir", TEXT, "The directory of certificates: own, private, trusted, issuers, rejected; default: pki beside this file."),
    key("application_uri", TEXT, "The URI of this application; default: that of its certificate, else urn:<host name>:tagwise:<adapter id>."),
    key("application_uri_of_server", TEXT, "The application URI that the server's certificate must carry where only an authority vouches for it; default: the one remembered, or the host of uri."),
    key("auth", Shape::Section(&AUTH), "Who we are to the server; anonymous when absent."),
    key("subscription", Shape::Section(&SUBSCRIPTION), "How the server samples and sends."),
    key("connection_options", Shape::Section(&CONNECTION_OPTIONS), "Timeouts and retries."),
    key(
        "profile",
        choice(&["auto", "s7_1200", "s7_1500", "kepware", "ignition", "prosys", "generic"]),
        "The kind of server, whose limits are known; auto recognises it, generic goes by what it declares.",
    )
    .default("auto"),
    key("limits", Shape::Section(&LIMITS), "What the server takes, where it says too much or too little."),
    planned("redundancy", "give a host name in `uri` that leads to the server that is active; all its addresses are tried"),
    planned(
        "type_dictionaries",
        "types are read from DataTypeDefinition (OPC UA 1.04); structures of older servers are sent undecoded, so map their members as tags",
    ),
];

static LIMITS: Section = Section { groups: &[LIMIT_KEYS] };

const LIMIT: Shape = Shape::Integer { min: 1, max: 1_000_000 };

const LIMIT_KEYS: &[Key] = &[
    key("nodes_per_read", LIMIT, "Nodes in one Read."),
    key("monitored_items_per_call", LIMIT, "Items in one CreateMonitoredItems."),
    key("monitored_items_per_subscription", LIMIT, "Items in one Subscription."),
    key(
        "writes_in_flight",
        Shape::Integer { min: 1, max: 1000 },
        "Commands under way at once, each to a tag of its own; alarm bits have as many places of their own. 8 when absent.",
    ),
];

static SECURITY: Section = Section { groups: &[SECURITY_KEYS] };

const SECURITY_KEYS: &[Key] = &[
    key(
        "policy",
        Shape::Choice {
            options: &[
                "none",
                "basic128rsa15",
                "basic256",
                "basic256sha256",
                "aes128_sha256_rsaoaep",
                "aes256_sha256_rsapss",
            ],
        },
        "The security policy; `none` must be written to be had.",
    )
    .required("write `policy: basic256sha256`; no encryption must be asked for: `policy: none`"),
    key(
        "message_security_mode",
        Shape::Choice { options: &["none", "sign", "sign_and_encrypt"] },
        "Whether messages are signed and encrypted; default: sign_and_encrypt, and none with policy none.",
    ),
];

static AUTH: Section = Section { groups: &[AUTH_KEYS] };

const AUTH_KEYS: &[Key] = &[
    key("basic", Shape::Section(&BASIC), "A user with a password."),
    key("x509", Shape::Section(&X509), "A user with a certificate."),
];

static X509: Section = Section { groups: &[X509_KEYS] };

const X509_KEYS: &[Key] = &[
    key("certificate", TEXT, "The user's certificate, PEM or DER.").required("write `certificate: user.der`"),
    key("private_key", TEXT, "Its private key, PEM or DER, unencrypted.").required("write `private_key: user.pem`"),
];

static BASIC: Section = Section { groups: &[BASIC_KEYS] };

const BASIC_KEYS: &[Key] = &[
    key("username", TEXT, "The user name.").required("write `username: …`"),
    key("password", SECRET, "The password.").required("write `password: \"${env:PLC_PASSWORD}\"`"),
];

static CONNECTION_OPTIONS: Section = Section { groups: &[CONNECTION_KEYS] };

const CONNECTION_KEYS: &[Key] = &[
    key("session_timeout", milliseconds(10 * SECOND, HOUR), "After how long without a word the server forgets us.")
        .default("120s"),
    key("request_timeout", milliseconds(SECOND, 300 * SECOND), "How long a request may take.").default("10s"),
    key("keep_alive_interval", milliseconds(SECOND, 60 * SECOND), "How often the session is proved alive.")
        .default("5s"),
    key(
        "keep_alive_failures_allowed",
        Shape::Integer { min: 1, max: 10 },
        "How many proofs may fail before the session is given up.",
    )
    .default("2"),
    key(
        "retry",
        Shape::Section(&RETRY),
        "Pauses between attempts after a connection has opened and then failed; a port that refuses is tried twice a second.",
    ),
];

static RETRY: Section = Section { groups: &[RETRY_KEYS] };

const RETRY_KEYS: &[Key] = &[
    key("initial", milliseconds(100, HOUR), "The first pause; it doubles from there.").default("1s"),
    key("max", milliseconds(100, HOUR), "The longest pause.").default("60s"),
];
