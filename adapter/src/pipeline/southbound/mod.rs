//! From a command to a write and its verdict; deny by default.
//!
//! [`SouthboundTask`] writes to several tags at once and to each tag one thing after another (`lanes`), so that a node that
//! answers late holds up no other, the commands of a tag reach the PLC in the order in which they came, and a command that
//! comes twice cannot overtake itself. Every check that fails is a verdict of its own; what passes them all is written once
//! and never tried again, as only its sender knows whether it is still wanted, and never once it has waited for `max_wait`.
//! An alarm's bit is different: a level that the PLC must have in the end (see `alarm_writes`).

mod age;
mod alarm_levels;
mod alarm_writes;
mod answer;
mod audit;
pub mod coerce;
mod commands;
mod lanes;
mod memory;
mod payload;
pub mod plc;
pub mod range;
mod routes;
mod session_clock;
mod task;
pub mod unique_keys;
mod verdicts;
mod writer;

pub use alarm_levels::{AlarmLevels, AlarmWrite};
pub use lanes::MAX_WAITING_COMMANDS;
pub use plc::{Plc, PlcError};
pub use task::{SouthboundParts, SouthboundTask, WRITES_IN_FLIGHT};
