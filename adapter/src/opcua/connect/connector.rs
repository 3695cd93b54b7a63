//! The TCP connection below a session: our own, so that it goes where the mapping says, its failures keep a reason, and
//! it can be cut where the network only swallows.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use opcua::{
    client::{
        ConnectionSource,
        transport::{
            Connector, RequestRecv, SecureChannelState, StreamConnection, StreamConnector, TransportConfiguration,
        },
    },
    core::comms::tcp_codec::TcpCodec,
    types::{DecodingOptions, EndpointDescription, Error, StatusCode},
};
use tokio::{net::TcpStream, time};
use tokio_util::{codec::FramedRead, sync::CancellationToken};

use crate::opcua::{
    connect::transport::{CutRead, PlcTransport},
    problem::Problem,
};

const DEFAULT_PORT: u16 = 4840;
/// A server that has taken the connection says hello at once, or is not there any more; waiting longer would only delay
/// the next attempt.
const HELLO_TIME: Duration = Duration::from_secs(5);

/// Connects to one host and port, whatever a server advertises, and keeps why it failed last.
#[derive(Clone, Debug)]
pub(in crate::opcua) struct PlcConnector {
    url: String,
    host: String,
    port: u16,
    timeout: Duration,
    failure: Arc<Mutex<Option<Problem>>>,
    /// Cuts the newest connection.
    cut: Arc<Mutex<CancellationToken>>,
}

impl PlcConnector {
    /// For an `opc.tcp://` URL. A TCP connection that is not there after `timeout` has failed.
    pub(in crate::opcua) fn new(url: &str, timeout: Duration) -> Result<Self, Problem> {
        let (host, port) = host_and_port(url).ok_or_else(|| Problem::Address { uri: url.to_owned() })?;
        Ok(Self { url: url.to_owned(), host, port, timeout, failure: Arc::default(), cut: Arc::default() })
    }

    /// Why the last TCP connection could not be made, once.
    pub(in crate::opcua) fn take_failure(&self) -> Option<Problem> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the newest connection, or the attempt to make one, as if the network had done it: no word of it reaches the
    /// server, which keeps the session and what it has queued.
    pub(in crate::opcua) fn cut(&self) {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }

    /// What cuts the connection that is about to be made.
    fn next_cut(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
        token
    }

    async fn open(&self) -> Result<TcpStream, Problem> {
        let address = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        match time::timeout(self.timeout, TcpStream::connect((self.host.as_str(), self.port))).await {
            Err(_) => Err(Problem::Unreachable { address }),
            Ok(Err(error)) => Err(self.problem_of(address, &error)),
            Ok(Ok(stream)) => stream
                .set_nodelay(true)
                .map_err(|error| Problem::Io { address, reason: error.to_string() })
                .map(|()| stream),
        }
    }

    fn problem_of(&self, address: String, error: &io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Problem::Refused { address },
            io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Problem::Unreachable { address }
            }
            // A failed look-up carries no error number of the operating system.
            _ if error.raw_os_error().is_none() => Problem::UnknownHost { host: self.host.clone() },
            _ => Problem::Io { address, reason: error.to_string() },
        }
    }

    /// Opens the stream, and keeps why it could not be opened.
    async fn open_or_note(&self) -> Result<TcpStream, Error> {
        self.open().await.map_err(|problem| {
            let error = Error::new(StatusCode::BadCommunicationError, problem.to_string());
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
            error
        })
    }
}

impl Connector for PlcConnector {
    type Transport = PlcTransport;

    async fn connect(
        &self,
        channel: Arc<SecureChannelState>,
        outgoing: RequestRecv,
        config: TransportConfiguration,
    ) -> Result<PlcTransport, Error> {
        let cut = self.next_cut();
        let stream = Mutex::new(Some(self.open_or_note().await?));
        let open = |url, options: DecodingOptions| {
            let (stream, cut) = (stream.lock().unwrap_or_else(PoisonError::into_inner).take(), cut.clone());
            async move {
                let stream = stream.ok_or_else(|| Error::new(StatusCode::BadUnexpectedError, "opened twice"))?;
                let (reader, writer) = stream.into_split();
                let reader = FramedRead::new(CutRead::new(reader, cut), TcpCodec::new(options));
                Ok(StreamConnection::new(reader, writer, url))
            }
        };
        let connector = StreamConnector::new(open, self.url.clone());
        let greeting = connector.connect(Arc::clone(&channel), outgoing, config);
        let transport = time::timeout(HELLO_TIME.min(self.timeout), greeting).await.map_err(|_| {
            Error::new(StatusCode::BadTimeout, "the server has taken the connection and does not say hello")
        })??;
        Ok(PlcTransport::new(transport, channel))
    }

    fn default_endpoint(&self) -> EndpointDescription {
        EndpointDescription::from(self.url.as_str())
    }
}

impl ConnectionSource for PlcConnector {
    type Builder = Self;

    fn get_connector(&self, _endpoint: &EndpointDescription) -> Result<Self, Error> {
        Ok(self.clone())
    }
}

/// Host and port of `opc.tcp://host[:port][/path]`; the host of an IPv6 address without its brackets.
pub(in crate::opcua) fn host_and_port(url: &str) -> Option<(String, u16)> {
    let authority = url.strip_prefix("opc.tcp://")?.split('/').next()?;
    let (host, rest) = match authority.strip_prefix('[') {
        Some(address) => address.split_once(']')?,
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if rest.is_empty() => DEFAULT_PORT,
        None => return None,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_read_from_the_address() {
        let check = |url: &str, expected: Option<(&str, u16)>| {
            let found = host_and_port(url);
            assert_eq!(found.as_ref().map(|(host, port)| (host.as_str(), *port)), expected, "{url}");
        };
        check("opc.tcp://plc:4841/path/x:1", Some(("plc", 4841)));
        check("opc.tcp://plc", Some(("plc", 4840)));
        check("opc.tcp://10.0.0.7:48010", Some(("10.0.0.7", 48010)));
        check("opc.tcp://[::1]:4841/", Some(("::1", 4841)));
        check("opc.tcp://[fe80::1]", Some(("fe80::1", 4840)));
        check("opc.tcp://:4840", None);
        check("opc.tcp://plc:x", None);
        check("opc.tcp://plc:70000", None);
        check("http://plc:4840", None);
        check("opc.tcp://[::1", None);
    }

    #[tokio::test]
    async fn a_port_without_a_server_is_refused() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let connector = PlcConnector::new(&format!("opc.tcp://{address}"), Duration::from_secs(5)).unwrap();
        assert_eq!(connector.open().await.unwrap_err(), Problem::Refused { address: address.to_string() });
    }

    #[tokio::test]
    async fn an_unknown_host_is_named() {
        let connector = PlcConnector::new("opc.tcp://no-such-host.invalid", Duration::from_secs(20)).unwrap();
        assert_eq!(connector.open().await.unwrap_err(), Problem::UnknownHost { host: "no-such-host.invalid".into() });
    }
}
