//! What went wrong with the broker, in a plain sentence with the way out.

use std::io;

use super::{
    explain_proxy::{explain_proxy, unused_proxy},
    explain_refusal::{explain_farewell, explain_refusal},
    explain_tls::{explain_handshake, explain_tls},
    failure::{Failure, Peer, is_end},
};
use crate::{
    config::effective::{BrokerConfig, ProtocolVersion},
    mqtt::trouble::{Address, Moment, Trouble},
};

/// Puts a failure into words.
pub(in crate::mqtt) fn explain(failure: &Failure, broker: &BrokerConfig, moment: Moment) -> Trouble {
    let address = Address(broker);
    let version = broker.protocol_version.as_str();
    match failure {
        Failure::UnknownHost(peer, error) => explain_unknown(peer, error, broker),
        Failure::Unreached(peer, error) => explain_unreached(peer, error, broker),
        Failure::Proxy(proxy, answer) => explain_proxy(proxy, answer, broker),
        Failure::Silence => Trouble::passing(format!(
            "{address} took the connection and did not answer in time; check the port, and that it speaks MQTT {version} \
             there"
        )),
        Failure::Io(error) if is_end(error.kind()) => closed(broker, moment),
        Failure::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            Trouble::passing(format!("{address} is no longer reached; check network and firewall"))
        }
        Failure::Io(error) => Trouble::passing(format!("the connection to {address} failed: {error}")),
        Failure::Handshake(error) => explain_handshake(error, broker),
        Failure::Tls(error) => explain_tls(error, broker),
        Failure::ServerName => Trouble::lasting(format!(
            "`{}` is no name that a certificate can be checked against; use a host name or an address, or set \
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
        Failure::Refused(reason, words) => explain_refusal(*reason, words.as_deref(), broker),
        Failure::NoConnack => {
            Trouble::lasting(format!("{address} did not answer CONNECT with CONNACK; is it an MQTT {version} broker?"))
        }
        Failure::Dead => {
            Trouble::passing(format!("{address} has answered nothing, a ping included; the connection is dead"))
        }
        Failure::Disconnected(farewell) => explain_farewell(farewell, broker),
        Failure::TooLarge(bytes) => Trouble::passing(format!(
            "{address} sent a packet of {bytes} bytes, more than is taken here; it was left out and the connection made \
             anew"
        )),
        Failure::Malformed(reason) => Trouble::passing(format!("{address} sent what is no MQTT {version}: {reason}")),
        Failure::Internal(reason) => Trouble::passing(format!("the MQTT session with {address} failed: {reason}")),
    }
}

fn explain_unknown(peer: &Peer, error: &io::Error, broker: &BrokerConfig) -> Trouble {
    let why = match error.kind() {
        io::ErrorKind::TimedOut => "the look-up took too long".to_owned(),
        _ => error.to_string().trim_start_matches("failed to lookup address information: ").to_owned(),
    };
    Trouble::passing(match peer {
        Peer::Broker => format!(
            "there is no host `{}` for {} ({why}); check the name in `url`, and the name server{}",
            broker.host,
            Address(broker),
            unused_proxy(broker)
        ),
        Peer::Proxy(proxy) => {
            format!("there is no host for the proxy {proxy} ({why}); check `broker.proxy`, and the name server")
        }
    })
}

fn explain_unreached(peer: &Peer, error: &io::Error, broker: &BrokerConfig) -> Trouble {
    let (whom, what, proxy) = match peer {
        Peer::Broker => (Address(broker).to_string(), "broker", unused_proxy(broker)),
        Peer::Proxy(proxy) => (format!("the proxy {proxy}"), "proxy", String::new()),
    };
    Trouble::passing(match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("nothing listens at {whom}; is the {what} running, and is the port right?{proxy}")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("there is no route to {whom}; check the network{proxy}")
        }
        io::ErrorKind::TimedOut => {
            format!("{whom} does not answer; check host, network and firewall{proxy}")
        }
        _ => format!("cannot reach {whom}: {error}; check host and port{proxy}"),
    })
}

fn closed(broker: &BrokerConfig, moment: Moment) -> Trouble {
    let address = Address(broker);
    Trouble::passing(match moment {
        Moment::Connecting => format!(
            "{address} closed the connection instead of answering client id `{}`; {}",
            broker.client_id,
            first_hint(broker)
        ),
        Moment::Connected => format!("{address} closed the connection"),
    })
}

/// Brokers hang up without a word on what they do not expect.
fn first_hint(broker: &BrokerConfig) -> &'static str {
    match (&broker.tls, broker.protocol_version) {
        (None, _) if broker.port == 8883 => "port 8883 usually wants `mqtts://`",
        (Some(tls), _) if tls.alpn.is_empty() && broker.websocket_path.is_none() => {
            "look at the broker's log; some, on port 443 above all, want an application protocol (`tls.alpn`) or a \
             WebSocket (`wss://`), or know certain client ids only (`broker.client_id`)"
        }
        (None, ProtocolVersion::V5) => "if it speaks MQTT 3.1.1 only, set `protocol_version: \"3.1.1\"`",
        _ => "look at the broker's log; some know certain client ids only (`broker.client_id`)",
    }
}
