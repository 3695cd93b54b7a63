//! A small MQTT broker, of both versions, whose answers a test chooses.
//!
//! Written by hand down to the bytes, so that it shares no mistake with the library of the adapter. It keeps nothing:
//! no retained message, no session; what clients publish goes to nobody. It records all it is asked.

mod behaviour;
mod broker;
mod connection;
mod farewell;
mod outbox;
mod record;
mod request;
mod shared;
mod wire;

#[cfg(test)]
mod tests;

pub use behaviour::{Answer, Behaviour, Granted, Reading, Rule, Subscribed};
pub use broker::OddBroker;
pub use farewell::Farewell;
pub use record::{Event, Outcome, Seen};
pub use request::{Connect, Publish, Subscribe, Will};
