//! What all sessions of a link have in common.

use std::sync::Arc;

use super::{grants::TagGrants, intake::Intake, poll::PollState, tag_table::TagTable};
use crate::config::effective::Tag;

/// Outlives every session; each of its parts has a lock of its own, as Publish, Read and time work on them side by side.
pub(super) struct Shared {
    pub(super) tags: Arc<[Tag]>,
    pub(super) intake: Intake,
    pub(super) table: Arc<TagTable>,
    pub(super) grants: Arc<TagGrants>,
    pub(super) polls: PollState,
}

impl Shared {
    /// The server may still have the session, but nobody can ask.
    pub(super) fn suspend(&self) {
        self.intake.suspend();
    }

    /// The session is gone, and everything that was granted in it.
    pub(super) fn end_session(&self) {
        self.intake.end_session();
        self.intake.suspend();
        self.grants.reset();
        self.table.reset();
    }
}
