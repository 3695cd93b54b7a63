//! What went wrong with the broker, in a plain sentence with the way out.

use std::{fmt, io};

use rumqttc::v5::mqttbytes::v5::DisconnectReasonCode;

use super::{
    client::Failure,
    trouble_refusal::explain_refusal,
    trouble_tls::{explain_handshake, explain_tls},
};
use crate::config::effective::{BrokerConfig, ProtocolVersion};

/// Why there is no connection, or no longer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What is wrong and what to do.
    pub(super) sentence: String,
    /// Whether it stays wrong until a person does something.
    pub(super) needs_person: bool,
}

impl Trouble {
    /// Trouble that may pass by itself.
    pub(super) fn passing(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), needs_person: false }
    }

    /// Trouble that stays until a person does something.
    pub(super) fn lasting(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), needs_person: true }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

/// When a connection failed: the same failure may mean something else before the broker's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before CONNACK.
    Connecting,
    /// After it.
    Connected,
}

/// The broker as people write it: scheme, host and port, no credentials.
pub(super) struct Address<'a>(pub(super) &'a BrokerConfig);

impl fmt::Display for Address<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}:{}", self.0.scheme(), self.0.host, self.0.port)
    }
}

/// Puts a failure of the client into words.
pub(super) fn explain(failure: &Failure, broker: &BrokerConfig, moment: Moment) -> Trouble {
    let address = Address(broker);
    let version = broker.protocol_version.as_str();
    match failure {
        Failure::Silence => Trouble::passing(format!(
            "{address} did not answer in time; check host, port and firewall, and that it speaks MQTT {version}"
        )),
        Failure::Stuck => Trouble::passing(format!("{address} takes nothing more; the connection is stuck")),
        Failure::Io(error) => explain_io(error, broker, moment),
        Failure::Handshake(error) => explain_handshake(error, broker),
        Failure::Tls(error) => explain_tls(error, broker),
        Failure::ServerName => Trouble::lasting(format!(
            "`{}` is no name that a certificate can be checked against; use a host name or an IPv4 address, or set \
             `tls.server_name`",
            broker.host
        )),
        Failure::UpgradeRefused(status) => Trouble::lasting(format!(
            "{address} answers the upgrade to a WebSocket with HTTP {status}; check the path in `url` (now `{}`) and \
             that MQTT over WebSockets is enabled there",
            broker.websocket_path.as_deref().unwrap_or_default()
        )),
        Failure::NoMqttWebSocket(words) => Trouble::lasting(format!(
            "{address} does not speak MQTT over WebSockets ({words}); check port and path of `url`"
        )),
        Failure::Refused(code) => explain_refusal(*code, broker),
        Failure::NoConnack => {
            Trouble::lasting(format!("{address} did not answer CONNECT with CONNACK; is it an MQTT {version} broker?"))
        }
        Failure::Closed => closed(broker, moment),
        Failure::NoPing => Trouble::passing(format!("{address} has not answered a ping; the connection is dead")),
        Failure::Disconnected(reason, words) => explain_disconnect(*reason, words.as_deref(), broker),
        Failure::TooLarge(bytes) => Trouble::passing(format!(
            "{address} sent a packet of {bytes} bytes, more than is taken here; it was left out and the connection made \
             anew"
        )),
        Failure::Malformed(reason) => Trouble::passing(format!("{address} sent what is no MQTT {version}: {reason}")),
        Failure::Client(reason) => Trouble::passing(format!("the MQTT session with {address} failed: {reason}")),
    }
}

pub(super) fn explain_io(error: &io::Error, broker: &BrokerConfig, moment: Moment) -> Trouble {
    let address = Address(broker);
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return explain_tls(error, broker);
    }
    Trouble::passing(match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("nothing listens at {address}; is the broker running, and is the port right?")
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::UnexpectedEof => return closed(broker, moment),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("there is no route to {address}; check the network")
        }
        io::ErrorKind::TimedOut => format!("{address} does not answer; check network and firewall"),
        // Among them the failed look-up, which has no kind of its own.
        _ => format!("cannot reach {address}: {error}; check host name and port"),
    })
}

fn closed(broker: &BrokerConfig, moment: Moment) -> Trouble {
    let hint = match moment {
        Moment::Connecting => first_hint(broker),
        Moment::Connected => "",
    };
    Trouble::passing(format!("{} closed the connection{hint}", Address(broker)))
}

/// Brokers hang up without a word on what they do not expect.
fn first_hint(broker: &BrokerConfig) -> &'static str {
    match (&broker.tls, broker.protocol_version) {
        (None, _) if broker.port == 8883 => "; port 8883 usually wants `mqtts://`",
        (Some(tls), _) if tls.client.is_none() => {
            "; does it want a client certificate (`tls.cert_file` and `tls.key_file`)?"
        }
        (_, ProtocolVersion::V5) => {
            " instead of answering; if it speaks MQTT 3.1.1 only, set `protocol_version: \"3.1.1\"`"
        }
        (_, ProtocolVersion::V311) => " instead of answering; look at the broker's log",
    }
}

fn explain_disconnect(reason: DisconnectReasonCode, words: Option<&str>, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    let words = words.map(|words| format!(" ({words})")).unwrap_or_default();
    Trouble::passing(match reason {
        DisconnectReasonCode::SessionTakenOver => format!(
            "another client with the same id has taken over at {address}; does a second adapter run with this \
             `adapter.id`?"
        ),
        DisconnectReasonCode::ServerShuttingDown => format!("{address} is shutting down{words}"),
        code => format!("{address} closed the connection: {code:?}{words}"),
    })
}

#[cfg(test)]
mod tests {
    use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;
    use rustls::{AlertDescription, CertificateError, InvalidMessage};

    use super::*;
    use crate::config::effective::{BrokerAuth, ClientCertificate, TlsConfig};

    fn broker() -> BrokerConfig {
        BrokerConfig {
            tls: Some(TlsConfig { ca_file: Some("ca.pem".into()), ..TlsConfig::default() }),
            auth: Some(BrokerAuth { username: "joe".into(), password: "s3cret".into() }),
            ..BrokerConfig::plain("edge", "hivemq", 8883)
        }
    }

    fn check(failure: &Failure, expected: &str, needs_person: bool) {
        check_at(failure, &broker(), Moment::Connecting, expected, needs_person);
    }

    fn check_at(failure: &Failure, broker: &BrokerConfig, moment: Moment, expected: &str, needs_person: bool) {
        let trouble = explain(failure, broker, moment);
        assert!(trouble.sentence.contains(expected), "{} does not say `{expected}`", trouble.sentence);
        assert_eq!(trouble.needs_person, needs_person, "{}", trouble.sentence);
        assert!(!trouble.sentence.contains("s3cret"), "{}", trouble.sentence);
    }

    fn tls(error: rustls::Error) -> Failure {
        // The shape in which a failed handshake arrives.
        Failure::Handshake(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn each_failure_to_reach_the_broker_has_its_sentence() {
        let io = |kind: io::ErrorKind| Failure::Io(kind.into());
        check(&io(io::ErrorKind::ConnectionRefused), "nothing listens at mqtts://hivemq:8883", false);
        check(&io(io::ErrorKind::NetworkUnreachable), "no route to", false);
        check(&Failure::Handshake(io::ErrorKind::ConnectionReset.into()), "does this port speak TLS?", false);
        check(&Failure::Io(io::Error::other("failed to lookup address")), "check host name", false);
        check(&Failure::Silence, "did not answer in time", false);
        check(&Failure::ServerName, "`tls.server_name`", true);
    }

    #[test]
    fn each_failure_of_trust_says_which_certificates_were_trusted() {
        let certificate = |error| tls(rustls::Error::InvalidCertificate(error));
        check(&certificate(CertificateError::UnknownIssuer), "not signed by the certificates in ca.pem", true);
        check(&certificate(CertificateError::NotValidForName), "is not for `hivemq`", true);
        check(&certificate(CertificateError::Expired), "has expired", true);
        check(&certificate(CertificateError::NotValidYet), "check the clocks", true);
        check(&tls(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)), "does not speak TLS", true);
    }

    #[test]
    fn a_client_certificate_is_asked_for_or_found_wanting() {
        let demands = Failure::Io(io::Error::new(
            io::ErrorKind::InvalidData,
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
        ));
        check(&demands, "set `tls.cert_file` and `tls.key_file`", true);
        check(&Failure::Closed, "does it want a client certificate", false);
        let client = ClientCertificate { cert_file: "me.pem".into(), key_file: "me.key".into() };
        let tls = Some(TlsConfig { client: Some(client), ..TlsConfig::default() });
        let broker = BrokerConfig { tls, ..broker() };
        let refused = Failure::Tls(rustls::Error::AlertReceived(AlertDescription::UnknownCA));
        check_at(&refused, &broker, Moment::Connecting, "does not take the client certificate in me.pem", true);
    }

    #[test]
    fn each_refusal_says_what_to_correct() {
        let refused = Failure::Refused;
        check(&refused(ConnectReturnCode::BadUserNamePassword), "user `joe`: wrong user name or password", true);
        check(&refused(ConnectReturnCode::NotAuthorized), "not authorized", true);
        check(&refused(ConnectReturnCode::ClientIdentifierNotValid), "`adapter.id`", true);
        check(&refused(ConnectReturnCode::UnsupportedProtocolVersion), "set `protocol_version: \"3.1.1\"`", true);
        check(&refused(ConnectReturnCode::QoSNotSupported), "does not allow QoS 1", true);
        check(&refused(ConnectReturnCode::ServerBusy), "no more clients at the moment", false);
    }

    #[test]
    fn the_version_that_is_spoken_is_the_one_that_is_named() {
        let plain = BrokerConfig::plain("edge", "hivemq", 1883);
        check_at(&Failure::Closed, &plain, Moment::Connecting, "set `protocol_version: \"3.1.1\"`", false);
        let old = BrokerConfig { protocol_version: ProtocolVersion::V311, ..plain };
        check_at(&Failure::Malformed("x".into()), &old, Moment::Connected, "no MQTT 3.1.1: x", false);
        let refused = Failure::Refused(ConnectReturnCode::RefusedProtocolVersion);
        check_at(&refused, &old, Moment::Connecting, "set `protocol_version: \"5\"`", true);
    }

    #[test]
    fn a_websocket_that_is_none_says_where_to_look() {
        let broker = BrokerConfig { websocket_path: Some("/ws".into()), ..BrokerConfig::plain("edge", "hivemq", 80) };
        let check = |failure, expected| check_at(&failure, &broker, Moment::Connecting, expected, true);
        check(
            Failure::UpgradeRefused("404 Not Found".into()),
            "with HTTP 404 Not Found; check the path in `url` (now `/ws`)",
        );
        check(Failure::NoMqttWebSocket("no subprotocol".into()), "ws://hivemq:80 does not speak MQTT over WebSockets");
    }

    #[test]
    fn a_lost_session_says_why() {
        let lost = |reason| Failure::Disconnected(reason, Some("bye".to_owned()));
        check(&lost(DisconnectReasonCode::SessionTakenOver), "another client with the same id", false);
        check(&lost(DisconnectReasonCode::ServerShuttingDown), "is shutting down (bye)", false);
        check(&Failure::NoPing, "has not answered a ping", false);
        check(&Failure::Closed, "closed the connection", false);
        check(&Failure::TooLarge(2_000_000), "a packet of 2000000 bytes", false);
    }
}
