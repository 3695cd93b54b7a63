//! What a connection is made with, for both versions.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header::HOST};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};
use rustls::ClientConfig;
use secrecy::SecretString;

/// TCP, TLS and CONNACK together.
pub(in crate::mqtt) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages in flight at most, whatever the broker allows.
pub(super) const MAX_IN_FLIGHT: u16 = 1_000;
/// The largest packet taken from the broker; rumqttc's own default of 10 KiB ends the connection at once.
pub(super) const MAX_INCOMING_BYTES: u32 = 1 << 20;

/// What a connection is made with.
#[derive(Debug)]
pub(in crate::mqtt) struct Setup {
    /// Who we are.
    pub(in crate::mqtt) client_id: String,
    /// What opens the door.
    pub(in crate::mqtt) login: Option<Login>,
    /// Where the broker is.
    pub(in crate::mqtt) endpoint: Endpoint,
    /// After how long without a packet a ping is sent; whole seconds from 5.
    pub(in crate::mqtt) keep_alive: Duration,
    /// What the broker says for us when we are cut off.
    pub(in crate::mqtt) will: Option<Will>,
}

/// User name and password.
#[derive(Clone, Debug)]
pub(in crate::mqtt) struct Login {
    /// The user name.
    pub(in crate::mqtt) username: String,
    /// The password.
    pub(in crate::mqtt) password: SecretString,
}

/// A Last Will: retained, QoS 1.
#[derive(Clone, Debug)]
pub(in crate::mqtt) struct Will {
    /// Where it stands.
    pub(in crate::mqtt) topic: String,
    /// What it says.
    pub(in crate::mqtt) payload: Bytes,
}

/// Where the broker is and how its packets travel.
#[derive(Clone, Debug)]
pub(in crate::mqtt) enum Endpoint {
    /// Bare TCP, or with TLS where there is a configuration for it. An IPv6 address has brackets.
    Stream { host: String, port: u16, tls: Option<Arc<ClientConfig>> },
    /// A WebSocket at this URL, with TLS where there is a configuration for it.
    WebSocket {
        url: String,
        tls: Option<Arc<ClientConfig>>,
        /// What the server is to believe that it was called.
        alias: Option<Alias>,
    },
    /// A socket of this process, behind which somebody else does the rest.
    Local(String),
}

/// Another name for the server of a WebSocket: for its certificate, for SNI and in the HTTP request.
#[derive(Clone, Debug)]
pub(in crate::mqtt) struct Alias {
    /// Name and port.
    pub(in crate::mqtt) authority: String,
    /// The same URL with that name.
    pub(in crate::mqtt) url: String,
}

impl Alias {
    /// Puts the name into the request to upgrade, from which the client takes it for TLS as well.
    pub(super) fn put_into(&self, mut request: Request<()>) -> Request<()> {
        // The name was checked with the mapping. If it could not be used all the same, the certificate's check fails.
        if let (Ok(uri), Ok(host)) = (self.url.parse::<Uri>(), HeaderValue::from_str(&self.authority)) {
            *request.uri_mut() = uri;
            request.headers_mut().insert(HOST, host);
        }
        request
    }
}

impl Endpoint {
    /// Address, port and transport as rumqttc wants them. For a WebSocket it takes host and port from the URL.
    pub(super) fn address(&self) -> (String, u16, Transport) {
        match self.clone() {
            Self::Stream { host, port, tls: None } => (host, port, Transport::Tcp),
            Self::Stream { host, port, tls: Some(tls) } => (host, port, Transport::Tls(TlsConfiguration::Rustls(tls))),
            Self::WebSocket { url, tls: None, .. } => (url, 0, Transport::Ws),
            Self::WebSocket { url, tls: Some(tls), .. } => (url, 0, Transport::Wss(TlsConfiguration::Rustls(tls))),
            Self::Local(path) => (path, 0, Transport::Unix),
        }
    }

    pub(super) fn alias(&self) -> Option<Alias> {
        match self {
            Self::WebSocket { alias, .. } => alias.clone(),
            Self::Stream { .. } | Self::Local(_) => None,
        }
    }
}

pub(super) fn network_options() -> NetworkOptions {
    let mut network = NetworkOptions::new();
    // A value waits for nothing; with Nagle's algorithm the last one waits for the acknowledgement of the one before.
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_what_the_server_sees() {
        let alias = Alias { authority: "broker.local:443".into(), url: "wss://broker.local:443/mqtt".into() };
        let request =
            Request::builder().uri("wss://127.0.0.1:8443/mqtt").header(HOST, "127.0.0.1:8443").body(()).unwrap();
        let request = alias.put_into(request);
        assert_eq!(request.uri().host(), Some("broker.local"));
        assert_eq!(request.headers()[HOST], "broker.local:443");
    }
}
