//! From the address in the mapping to an open secure channel with a session on it.

pub(in crate::opcua) mod client;
pub(in crate::opcua) mod connector;
pub(in crate::opcua) mod endpoint;
pub(in crate::opcua) mod secure;
pub(in crate::opcua) mod transport;
pub(in crate::opcua) mod wire;
