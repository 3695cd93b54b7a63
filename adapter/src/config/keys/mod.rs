//! Every key of the mapping language, once: what is unknown, what is not built yet, types, defaults and the JSON Schema
//! are all read off these tables.

mod broker;
mod model;
mod northbound;
mod opcua;
mod root;
mod southbound;
mod subscription;
mod table;
mod tag;

pub(super) use model::PLANNED_DETECTORS;
pub(super) use northbound::NORTHBOUND_KEYS;
pub(super) use root::ROOT;
pub(super) use table::{Key, Need, Section, Shape, TextKind};
