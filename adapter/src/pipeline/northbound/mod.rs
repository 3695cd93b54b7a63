//! North: update -> assessment -> message -> spool, batch by batch, in one task.

pub mod encode;
pub mod events;
mod mapping;
pub mod non_finite;
mod parcel;
pub mod task;
pub mod value_json;

pub use task::{NorthboundParts, NorthboundTask};
