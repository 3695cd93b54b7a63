//! Commands.

pub mod coerce;
