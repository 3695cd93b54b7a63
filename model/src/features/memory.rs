//! What features remember of the rows before.

use serde::{Deserialize, Serialize};

use super::entry::Cell;

/// What [`Features`](super::Features) remember of the rows before: the last values of each input that they need, and
/// where in the rhythm of frames they are. It belongs to the features that made it, and to one stream of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureMemory {
    /// One for each entry.
    pub(super) cells: Box<[Cell]>,
    /// Rows until the next feature row, that row included.
    pub(super) wait: usize,
    /// Whether there was a feature row.
    pub(super) ready: bool,
    /// The newest feature row, where features are held from frame to frame; else empty.
    pub(super) held: Box<[f64]>,
}
