//! The OPC UA link against the simulated PLC: over TCP, with restarts, holes and refusals.
#![cfg(feature = "demo")]

mod commands;
mod filters;
mod polling;
mod proxy;
mod rig;
mod repeats;
mod survival;
mod values;
