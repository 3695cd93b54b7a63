//! Tagwise bridges OPC UA and MQTT in both directions and scores every value on its way north.
//!
//! The rooms, in the order in which a value passes them: [`opcua`], [`pipeline`], [`stage`], [`spool`], [`mqtt`].
//! ARCHITECTURE.md at the root of the repository is the map.

pub mod alarm;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod mqtt;
mod net;
pub mod opcua;
pub mod pipeline;
pub mod spool;
pub mod stage;
pub mod supervisor;
pub mod table;
pub mod telemetry;
