//! Why a broker lets nobody in, or no longer, in a plain sentence with the way out.

use crate::{
    config::effective::{BrokerConfig, ProtocolVersion},
    mqtt::{
        packet::{Farewell, Reason},
        trouble::{Address, Trouble},
    },
};

/// Puts the broker's no into words. It always says as whom we came.
pub(super) fn explain_refusal(reason: Reason, words: Option<&str>, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    let who = who(broker);
    let words = own_words(words);
    match reason {
        Reason::BAD_USER_NAME_OR_PASSWORD | Reason::BAD_AUTHENTICATION_METHOD => {
            Trouble::lasting(format!("{address} refused {who}: wrong user name or password{words}; correct `auth`"))
        }
        Reason::NOT_AUTHORIZED => Trouble::lasting(format!(
            "{address} refused {who}: not authorized{words}; correct `auth` or `broker.client_id`, or allow this client \
             at the broker"
        )),
        Reason::BANNED => Trouble::lasting(format!(
            "{address} has banned {who}{words}; lift the ban at the broker, and see to it that no other client uses this \
             client id (`broker.client_id`)"
        )),
        Reason::CLIENT_ID_NOT_VALID => Trouble::lasting(format!(
            "{address} does not take the client id of {who}{words}; set `broker.client_id` to the one that it knows"
        )),
        Reason::UNSUPPORTED_PROTOCOL_VERSION => {
            let (spoken, other) = match broker.protocol_version {
                ProtocolVersion::V5 => ("5", "3.1.1"),
                ProtocolVersion::V311 => ("3.1.1", "5"),
            };
            Trouble::lasting(format!(
                "{address} does not speak MQTT {spoken} with {who}{words}; enable it at the broker, or set \
                 `protocol_version: \"{other}\"`"
            ))
        }
        Reason::RETAIN_NOT_SUPPORTED => Trouble::lasting(format!(
            "{address} keeps no retained messages, and refused {who} for a Last Will that is to be retained{words}"
        )),
        Reason::QOS_NOT_SUPPORTED => Trouble::lasting(format!(
            "{address} refused {who}: it does not allow QoS 1{words}, which delivery needs; enable it at the broker"
        )),
        Reason::TOPIC_NAME_INVALID => Trouble::lasting(format!(
            "{address} refused {who} for the topic of the Last Will{words}; choose another `adapter.status_topic`"
        )),
        Reason::USE_ANOTHER_SERVER | Reason::SERVER_MOVED => {
            Trouble::lasting(format!("{address} sends {who} to another server{words}; correct `url`"))
        }
        Reason::SERVER_UNAVAILABLE
        | Reason::SERVER_BUSY
        | Reason::CONNECTION_RATE_EXCEEDED
        | Reason::QUOTA_EXCEEDED => Trouble::passing(format!(
            "{address} takes no more clients at the moment: {reason}{words}; it refused {who}"
        )),
        reason => Trouble::passing(format!("{address} refused {who}: {reason}{words}; look at the broker's log")),
    }
}

/// Puts the broker's DISCONNECT into words.
pub(super) fn explain_farewell(farewell: &Farewell, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    let id = &broker.client_id;
    let words = own_words(farewell.words.as_deref());
    match farewell.reason {
        Reason::SESSION_TAKEN_OVER => Trouble::passing(format!(
            "another client with the client id `{id}` has taken over at {address}{words}; give each client an id of its \
             own (`broker.client_id`)"
        )),
        Reason::SERVER_SHUTTING_DOWN => Trouble::passing(format!("{address} is shutting down{words}")),
        Reason::BANNED => Trouble::lasting(format!(
            "{address} has banned the client id `{id}`{words}; lift the ban at the broker, and see to it that no other \
             client uses this id (`broker.client_id`)"
        )),
        Reason::MESSAGE_RATE_TOO_HIGH | Reason::QUOTA_EXCEEDED => Trouble::passing(format!(
            "{address} closed the connection: {}{words}; set `broker.max_rate` to what it allows, or have it allow more",
            farewell.reason
        )),
        Reason::USE_ANOTHER_SERVER | Reason::SERVER_MOVED => {
            let whereto = farewell.server_reference.as_deref();
            let whereto = whereto.map_or_else(|| "another server".to_owned(), |server| format!("`{}`", shown(server)));
            Trouble::lasting(format!("{address} sends its clients to {whereto}{words}; correct `url`"))
        }
        reason => Trouble::passing(format!("{address} closed the connection: {reason}{words}")),
    }
}

/// As whom we came.
fn who(broker: &BrokerConfig) -> String {
    let id = &broker.client_id;
    match &broker.auth {
        Some(auth) => format!("client id `{id}` with user `{}`", auth.username.loaded()),
        None => format!("client id `{id}` without user name"),
    }
}

/// What the broker says itself.
fn own_words(words: Option<&str>) -> String {
    words.filter(|words| !words.is_empty()).map(|words| format!(" ({})", shown(words))).unwrap_or_default()
}

/// As much of a broker's words as a log can bear.
fn shown(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(200).collect()
}
