//! What all sessions of a link have in common.

use std::sync::Arc;

use crate::config::effective::Tag;
use crate::opcua::{intake::conversion::Intake, intake::grants::TagGrants, intake::tag_table::TagTable};

/// Outlives every session; each of its parts has a lock of its own, as Publish, Read and time work on them side by side.
pub(in crate::opcua) struct Shared {
    pub(in crate::opcua) tags: Arc<[Tag]>,
    pub(in crate::opcua) intake: Intake,
    pub(in crate::opcua) table: Arc<TagTable>,
    pub(in crate::opcua) grants: Arc<TagGrants>,
}

impl Shared {
    /// The server may still have the session, but nobody can ask.
    pub(in crate::opcua) fn suspend(&self) {
        self.intake.suspend();
    }

    /// The session is gone, and everything that was granted in it.
    pub(in crate::opcua) fn end_session(&self) {
        self.intake.end_session();
        self.intake.suspend();
        self.grants.reset();
        self.table.reset();
    }
}
