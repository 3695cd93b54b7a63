//! A proxy on loopback between an OPC UA client and its server that does what networks and servers do at their worst.
//!
//! It reads the chunks that pass (OPC 10000-6, of policy None), so that it can answer, empty or tear a chosen message.

mod connection;
mod frame;
mod message;
mod plan;
mod proxy;
mod tests;

pub use plan::Service;
pub use proxy::FaultProxy;
