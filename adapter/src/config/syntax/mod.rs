//! What to say when the YAML itself is broken: the parser knows where, the line itself shows why.

mod explain;
mod line;
mod patch;

pub(super) use explain::explain;
pub(super) use patch::Patches;
