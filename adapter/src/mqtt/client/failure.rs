//! How a connection fails, in the words of both versions.

use std::{error::Error, io};

use rumqttc::{
    TlsError,
    v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode},
};

/// Why there is no connection, or no longer one.
#[derive(Debug)]
pub(in crate::mqtt) enum Failure {
    /// No CONNACK within the time for it.
    Silence,
    /// The broker takes nothing more.
    Stuck,
    /// The network says no; a failed TLS session shows here, too.
    Io(io::Error),
    /// TLS could not be set up over the network.
    Handshake(io::Error),
    /// TLS says no.
    Tls(rustls::Error),
    /// The host is no name that a certificate can be checked against.
    ServerName,
    /// The server answered the upgrade to a WebSocket with this HTTP status.
    UpgradeRefused(String),
    /// The server has a WebSocket, but not for MQTT; in its own words.
    NoMqttWebSocket(String),
    /// The broker refuses us. MQTT 5 has every word that MQTT 3.1.1 has.
    Refused(ConnectReturnCode),
    /// The first packet was no CONNACK.
    NoConnack,
    /// The broker has closed the connection.
    Closed,
    /// A ping was left unanswered.
    NoPing,
    /// The broker has said that it closes the connection, why, and with which words.
    Disconnected(DisconnectReasonCode, Option<String>),
    /// The broker sent more bytes than we take.
    TooLarge(usize),
    /// The broker sent what cannot be read.
    Malformed(String),
    /// Something within the client.
    Client(String),
}

impl Failure {
    /// Whether the broker itself has said no.
    pub(in crate::mqtt) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// Whether the broker has hung up on us, and did not say that it was for a reason of its own.
    pub(in crate::mqtt) fn is_hang_up(&self) -> bool {
        use DisconnectReasonCode::{
            AdministrativeAction, ConnectionRateExceeded, KeepAliveTimeout, MaximumConnectTime, MessageRateTooHigh,
            NormalDisconnection, QuotaExceeded, ServerBusy, ServerMoved, ServerShuttingDown, SessionTakenOver,
            UseAnotherServer,
        };
        match self {
            Self::Closed => true,
            Self::Io(error) => matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof
            ),
            Self::Disconnected(reason, _) => !matches!(
                reason,
                AdministrativeAction
                    | ConnectionRateExceeded
                    | KeepAliveTimeout
                    | MaximumConnectTime
                    | MessageRateTooHigh
                    | NormalDisconnection
                    | QuotaExceeded
                    | ServerBusy
                    | ServerMoved
                    | ServerShuttingDown
                    | SessionTakenOver
                    | UseAnotherServer
            ),
            _ => false,
        }
    }

    pub(super) fn of_tls(error: TlsError) -> Self {
        match error {
            TlsError::Io(error) => Self::Handshake(error),
            TlsError::TLS(error) => Self::Tls(error),
            TlsError::DNSName(_) => Self::ServerName,
            error => Self::Client(error.to_string()),
        }
    }

    /// From the WebSocket client's error, whose type rumqttc does not pass on.
    pub(super) fn of_websocket(error: &(dyn Error + 'static)) -> Self {
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(error) = inner.downcast_ref::<rustls::Error>() {
                return Self::Tls(error.clone());
            }
            if let Some(error) = inner.downcast_ref::<io::Error>() {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                return inner.map_or_else(|| Self::Io(error.kind().into()), |error| Self::Tls(error.clone()));
            }
            cause = inner.source();
        }
        let words = error.to_string();
        match words.strip_prefix("HTTP error: ") {
            Some(status) => Self::UpgradeRefused(status.to_owned()),
            None => Self::NoMqttWebSocket(words),
        }
    }

    /// The server has upgraded the connection, but to something else.
    pub(super) fn of_upgrade(error: &dyn Error) -> Self {
        Self::NoMqttWebSocket(error.to_string().trim_end_matches([':', ' ']).to_owned())
    }
}
