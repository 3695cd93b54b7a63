//! The time of a row, always given by the caller.

use serde::{Deserialize, Serialize};

/// Source time of a row, in microseconds since the Unix epoch.
///
/// Nothing in this crate reads a clock, so a replay of old rows gives the scores of that day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);
