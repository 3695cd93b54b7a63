//! The link to an MQTT broker: connect, publish, subscribe. Only `packet` names rumqttc.
//!
//! One task per broker owns a connection: its socket, its buffers, the window of packets without an answer, and the times
//! (`session`). rumqttc gives the packets (`packet`), and not its event loop: that writes and reads packet by packet, which
//! costs ten to twenty times the CPU, forgets QoS 1 messages when a connection ends, and tells no acknowledgement from
//! another. `wire` opens the way to the broker, whatever lies on it. The spool is the only truth: after any error the
//! connection is thrown away, and what is not acknowledged is sent again. What is learned of a broker outlives connections
//! (`memory`): on which packets it hangs up (`suspicion`), how many messages it takes (`rate`), what it has taken already
//! (`replay`). What is due by the clock stands in small state machines without a clock of their own: `liveness`, `pacing`,
//! `reconnect`.

mod access;
mod ahead;
mod answer;
mod backoff;
mod commands;
mod connect;
mod link;
mod liveness;
mod memory;
mod metrics;
mod outgoing;
mod pacing;
mod packet;
mod probe;
mod probing;
mod publisher;
mod rate;
mod reconnect;
mod refusal_log;
mod refusals;
mod refused_topics;
mod replay;
mod sent;
mod session;
mod status;
mod subscriptions;
mod suspicion;
mod transport;
mod trouble;
mod unwritten;
mod watcher;
mod window;
mod wire;

pub use commands::CommandIntake;
pub use link::{LinkParts, LinkShutdown, MqttLink, StatusTopic};
pub use packet::hostile;
pub use probe::{BrokerReport, probe_broker};
pub use status::OfflinePayload;
pub use watcher::{WatchedMessage, Watcher};
