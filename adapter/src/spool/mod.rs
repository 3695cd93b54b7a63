//! First-in-first-out of outbound messages between the pipelines and the MQTT link; no MQTT, no OPC UA.
//!
//! One spool per broker, appended to by the pipelines and read by one publisher. It has two lanes, urgent and values,
//! each with positions that grow by one per message, and beside them a volatile queue for QoS 0:
//!
//! - `append` accepts a batch: from then on each message stays until the publisher acknowledges its position or
//!   retention drops it;
//! - `read` hands messages to the publisher in order, once; `acknowledge` lets go of them; after a lost connection
//!   `broker_left` takes back what was handed out and not acknowledged, so that reading starts again at the oldest;
//! - whatever is dropped is counted by reason and kept as a [`DroppedRange`] until the pipeline announces it.
//!
//! Today the messages stand in bounded memory. A durable spool replaces what is behind these calls, not the calls.

mod dropped;
mod lane;
mod memory;
mod position;

pub use dropped::{DropCause, DropReason, DroppedRange};
pub use memory::{Spool, SpoolLimits};
pub use position::{Position, Tails};

#[cfg(test)]
mod model_test;
#[cfg(test)]
pub(crate) mod sample;
