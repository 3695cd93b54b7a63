//! The OPC UA link against the simulated PLC: over TCP, with restarts, holes and refusals.
#![cfg(feature = "demo")]

mod commands;
mod proxy;
mod rig;
mod security;
mod survival;
mod values;
