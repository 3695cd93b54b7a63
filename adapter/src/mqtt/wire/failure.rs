//! How a connection fails.

use std::{fmt, io};

use super::{proxy::ProxyAnswer, websocket::NoMqtt};
use crate::mqtt::packet::{Farewell, Reason, Unreadable};

/// Who was dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mqtt) enum Peer {
    /// The broker itself.
    Broker,
    /// The proxy before it, at this host and port.
    Proxy(String),
}

/// Why there is no connection, or no longer one.
#[derive(Debug)]
pub(in crate::mqtt) enum Failure {
    /// The look-up of the host gives no address.
    UnknownHost(Peer, io::Error),
    /// Nobody has taken the TCP connection.
    Unreached(Peer, io::Error),
    /// The proxy at this host and port does not lead to the broker.
    Proxy(String, ProxyAnswer),
    /// The connection was taken, and no answer came in time.
    Silence,
    /// The network says no.
    Io(io::Error),
    /// TLS could not be set up over the network.
    Handshake(io::Error),
    /// TLS says no, at any time.
    Tls(rustls::Error),
    /// The host is no name that a certificate can be checked against.
    ServerName,
    /// The server answered the upgrade to a WebSocket with this HTTP status.
    UpgradeRefused(String),
    /// The server has no WebSocket, or not one for MQTT; in plain words.
    NoMqttWebSocket(String),
    /// The broker refuses us in its CONNACK, perhaps in words of its own.
    Refused(Reason, Option<String>),
    /// The first packet was no CONNACK.
    NoConnack,
    /// Nothing came any more, a ping's answer included, and nothing could be sent.
    Dead,
    /// The broker has said that it closes the connection, and why.
    Disconnected(Farewell),
    /// The broker sent a packet of more bytes than we take.
    TooLarge(usize),
    /// The broker sent what cannot be read.
    Malformed(String),
    /// Something within the client.
    Internal(String),
}

impl Failure {
    /// Whether nobody has taken the TCP connection, so that to try again at once bothers nobody.
    pub(in crate::mqtt) const fn is_free(&self) -> bool {
        matches!(self, Self::UnknownHost(..) | Self::Unreached(..))
    }

    /// Whether the broker itself has said no.
    pub(in crate::mqtt) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(..))
    }

    /// Whether the broker has hung up on us, and did not say that it was for a reason of its own.
    pub(in crate::mqtt) fn is_hang_up(&self) -> bool {
        match self {
            Self::Io(error) => is_end(error.kind()),
            Self::Disconnected(farewell) => !matches!(
                farewell.reason,
                Reason::SERVER_BUSY
                    | Reason::SERVER_SHUTTING_DOWN
                    | Reason::KEEP_ALIVE_TIMEOUT
                    | Reason::SESSION_TAKEN_OVER
                    | Reason::MESSAGE_RATE_TOO_HIGH
                    | Reason::QUOTA_EXCEEDED
                    | Reason::ADMINISTRATIVE_ACTION
                    | Reason::USE_ANOTHER_SERVER
                    | Reason::SERVER_MOVED
                    | Reason::CONNECTION_RATE_EXCEEDED
                    | Reason::MAXIMUM_CONNECT_TIME
            ),
            _ => false,
        }
    }
}

/// Whether an error is how the other end of a connection hangs up.
pub(super) const fn is_end(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}

/// What reading or writing a [`Stream`](super::Stream) says: TLS and WebSocket have no other way to say no.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let inner = error.get_ref();
        if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Tls(error.clone());
        }
        if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<NoMqtt>()) {
            return Self::NoMqttWebSocket(error.to_string());
        }
        Self::Io(error)
    }
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::TooLarge { bytes } => Self::TooLarge(bytes),
            Unreadable::Malformed { reason } => Self::Malformed(reason),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker => formatter.write_str("the broker"),
            Self::Proxy(address) => write!(formatter, "the proxy {address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn farewell(reason: Reason) -> Failure {
        Failure::Disconnected(Farewell { reason, words: None, server_reference: None })
    }

    #[test]
    fn a_hang_up_without_a_reason_of_the_brokers_own_may_be_for_what_we_sent() {
        for failure in [
            Failure::Io(io::ErrorKind::ConnectionReset.into()),
            farewell(Reason::NOT_AUTHORIZED),
            farewell(Reason::PACKET_TOO_LARGE),
            farewell(Reason(0xC3)),
        ] {
            assert!(failure.is_hang_up(), "{failure:?}");
        }
        for failure in [
            Failure::Dead,
            Failure::Silence,
            Failure::Io(io::ErrorKind::TimedOut.into()),
            farewell(Reason::SESSION_TAKEN_OVER),
            farewell(Reason::SERVER_SHUTTING_DOWN),
            Failure::Unreached(Peer::Broker, io::ErrorKind::ConnectionReset.into()),
        ] {
            assert!(!failure.is_hang_up(), "{failure:?}");
        }
    }

    #[test]
    fn only_what_nobody_took_is_free() {
        assert!(Failure::Unreached(Peer::Broker, io::ErrorKind::ConnectionRefused.into()).is_free());
        assert!(Failure::UnknownHost(Peer::Proxy("a:1".into()), io::ErrorKind::TimedOut.into()).is_free());
        assert!(!Failure::Proxy("a:1".into(), ProxyAnswer::Closed).is_free());
        assert!(!Failure::Handshake(io::ErrorKind::ConnectionReset.into()).is_free());
    }

    #[test]
    fn what_a_stream_says_is_taken_apart() {
        let inner = rustls::Error::HandshakeNotComplete;
        assert!(matches!(Failure::from(io::Error::new(io::ErrorKind::InvalidData, inner)), Failure::Tls(_)));
        let inner = NoMqtt::Text;
        assert!(matches!(Failure::from(io::Error::other(inner)), Failure::NoMqttWebSocket(_)));
        assert!(matches!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)), Failure::Io(_)));
    }
}
