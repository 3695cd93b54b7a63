//! The whole chain, seen from outside: what it promises and what it costs.

mod adaptation;
mod false_alarms;
mod golden;
mod memory;
mod no_allocation;
mod own_kind;
mod plant;
mod retraining;
