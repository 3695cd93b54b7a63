//! Connect, supervise, subscribe, watch, convert, write: the only room that names async-opcua.
//!
//! [`OpcUaLink`] is the task, [`PlcHandle`] what commands hold. A session passes through `client` (and, below it,
//! `endpoint`, `connector`, `transport` and `wire`; with security `secure`), `live`, `subscription` and `items`, and then `publish` carries values
//! to `intake` until there is a `problem`. `life` is the whole of one session, resumed after each loss of its connection;
//! `standing` says how things stand. `poll` reads what is not subscribed; `deadband` and `heartbeat` decide, between
//! `intake` and the queue, what goes on and what is repeated.

mod addresses;
mod backoff;
mod browse;
mod call_size;
mod client;
mod clocks;
mod connector;
mod deadband;
mod describe;
mod endpoint;
mod eu_range;
mod expiry;
mod explorer;
mod failure;
mod filter;
mod grants;
mod handle;
mod heartbeat;
mod inspect;
mod intake;
mod items;
mod life;
mod limits;
mod link;
mod live;
mod namespaces;
mod node;
mod overflows;
mod percent;
pub mod pki;
mod plan;
mod poll;
mod poll_round;
mod problem;
mod publish;
mod refusal;
mod refused_tags;
mod repair;
mod revised;
mod room;
mod secure;
mod sequence;
mod shared;
mod standing;
mod status;
mod structure;
mod subscription;
mod tag_table;
#[cfg(test)]
mod test_support;
mod transport;
mod trial;
mod variant;
mod wire;

pub use crate::pipeline::southbound::plc::{self, Plc, PlcError};
pub use browse::{BrowseRequest, BrowsedNode, Class, Tree};
pub use explorer::{Explorer, ExplorerError};
pub use grants::{FilterPlace, TagGrant, TagGrants};
pub use handle::PlcHandle;
pub use inspect::{Details, Reading};
pub use link::OpcUaLink;
pub use namespaces::{NamespaceMemory, NamespaceMemoryError};
pub use status::status_symbol;
pub use structure::hostile;
pub use trial::{GrantedItem, TagReport};
