//! Connect, supervise, subscribe, watch, convert, write: the only room that names async-opcua.
//!
//! [`OpcUaLink`] is the task, [`PlcHandle`] what commands hold. Folders import only those that stand before them in this
//! order: `value`, `pki`, `codec`, `connect`, `session`, `intake`, `subscribe`, `poll`, `lifecycle`, `tools`. A test holds
//! that none imports one that imports it.

mod backoff;
mod codec;
mod connect;
mod intake;
mod lifecycle;
pub mod pki;
mod poll;
mod problem;
mod refusal;
mod service_error;
mod session;
mod status;
mod subscribe;
#[cfg(test)]
mod test_support;
mod tools;
mod value;
mod write;

pub use crate::pipeline::southbound::plc::{self, Plc, PlcError};
pub use intake::grants::{FilterPlace, TagGrant, TagGrants};
pub use lifecycle::link::OpcUaLink;
pub use session::namespaces::{NamespaceMemory, NamespaceMemoryError};
pub use status::status_symbol;
pub use tools::{
    browse::{BrowseRequest, BrowsedNode, Class, Tree},
    explorer::{Explorer, ExplorerError},
    inspect::{Details, Reading, ValueKind},
    trial::{GrantedItem, TagReport},
};
pub use value::structure::hostile;
pub use write::PlcHandle;
