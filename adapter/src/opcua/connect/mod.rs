//! From the address in the mapping to an open secure channel: TCP, hello, endpoints, certificates, keys.

mod answers;
pub(in crate::opcua) mod channel;
mod channel_task;
pub(in crate::opcua) mod dial;
pub(in crate::opcua) mod discover;
pub(in crate::opcua) mod endpoint;
mod frame;
pub(in crate::opcua) mod secure;
pub(in crate::opcua) mod security;
