//! A proxy on loopback between an MQTT client and its broker that does what networks and brokers do at their worst.
//!
//! Without TLS it reads the packets that pass (MQTT 5, of a client that begins with CONNECT), so that it can keep
//! acknowledgements back and hang up after so many; with TLS it passes bytes on and can still cut.

mod connection;
mod packet;
mod plan;
mod proxy;

pub use proxy::MqttProxy;
