//! Connect, supervise, subscribe, watch, convert, write: the only room that names async-opcua.
//!
//! [`OpcUaLink`] is the task, [`PlcHandle`] what commands hold. A session passes through `client` (and, below it,
//! `endpoint`, `connector`, `transport` and `wire`), `live`, `subscription` and `items`, and then `publish` carries values
//! to `intake` until there is a `problem`. `life` is the whole of one session, resumed after each loss of its connection;
//! `standing` says how things stand. `poll` reads what is not subscribed; `deadband` and `heartbeat` decide, between
//! `intake` and the queue, what goes on and what is repeated.

mod backoff;
mod call_size;
mod client;
mod clocks;
mod connector;
mod deadband;
mod describe;
mod endpoint;
mod eu_range;
mod failure;
mod filter;
mod grants;
mod handle;
mod heartbeat;
mod intake;
mod items;
mod life;
mod limits;
mod link;
mod live;
mod node;
mod overflows;
mod percent;
mod plan;
pub mod plc;
mod poll;
mod poll_round;
mod problem;
mod publish;
mod refusals;
mod repair;
mod revised;
mod sequence;
mod shared;
mod standing;
mod status;
mod subscription;
mod tag_table;
#[cfg(test)]
mod test_support;
mod transport;
mod variant;
mod wire;

pub use grants::{FilterPlace, TagGrant, TagGrants};
pub use handle::PlcHandle;
pub use link::OpcUaLink;
pub use plc::{Plc, PlcError};
pub use status::status_symbol;
