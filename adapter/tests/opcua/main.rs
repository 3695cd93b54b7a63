//! The OPC UA link against the simulated PLC: over TCP, with restarts, holes and refusals.
#![cfg(feature = "demo")]

mod authorities;
mod commands;
mod filters;
mod polling;
mod proxy;
mod repeats;
mod rig;
mod security;
mod survival;
mod values;
