//! From a command to a write and its verdict; deny by default.
//!
//! [`SouthboundTask`] takes commands one after another, so that they reach the PLC in the order in which they came and
//! a command that comes twice cannot overtake itself. Every check that fails is a verdict of its own; what passes them
//! all is written once and never tried again, as only its sender knows whether it is still wanted. An alarm's bit is
//! different: a level that the PLC must have in the end (see `alarm_writes`).

mod age;
mod alarm_levels;
mod alarm_writes;
mod answer;
mod audit;
pub mod coerce;
mod commands;
mod memory;
mod payload;
mod range;
mod routes;
mod task;
mod unique_keys;
mod verdicts;
mod writer;

pub use alarm_levels::{AlarmLevels, AlarmWrite};
pub use task::{MAX_WAITING_COMMANDS, SouthboundParts, SouthboundTask};
