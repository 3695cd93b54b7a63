//! How the client is set up for one connection.

use std::time::Duration;

use bytes::Bytes;
use rumqttc::{
    NetworkOptions, TlsConfiguration, Transport,
    v5::{
        MqttOptions,
        mqttbytes::{QoS, v5::LastWill},
    },
};
use secrecy::ExposeSecret;

use super::{
    tls,
    trouble::{Address, Trouble},
};
use crate::{config::effective::BrokerConfig, domain::TopicName};

/// A dead connection is noticed after at most two of these.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// TCP, TLS and CONNACK together.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages in flight at most, whatever the broker allows.
pub(super) const MAX_IN_FLIGHT: u16 = 1_000;
/// The largest packet taken from the broker; rumqttc's own default of 10 KiB ends the connection at once.
pub(super) const MAX_INCOMING_PACKET_BYTES: u32 = 1 << 20;

/// Options for the next connection of a link. Reads the files that the configuration names; blocks on the file system.
pub(super) fn client_options(
    broker: &BrokerConfig,
    client_id: &str,
    status_topic: &TopicName,
    offline: &Bytes,
) -> Result<MqttOptions, Trouble> {
    let mut options = connection_options(broker, client_id)?;
    options.set_last_will(LastWill::new(status_topic.as_str(), offline.to_vec(), QoS::AtLeastOnce, true, None));
    Ok(options)
}

/// Options for any connection to the broker, without a Last Will.
pub(super) fn connection_options(broker: &BrokerConfig, client_id: &str) -> Result<MqttOptions, Trouble> {
    // rumqttc joins host and port with a colon.
    let host = if broker.host.contains(':') { format!("[{}]", broker.host) } else { broker.host.clone() };
    let mut options = MqttOptions::new(client_id, host, broker.port);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_connection_timeout(CONNECT_TIMEOUT.as_secs())
        // Commands never wait for us at the broker, and the spool remembers what the broker has not acknowledged.
        .set_clean_start(true)
        .set_session_expiry_interval(Some(0))
        .set_max_packet_size(Some(MAX_INCOMING_PACKET_BYTES))
        .set_outgoing_inflight_upper_limit(MAX_IN_FLIGHT);
    let mut network = NetworkOptions::new();
    // A value waits for nothing; with Nagle's algorithm the last one waits for the acknowledgement of the one before.
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if let Some(auth) = &broker.auth {
        options.set_credentials(auth.username.as_str(), auth.password.expose_secret());
    }
    if let Some(tls) = &broker.tls {
        let config =
            tls::client_config(tls).map_err(|error| Trouble::lasting(format!("{}: {error}", Address(broker))))?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config)));
    }
    Ok(options)
}
