//! The TCP connection below a session: our own, so that it goes where the mapping says and its failures keep a reason.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use opcua::{
    client::{
        ConnectionSource,
        transport::{
            Connector, RequestRecv, SecureChannelState, StreamConnection, StreamConnector, StreamTransport,
            TransportConfiguration,
        },
    },
    core::comms::tcp_codec::TcpCodec,
    types::{DecodingOptions, EndpointDescription, Error, StatusCode},
};
use tokio::{
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time,
};
use tokio_util::codec::FramedRead;

use super::problem::Problem;

const DEFAULT_PORT: u16 = 4840;

/// A TCP stream under the library's protocol.
pub(super) type TcpTransport = StreamTransport<OwnedReadHalf, OwnedWriteHalf>;

/// Connects to one host and port, whatever a server advertises, and keeps why it failed last.
#[derive(Clone, Debug)]
pub(super) struct PlcConnector {
    url: String,
    host: String,
    port: u16,
    timeout: Duration,
    failure: Arc<Mutex<Option<Problem>>>,
}

impl PlcConnector {
    /// For an `opc.tcp://` URL. A TCP connection that is not there after `timeout` has failed.
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, Problem> {
        let (host, port) = host_and_port(url).ok_or_else(|| Problem::Address { uri: url.to_owned() })?;
        Ok(Self { url: url.to_owned(), host, port, timeout, failure: Arc::default() })
    }

    /// Why the last TCP connection could not be made, once.
    pub(super) fn take_failure(&self) -> Option<Problem> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
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

    async fn open_stream(
        &self,
        url: String,
        decoding_options: DecodingOptions,
    ) -> Result<StreamConnection<OwnedReadHalf, OwnedWriteHalf>, Error> {
        match self.open().await {
            Ok(stream) => {
                let (reader, writer) = stream.into_split();
                Ok(StreamConnection::new(FramedRead::new(reader, TcpCodec::new(decoding_options)), writer, url))
            }
            Err(problem) => {
                let error = Error::new(StatusCode::BadCommunicationError, problem.to_string());
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
                Err(error)
            }
        }
    }
}

impl Connector for PlcConnector {
    type Transport = TcpTransport;

    async fn connect(
        &self,
        channel: Arc<SecureChannelState>,
        outgoing: RequestRecv,
        config: TransportConfiguration,
    ) -> Result<TcpTransport, Error> {
        let open = |url, decoding_options| self.open_stream(url, decoding_options);
        StreamConnector::new(open, self.url.clone()).connect(channel, outgoing, config).await
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
fn host_and_port(url: &str) -> Option<(String, u16)> {
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
