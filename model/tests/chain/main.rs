//! The whole chain, seen from outside: what it promises and what it costs.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    reason = "tests, of numbers that are small"
)]

mod adaptation;
mod false_alarms;
mod golden;
mod memory;
mod no_allocation;
mod own_kind;
mod plant;
mod retraining;
