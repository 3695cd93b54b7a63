//! What a session is asked for, and what is learned of its server.

pub(in crate::opcua) mod addresses;
pub(in crate::opcua) mod ask;
pub(in crate::opcua) mod call_size;
pub(in crate::opcua) mod describe;
pub(in crate::opcua) mod eu_range;
pub(in crate::opcua) mod failure;
pub(in crate::opcua) mod handshake;
pub(in crate::opcua) mod limits;
pub(in crate::opcua) mod live;
pub(in crate::opcua) mod local;
pub(in crate::opcua) mod namespaces;
pub(in crate::opcua) mod node;
pub(in crate::opcua) mod open;
pub(in crate::opcua) mod services;
mod type_server;
pub(in crate::opcua) mod types;
