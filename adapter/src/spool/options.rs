//! How much a spool may hold, for how long, and how surely.

use std::time::Duration;

/// `spool:` of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// Bytes on the disk, both lanes together.
    pub max_bytes: u64,
    /// How long a message is kept.
    pub max_age: Duration,
    /// When what was written is synced.
    pub sync: SyncPolicy,
    /// Bytes of each lane that wait in memory besides, by [`OutboundMessage::weight`](crate::domain::OutboundMessage::weight);
    /// more than that while nobody reads is on the disk only, and, while the disk refuses it, is lost.
    pub max_memory_bytes: usize,
    /// Bytes of QoS 0 messages, which never touch the disk.
    pub max_volatile_bytes: usize,
}

/// When what was written is synced, so that it survives a power cut. A process that is killed loses nothing either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// So often.
    Every(Duration),
    /// Before it is published.
    Always,
}

/// Into about so many segments a full spool is divided.
const PARTS: u32 = 16;

impl Default for SpoolOptions {
    /// 1 GiB for 7 days, synced every 100 ms; 8 MiB of each kind in memory.
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_age: Duration::from_hours(7 * 24),
            sync: SyncPolicy::Every(Duration::from_millis(100)),
            max_memory_bytes: 8 << 20,
            max_volatile_bytes: 8 << 20,
        }
    }
}

impl SpoolOptions {
    /// Segments are dropped whole, so they are a small part of all; and not so large that reading one is long.
    pub(super) fn segment_bytes(&self) -> u64 {
        (self.max_bytes / u64::from(PARTS)).clamp(4 << 10, 16 << 20)
    }

    /// A lane of few messages begins a new segment so often, for the same reason.
    pub(super) fn segment_age(&self) -> Duration {
        (self.max_age / PARTS).max(Duration::from_secs(1))
    }
}
