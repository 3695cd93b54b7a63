//! What a log knows of a segment that is not written any more, and whether it survives a power cut.

use std::sync::Arc;

use super::{Position, disk::DiskFile};
use crate::domain::{Epoch, Timestamp};

/// A segment that is not written any more.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    /// The position before its first message.
    pub(super) before: Position,
    pub(super) last: Position,
    pub(super) bytes: u64,
    pub(super) count: u64,
    /// When its newest message was created.
    pub(super) newest: Option<Timestamp>,
    pub(super) epoch: Epoch,
    pub(super) durability: Durability,
    /// Whether the file was cut short behind its end's back: only the second summary knows what was in it.
    pub(super) is_cut: bool,
}

/// Whether a segment survives a power cut.
#[derive(Clone, Debug)]
pub(super) enum Durability {
    /// It does.
    Synced,
    /// It is of an earlier process, which may have been killed before it has synced it.
    Found,
    /// It is to be synced, by the handle through which it was written: only that one is sure to hear of its errors.
    Written(Arc<dyn DiskFile>),
    /// It could not be synced, and is to be written once more.
    Doubtful,
}

/// A segment that is to be synced.
#[derive(Clone, Debug)]
pub(super) struct ToSync {
    /// Its file.
    pub(super) file: Arc<dyn DiskFile>,
    /// The position before its first message.
    pub(super) before: Position,
    /// What is in it by now.
    pub(super) up_to: Position,
    /// Whether nothing more is written to it.
    pub(super) is_closed: bool,
}
