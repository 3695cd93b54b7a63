//! Connect, supervise, subscribe, watch, convert, write: the only room that names async-opcua.

pub mod plc;

pub use plc::{Plc, PlcError};
