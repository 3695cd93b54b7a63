//! The link to an MQTT broker: connect, publish window, subscriptions. The only room that names rumqttc.
//!
//! rumqttc forgets QoS 1 messages when a connection ends, and has no future for an acknowledgement. So the spool is the
//! only truth: one task owns the client and its event loop, a window pairs packet ids with spool positions, and after
//! any error client and event loop are thrown away and all that is not acknowledged is sent again. Whether MQTT 5 or 3.1.1
//! is spoken, and over what, is settled in `client` and `connect`; nothing above them asks.

mod access;
mod ahead;
mod backoff;
mod client;
mod commands;
mod connect;
mod link;
mod metrics;
mod outgoing;
mod probe;
mod publisher;
mod refusal_log;
mod relay;
mod session;
mod status;
mod subscriptions;
mod suspect;
mod tls;
mod trouble;
mod trouble_refusal;
mod trouble_tls;
mod watcher;
mod window;
#[cfg(test)]
mod window_model_test;

pub use commands::CommandIntake;
pub use link::{LinkParts, LinkShutdown, MqttLink, StatusTopic};
pub use probe::{BrokerReport, probe_broker};
pub use status::OfflinePayload;
pub use watcher::{WatchedMessage, Watcher};
