//! Why a broker lets nobody in, in a plain sentence with the way out.

use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;

use super::trouble::{Address, Trouble};
use crate::config::effective::{BrokerConfig, ProtocolVersion};

/// Puts the broker's no into words.
pub(super) fn explain_refusal(code: ConnectReturnCode, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    let who = match &broker.auth {
        Some(auth) => format!("user `{}`", auth.username.loaded()),
        None => "a client without user name".to_owned(),
    };
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::BadAuthenticationMethod => {
            Trouble::lasting(format!("{address} refused {who}: wrong user name or password; correct `auth`"))
        }
        ConnectReturnCode::NotAuthorized => Trouble::lasting(format!(
            "{address} refused {who}: not authorized; correct `auth` or allow this client at the broker"
        )),
        ConnectReturnCode::Banned => {
            Trouble::lasting(format!("{address} has banned this client; lift the ban at the broker"))
        }
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => {
            Trouble::lasting(format!("{address} refused the client id; choose another `adapter.id`"))
        }
        ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion => {
            let (spoken, other) = match broker.protocol_version {
                ProtocolVersion::V5 => ("5", "3.1.1"),
                ProtocolVersion::V311 => ("3.1.1", "5"),
            };
            Trouble::lasting(format!(
                "{address} does not speak MQTT {spoken}; enable it at the broker, or set `protocol_version: \"{other}\"`"
            ))
        }
        ConnectReturnCode::RetainNotSupported => Trouble::lasting(format!(
            "{address} keeps no retained messages, which the status message needs; enable them"
        )),
        ConnectReturnCode::QoSNotSupported => {
            Trouble::lasting(format!("{address} does not allow QoS 1, which delivery needs; enable it at the broker"))
        }
        ConnectReturnCode::TopicNameInvalid => Trouble::lasting(format!(
            "{address} refused the topic of the status message; choose another `adapter.status_topic`"
        )),
        ConnectReturnCode::UseAnotherServer | ConnectReturnCode::ServerMoved => {
            Trouble::lasting(format!("{address} sends its clients to another server; correct `url`"))
        }
        ConnectReturnCode::ServerUnavailable
        | ConnectReturnCode::ServiceUnavailable
        | ConnectReturnCode::ServerBusy
        | ConnectReturnCode::ConnectionRateExceeded
        | ConnectReturnCode::QuotaExceeded => {
            Trouble::passing(format!("{address} takes no more clients at the moment ({code:?})"))
        }
        code => Trouble::passing(format!("{address} refused the connection: {code:?}")),
    }
}
