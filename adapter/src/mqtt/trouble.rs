//! What went wrong with the broker, in a plain sentence with the way out.

use std::{fmt, io};

use rumqttc::v5::{
    ConnectionError, StateError, TlsError,
    mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode},
};
use rustls::CertificateError;

use crate::config::effective::BrokerConfig;

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

/// The broker as people write it: scheme, host and port, no credentials.
pub(super) struct Address<'a>(pub(super) &'a BrokerConfig);

impl fmt::Display for Address<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.0.tls.is_some() { "mqtts" } else { "mqtt" };
        write!(formatter, "{scheme}://{}:{}", self.0.host, self.0.port)
    }
}

/// Puts an error of the client into words.
pub(super) fn explain(error: &ConnectionError, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    match error {
        ConnectionError::Timeout(_) => Trouble::passing(format!(
            "{address} did not answer in time; check host, port and firewall, and that it speaks MQTT 5"
        )),
        ConnectionError::Io(error) => explain_io(error, broker),
        ConnectionError::Tls(TlsError::Io(error)) => explain_handshake(error, broker),
        ConnectionError::Tls(TlsError::TLS(error)) => explain_tls(error, broker),
        ConnectionError::Tls(TlsError::DNSName(_)) => Trouble::lasting(format!(
            "`{}` is no name that a certificate can be checked against; use a host name or an IPv4 address",
            broker.host
        )),
        ConnectionError::Tls(error) => Trouble::passing(format!("TLS with {address} failed: {error}")),
        ConnectionError::ConnectionRefused(code) => explain_refusal(*code, broker),
        ConnectionError::MqttState(error) => explain_state(error, broker),
        ConnectionError::NotConnAck(_) => {
            Trouble::lasting(format!("{address} did not answer CONNECT with CONNACK; is it an MQTT 5 broker?"))
        }
        ConnectionError::RequestsDone => {
            Trouble::passing(format!("the client for {address} has ended; it starts anew"))
        }
    }
}

fn explain_io(error: &io::Error, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return explain_tls(error, broker);
    }
    Trouble::passing(match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("nothing listens at {address}; is the broker running, and is the port right?")
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            format!("{address} closed the connection{}", scheme_hint(broker))
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("there is no route to {address}; check the network")
        }
        io::ErrorKind::TimedOut => format!("{address} does not answer; check network and firewall"),
        // Among them the failed look-up, which has no kind of its own.
        _ => format!("cannot reach {address}: {error}; check host name and port"),
    })
}

/// Brokers hang up on a TLS handshake that they do not expect.
fn explain_handshake(error: &io::Error, broker: &BrokerConfig) -> Trouble {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Trouble::passing(format!(
            "{} closed the connection during the TLS handshake; does this port speak TLS?",
            Address(broker)
        )),
        _ => explain_io(error, broker),
    }
}

fn explain_tls(error: &rustls::Error, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    let trusted = match broker.tls.as_ref().and_then(|tls| tls.ca_file.as_ref()) {
        Some(file) => format!("the certificates in {}", file.display()),
        None => "the system's root certificates".to_owned(),
    };
    match error {
        // A CA that was made anew under its old name shows as a bad signature.
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            Trouble::lasting(format!(
                "the certificate of {address} is not signed by {trusted}; set `tls.ca_file` to the CA that signed it"
            ))
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Trouble::lasting(format!(
            "the certificate of {address} is not for `{}`; use the name that the certificate has",
            broker.host
        )),
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            Trouble::lasting(format!(
                "the certificate of {address} has expired; renew it, or check the clock of this machine"
            ))
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => Trouble::lasting(format!(
            "the certificate of {address} is not valid yet; check the clocks of this machine and of the broker"
        )),
        rustls::Error::InvalidCertificate(reason) => {
            Trouble::lasting(format!("the certificate of {address} cannot be trusted: {reason}"))
        }
        rustls::Error::InvalidMessage(_) => Trouble::lasting(format!(
            "{address} does not speak TLS on this port; use `mqtt://` or the broker's TLS port"
        )),
        rustls::Error::AlertReceived(alert) => Trouble::lasting(format!(
            "{address} refused the TLS handshake ({alert:?}); does it want a client certificate?"
        )),
        error => Trouble::passing(format!("TLS with {address} failed: {error}")),
    }
}

fn explain_refusal(code: ConnectReturnCode, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    let who = match &broker.auth {
        Some(auth) => format!("user `{}`", auth.username),
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
            Trouble::lasting(format!("{address} does not speak MQTT 5; enable it at the broker"))
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

fn explain_state(error: &StateError, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    match error {
        StateError::Io(error) => explain_io(error, broker),
        StateError::ConnectionAborted => {
            Trouble::passing(format!("{address} closed the connection{}", scheme_hint(broker)))
        }
        StateError::AwaitPingResp => {
            Trouble::passing(format!("{address} has not answered a ping; the connection is dead"))
        }
        StateError::ConnFail { reason } => explain_refusal(*reason, broker),
        StateError::ServerDisconnect { reason_code, reason_string } => {
            let words = reason_string.as_deref().map(|words| format!(" ({words})")).unwrap_or_default();
            let sentence = match reason_code {
                DisconnectReasonCode::SessionTakenOver => format!(
                    "another client with the same id has taken over at {address}; does a second adapter run with this \
                     `adapter.id`?"
                ),
                DisconnectReasonCode::ServerShuttingDown => format!("{address} is shutting down{words}"),
                code => format!("{address} closed the connection: {code:?}{words}"),
            };
            Trouble::passing(sentence)
        }
        StateError::Deserialization(error) => match error {
            rumqttc::v5::mqttbytes::Error::Io(error) => explain_io(error, broker),
            error => Trouble::passing(format!("{address} sent what is no MQTT 5: {error}")),
        },
        error => Trouble::passing(format!("the MQTT session with {address} failed: {error}")),
    }
}

/// Brokers hang up without a word on the wrong kind of connection.
fn scheme_hint(broker: &BrokerConfig) -> &'static str {
    if broker.tls.is_none() && broker.port == 8883 { "; port 8883 usually wants `mqtts://`" } else { "" }
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;

    use super::*;
    use crate::config::effective::{BrokerAuth, TlsConfig};

    fn broker() -> BrokerConfig {
        BrokerConfig {
            name: "edge".into(),
            host: "hivemq".into(),
            port: 8883,
            tls: Some(TlsConfig { ca_file: Some("ca.pem".into()) }),
            auth: Some(BrokerAuth { username: "joe".into(), password: "s3cret".to_owned().into() }),
        }
    }

    fn check(error: &ConnectionError, expected: &str, needs_person: bool) {
        let trouble = explain(error, &broker());
        assert!(trouble.sentence.contains(expected), "{} does not say `{expected}`", trouble.sentence);
        assert_eq!(trouble.needs_person, needs_person, "{}", trouble.sentence);
        assert!(!trouble.sentence.contains("s3cret"), "{}", trouble.sentence);
    }

    fn io_error(kind: io::ErrorKind) -> ConnectionError {
        ConnectionError::Io(kind.into())
    }

    fn tls(error: rustls::Error) -> ConnectionError {
        // The shape in which a failed handshake arrives.
        ConnectionError::Tls(TlsError::Io(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    #[test]
    fn each_failure_to_reach_the_broker_has_its_sentence() {
        check(&io_error(io::ErrorKind::ConnectionRefused), "nothing listens at mqtts://hivemq:8883", false);
        check(&io_error(io::ErrorKind::NetworkUnreachable), "no route to", false);
        let handshake = ConnectionError::Tls(TlsError::Io(io::ErrorKind::ConnectionReset.into()));
        check(&handshake, "does this port speak TLS?", false);
        check(&ConnectionError::Io(io::Error::other("failed to lookup address")), "check host name", false);
    }

    #[tokio::test]
    async fn silence_has_its_sentence() {
        let elapsed = tokio::time::timeout(std::time::Duration::ZERO, std::future::pending::<()>()).await.unwrap_err();
        check(&ConnectionError::Timeout(elapsed), "did not answer in time", false);
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
    fn each_refusal_says_what_to_correct() {
        let refused = ConnectionError::ConnectionRefused;
        check(&refused(ConnectReturnCode::BadUserNamePassword), "user `joe`: wrong user name or password", true);
        check(&refused(ConnectReturnCode::NotAuthorized), "not authorized", true);
        check(&refused(ConnectReturnCode::ClientIdentifierNotValid), "`adapter.id`", true);
        check(&refused(ConnectReturnCode::UnsupportedProtocolVersion), "does not speak MQTT 5", true);
        check(&refused(ConnectReturnCode::QoSNotSupported), "does not allow QoS 1", true);
        check(&refused(ConnectReturnCode::ServerBusy), "no more clients at the moment", false);
    }

    #[test]
    fn a_lost_session_says_why() {
        let lost = |reason_code| {
            let reason_string = Some("bye".to_owned());
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string })
        };
        check(&lost(DisconnectReasonCode::SessionTakenOver), "another client with the same id", false);
        check(&lost(DisconnectReasonCode::ServerShuttingDown), "is shutting down (bye)", false);
        check(&ConnectionError::MqttState(StateError::AwaitPingResp), "has not answered a ping", false);
        check(&ConnectionError::MqttState(StateError::ConnectionAborted), "closed the connection", false);
    }
}
