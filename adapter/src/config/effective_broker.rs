//! The brokers of the mapping as the adapter runs them.

use std::{path::PathBuf, time::Duration};

use super::credential::Credential;
use crate::spool::SpoolOptions;

/// `broker:`, or an entry of `brokers:`.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Its name in metrics and messages, and of its directory under `spool` in the state directory; `broker` when the mapping gives none.
    pub name: String,
    /// The host.
    pub host: String,
    /// The port; by default 1883 for `mqtt://`, 8883 for `mqtts://`, 80 for `ws://`, 443 for `wss://`.
    pub port: u16,
    /// The path of a WebSocket, with its slash; `None` for MQTT without one.
    pub websocket_path: Option<String>,
    /// Which MQTT is spoken.
    pub protocol_version: ProtocolVersion,
    /// After how long without a packet a ping proves the connection; whole seconds from 5.
    pub keep_alive: Duration,
    /// What we are called at the broker: 1 to 65,535 bytes.
    pub client_id: String,
    /// Messages per second at most, from 1 to 1,000,000; `None` for as many as the broker takes.
    pub max_rate: Option<u32>,
    /// The HTTP proxy that leads to the broker, as a text that [`Proxy::parse`](crate::config::Proxy::parse) takes.
    pub proxy: Option<Credential>,
    /// How the connection is encrypted; `None` for `mqtt://` and `ws://`.
    pub tls: Option<TlsConfig>,
    /// User name and password.
    pub auth: Option<BrokerAuth>,
    /// What may wait for it.
    pub spool: SpoolOptions,
}

impl BrokerConfig {
    /// A broker that is reached by MQTT 5 over bare TCP, as `url: mqtt://host:port` alone describes it.
    pub fn plain(name: &str, host: &str, port: u16) -> Self {
        Self {
            name: name.to_owned(),
            host: host.to_owned(),
            port,
            websocket_path: None,
            protocol_version: ProtocolVersion::V5,
            keep_alive: Duration::from_secs(10),
            client_id: format!("tagwise-{name}"),
            max_rate: None,
            proxy: None,
            tls: None,
            auth: None,
            spool: SpoolOptions::default(),
        }
    }

    /// What stands before `://` in its URL.
    pub const fn scheme(&self) -> &'static str {
        match (&self.websocket_path, &self.tls) {
            (None, None) => "mqtt",
            (None, Some(_)) => "mqtts",
            (Some(_), None) => "ws",
            (Some(_), Some(_)) => "wss",
        }
    }

    /// The host as a URL has it: an IPv6 address in brackets.
    pub fn url_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

/// `protocol_version:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolVersion {
    /// MQTT 5.
    V5,
    /// MQTT 3.1.1: no properties, no reason codes.
    V311,
}

impl ProtocolVersion {
    /// As the mapping writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V5 => "5",
            Self::V311 => "3.1.1",
        }
    }
}

/// How the connection to a broker is encrypted.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// The certificates that are trusted (PEM); the system's roots when `None`. One that the broker shows itself is
    /// accepted as what it is, whatever name and purpose stand in it, until it expires.
    pub ca_file: Option<PathBuf>,
    /// The certificate that we show when the broker asks for one.
    pub client: Option<ClientCertificate>,
    /// The name or address that is asked for (SNI) and checked, in place of the host.
    pub server_name: Option<String>,
    /// The application protocols that are offered (ALPN), each of 1 to 255 bytes.
    pub alpn: Vec<String>,
}

/// `cert_file:` and `key_file:`, read anew for each connection.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate and those between it and its authority (PEM).
    pub cert_file: PathBuf,
    /// Its private key (PEM, not encrypted): PKCS#8, PKCS#1 or SEC1.
    pub key_file: PathBuf,
}

/// Who we are to the broker.
#[derive(Clone, Debug)]
pub struct BrokerAuth {
    /// The user name.
    pub username: Credential,
    /// The password; empty when the mapping gives none.
    pub password: Credential,
}
