//! What the kinds for single streams share: a memory per feature, the rhythm of the day, a refractory time.

mod memory;
mod refractory;
mod rhythm;

pub(super) use memory::{complete, completed, count};
pub(super) use refractory::Refractory;
pub(super) use rhythm::{Rhythm, UTC_OFFSET_PARAMETER, rhythm_of};
