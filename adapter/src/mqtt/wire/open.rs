//! Opens the way to a broker, step by step and all in one time.

use std::{io, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{self, Instant},
};
use tokio_rustls::TlsConnector;

use super::{
    failure::{Failure, Peer},
    proxy::{self, ProxyAnswer},
    stream::{Socket, Stream},
    websocket::WebSocket,
};
use crate::{
    config::{Proxy, effective::BrokerConfig},
    mqtt::access::Opened,
    net::{DialError, dial},
};

/// Look-up, TCP, proxy, TLS and WebSocket together; the session's CONNACK has a time of its own.
pub(in crate::mqtt) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What waits in the kernel at most, in bytes (of which Linux gives out twice as many): an alarm waits behind it.
const SEND_BUFFER: u32 = 48 << 10;

/// Opens the way to a broker, within [`CONNECT_TIMEOUT`].
pub(in crate::mqtt) async fn open(broker: &BrokerConfig, opened: &Opened) -> Result<Stream, Failure> {
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    let tcp = match &opened.proxy {
        None => connect(Peer::Broker, &broker.host, broker.port, deadline).await?,
        Some(proxy) => through(proxy, broker, deadline).await?,
    };
    let socket = match &opened.tls {
        None => Socket::Plain(tcp),
        Some(tls) => {
            let name = ServerName::try_from(server_name(broker).to_owned()).map_err(|_| Failure::ServerName)?;
            let handshake = TlsConnector::from(tls.clone()).connect(name, tcp);
            let done = time::timeout_at(deadline, handshake).await;
            let done = done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(of_handshake)?;
            Socket::Tls(Box::new(done))
        }
    };
    let Some(path) = &broker.websocket_path else { return Ok(socket.into()) };
    let authority = address(server_name(broker), broker.port);
    let upgrade = WebSocket::open(socket, broker.scheme(), &authority, path);
    let websocket = time::timeout_at(deadline, upgrade).await.map_err(|_| Failure::Silence)??;
    Ok(websocket.into())
}

async fn connect(peer: Peer, host: &str, port: u16, deadline: Instant) -> Result<TcpStream, Failure> {
    let limit = deadline.saturating_duration_since(Instant::now());
    dial(host, port, limit, Some(SEND_BUFFER)).await.map_err(|error| match error {
        DialError::UnknownHost(error) => Failure::UnknownHost(peer, error),
        DialError::Unreached(error) => Failure::Unreached(peer, error),
    })
}

async fn through(proxy: &Proxy, broker: &BrokerConfig, deadline: Instant) -> Result<TcpStream, Failure> {
    let mut tcp = connect(Peer::Proxy(proxy.address()), &proxy.host, proxy.port, deadline).await?;
    let target = address(&broker.host, broker.port);
    let asked = time::timeout_at(deadline, proxy::ask(&mut tcp, proxy, &target)).await;
    match asked.unwrap_or(Err(ProxyAnswer::Silence)) {
        Ok(()) => Ok(tcp),
        Err(answer) => Err(Failure::Proxy(proxy.address(), answer)),
    }
}

/// By which name the broker is asked for and checked.
pub(super) fn server_name(broker: &BrokerConfig) -> &str {
    broker.tls.as_ref().and_then(|tls| tls.server_name.as_deref()).unwrap_or(&broker.host)
}

/// Host and port, an IPv6 address in brackets.
pub(super) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn of_handshake(error: io::Error) -> Failure {
    match Failure::from(error) {
        Failure::Io(error) => Failure::Handshake(error),
        failure => failure,
    }
}

#[cfg(test)]
mod tests {
    use async_tungstenite::{
        tokio::accept_hdr_async,
        tungstenite::{
            Message,
            handshake::server::{ErrorResponse, Request, Response},
        },
    };
    use futures_util::StreamExt;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn bytes_go_both_ways() {
        let (listener, port) = listener().await;
        let broker = BrokerConfig::plain("edge", "localhost", port);
        let nothing = Opened::default();
        let (opened, accepted) = tokio::join!(open(&broker, &nothing), listener.accept());
        let (mut stream, mut server) = (opened.unwrap(), accepted.unwrap().0);
        stream.quick_ack();
        stream.write_all(b"ping").await.unwrap();
        let mut got = [0; 4];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"ping");
        server.write_all(b"pong").await.unwrap();
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"pong");
    }

    #[tokio::test]
    async fn who_could_not_be_reached_is_told() {
        let (free, port) = listener().await;
        drop(free);
        let broker = BrokerConfig::plain("edge", "127.0.0.1", port);
        let failure = open(&broker, &Opened::default()).await.unwrap_err();
        assert!(matches!(failure, Failure::Unreached(Peer::Broker, _)), "{failure:?}");
        let proxy = Proxy::parse(&format!("http://127.0.0.1:{port}")).ok();
        let failure = open(&broker, &Opened { proxy, ..Opened::default() }).await.unwrap_err();
        assert!(matches!(failure, Failure::Unreached(Peer::Proxy(_), _)), "{failure:?}");
        let broker = BrokerConfig::plain("edge", "no-such-host.invalid", port);
        let failure = open(&broker, &Opened::default()).await.unwrap_err();
        assert!(matches!(failure, Failure::UnknownHost(Peer::Broker, _)), "{failure:?}");
    }

    #[tokio::test]
    async fn a_proxy_leads_to_the_broker() {
        let (listener, port) = listener().await;
        let broker = BrokerConfig::plain("edge", "broker.example", 1883);
        let proxy = Proxy::parse(&format!("http://127.0.0.1:{port}")).ok();
        let opened = Opened { proxy, ..Opened::default() };
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            // The broker's first bytes may come together with the proxy's answer.
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").await.unwrap();
            (String::from_utf8(asked).unwrap(), stream)
        };
        let (stream, (asked, _server)) = tokio::join!(open(&broker, &opened), server);
        assert!(asked.starts_with("CONNECT broker.example:1883 HTTP/1.1\r\n"), "{asked}");
        let mut got = [0; 5];
        stream.unwrap().read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hello");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_proxy_is_left_in_time() {
        let (listener, port) = listener().await;
        let proxy = Proxy::parse(&format!("http://127.0.0.1:{port}")).ok();
        let broker = BrokerConfig::plain("edge", "broker.example", 1883);
        let failure = open(&broker, &Opened { proxy, ..Opened::default() }).await.unwrap_err();
        drop(listener);
        // With a clock that runs ahead even the connection may be late.
        assert!(matches!(failure, Failure::Proxy(_, ProxyAnswer::Silence) | Failure::Unreached(..)), "{failure:?}");
    }

    fn websocket(port: u16) -> BrokerConfig {
        BrokerConfig { websocket_path: Some("/mqtt".into()), ..BrokerConfig::plain("edge", "127.0.0.1", port) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the library asks for this form")]
    fn with_protocol(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        response.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
        Ok(response)
    }

    #[tokio::test]
    async fn a_websocket_carries_bytes_without_borders() {
        let (listener, port) = listener().await;
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let check = |request: &Request, response: Response| {
                assert_eq!(request.uri().path(), "/mqtt");
                assert_eq!(request.headers()["Host"], format!("127.0.0.1:{port}"));
                assert_eq!(request.headers()["Sec-WebSocket-Protocol"], "mqtt");
                with_protocol(request, response)
            };
            let mut frames = accept_hdr_async(stream, check).await.unwrap();
            let mut got = Vec::new();
            while got.len() < 200_000 {
                if let Message::Binary(bytes) = frames.next().await.unwrap().unwrap() {
                    got.extend_from_slice(&bytes);
                }
            }
            for part in [b"ab".as_slice(), b"", b"cde"] {
                frames.send(Message::Binary(part.to_vec().into())).await.unwrap();
                frames.send(Message::Ping(Vec::new().into())).await.unwrap();
            }
            frames.close(None).await.unwrap();
            (got, frames)
        };
        let broker = websocket(port);
        let client = async {
            let mut stream = open(&broker, &Opened::default()).await.unwrap();
            stream.quick_ack();
            stream.write_all(&vec![7; 200_000]).await.unwrap();
            stream.flush().await.unwrap();
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            got
        };
        let ((received, _frames), read) = tokio::join!(server, client);
        assert!(received == vec![7; 200_000]);
        assert_eq!(read, b"abcde");
    }

    /// What comes of reading what a server sends as its first frame.
    async fn failure_of(message: Message) -> Failure {
        let (listener, port) = listener().await;
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut frames = accept_hdr_async(stream, with_protocol).await.unwrap();
            drop(frames.send(message).await);
            frames
        };
        let broker = websocket(port);
        let client = async {
            let mut stream = open(&broker, &Opened::default()).await.unwrap();
            stream.read_u8().await.unwrap_err().into()
        };
        tokio::join!(server, client).1
    }

    #[tokio::test]
    async fn what_mqtt_never_sends_over_a_websocket_is_told() {
        let failure = failure_of(Message::text("hello")).await;
        assert!(matches!(&failure, Failure::NoMqttWebSocket(words) if words.contains("text frame")), "{failure:?}");
        let failure = failure_of(Message::Binary(vec![0; 3 << 20].into())).await;
        assert!(matches!(&failure, Failure::NoMqttWebSocket(words) if words.contains("3145728")), "{failure:?}");
    }

    async fn refusal_of(answer: &'static str) -> Failure {
        let (listener, port) = listener().await;
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let broker = websocket(port);
        tokio::join!(server, async { open(&broker, &Opened::default()).await.unwrap_err() }).1
    }

    #[tokio::test]
    async fn a_server_without_a_websocket_is_told() {
        let failure = refusal_of("HTTP/1.1 404 Not Found\r\n\r\n").await;
        assert!(matches!(&failure, Failure::UpgradeRefused(status) if status == "404 Not Found"), "{failure:?}");
        let failure = refusal_of("SSH-2.0-OpenSSH\r\n\r\n").await;
        assert!(matches!(failure, Failure::NoMqttWebSocket(_)), "{failure:?}");
        let failure = refusal_of("").await;
        assert!(matches!(&failure, Failure::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof), "{failure:?}");
    }
}
