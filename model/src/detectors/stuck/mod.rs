//! Says by rule when a sensor cannot be right: its value stands still for too long, changes too fast, or lies out of range.
//!
//! Each rule is a limit per feature, configured in the value's own unit or learned from training. The score is the largest
//! of what was measured in shares of its limit, so that 1 is the threshold. A feature that never changed in training teaches
//! no limits; the chain's guard still tells when it leaves its value.
//!
//! A value stands still as long as it lies within the tolerance of the value that the stretch began with: a slow ramp of
//! small steps is no flat line. Standing still can only be counted in rows that come. A subscription in OPC UA reports
//! changes alone unless told otherwise, so that a stuck sensor is silent there, and silence is no row: this rule needs
//! values that are polled, or a filter that reports new timestamps as well.
//!
//! Rates are per second where the training rows have times, and else per row. Rows that come closer together than they
//! usually did in training count as the usual step apart: jitter and equal timestamps would make any noise a steep change.

mod fitted;
mod kind;
mod limits;

#[cfg(test)]
mod tests;

pub use kind::StuckKind;
