//! The link to an MQTT broker: connect, publish window, subscriptions. The only room that names rumqttc.
//!
//! rumqttc forgets QoS 1 messages when a connection ends, and has no future for an acknowledgement. So the spool is the
//! only truth: one task owns the client and its event loop, a window pairs packet ids with spool positions, and after
//! any error client and event loop are thrown away and all that is not acknowledged is sent again.

mod ahead;
mod backoff;
mod commands;
mod link;
mod metrics;
mod options;
mod outgoing;
mod probe;
mod publisher;
mod reason;
mod refusal_log;
mod session;
mod status;
mod subscriptions;
mod tls;
mod trouble;
mod watcher;
mod window;
#[cfg(test)]
mod window_model_test;

pub use commands::CommandIntake;
pub use link::{LinkParts, LinkShutdown, MqttLink, StatusTopic};
pub use probe::{BrokerReport, probe_broker};
pub use status::OfflinePayload;
pub use watcher::{WatchedMessage, Watcher};
