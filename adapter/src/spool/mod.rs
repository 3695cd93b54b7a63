//! First-in-first-out of outbound messages between the pipelines and the MQTT link; no MQTT, no OPC UA.
//!
//! One spool per broker, appended to by the pipelines and read by one publisher. It has two lanes, urgent and values,
//! each with positions that grow by one per message, and beside them a volatile queue for QoS 0:
//!
//! - `append` accepts a batch: from then on each message stays until the publisher acknowledges its position or
//!   retention drops it;
//! - `read` hands messages to the publisher in order, once; `acknowledge` lets go of them; after a lost connection
//!   `broker_left` takes back what was handed out and not acknowledged, so that reading starts again at the oldest;
//! - whatever is dropped is counted by reason and kept as a [`DroppedRange`] until the pipeline announces it.
//!
//! Each lane is a log of segment files (`segment` has the format, `record` that of what is in it) with a cursor up to
//! where all is acknowledged (`cursor`). A closed segment's summary stands beside it once more (`second_summary`), so that
//! what is missing of a damaged one can be named (`damage`). `log` knows the files, `lane` what of them is in memory, and `store` both lanes.
//! The invariants: a message is in a file before anybody can read it, except while the disk refuses it; files are only
//! ever written at their end; a segment goes when all of it is acknowledged, or to make room, and then its summary says
//! what goes with it; and what was lost is counted and named, on every way.

mod budget;
mod closed;
mod cursor;
mod damage;
mod dead_letters;
pub mod disk;
mod dropped;
pub mod hostile;
mod inspect;
mod lane;
mod left_behind;
mod log;
mod options;
mod position;
mod probe;
mod read_only;
mod record;
mod recovery;
mod rescue;
mod second_summary;
mod segment;
mod store;
mod summary;
mod tally;
mod task;

pub use dead_letters::DeadLetters;
pub use disk::{Directory, Disk, DiskFile};
pub use dropped::{DropCause, DropReason, DroppedRange};
pub use inspect::{DeadLetterCount, LaneFiles, Passed, SpoolFiles};
pub use left_behind::{LeftBehind, left_behind};
pub use options::{SpoolOptions, SyncPolicy};
pub use position::{Position, Tails};
pub use store::{Spool, SpoolDisks};
pub use tally::{MappingTally, Tally};
pub use task::SpoolTask;

#[cfg(test)]
mod model_test;
#[cfg(test)]
mod record_tests;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod store_tests;
