//! Spools of brokers that the mapping does not name any more.

use std::{collections::BTreeSet, fs, io, path::Path, sync::Arc};

use super::{SpoolOptions, disk::Directory, log::Log};
use crate::domain::Epoch;

/// A spool that nobody reads.
#[derive(Debug)]
pub struct LeftBehind {
    /// The broker that it was for.
    pub broker: String,
    /// How many messages wait in it; an error when it cannot be read.
    pub messages: io::Result<u64>,
}

/// The spools below `root` with messages in them, or that cannot be read, and whose broker is none of `brokers`.
///
/// # Errors
///
/// When `root` is there and cannot be read.
pub fn left_behind(root: &Path, brokers: &BTreeSet<&str>) -> io::Result<Vec<LeftBehind>> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(broker) = entry.file_name().into_string() else { continue };
        if !entry.file_type()?.is_dir() || brokers.contains(broker.as_str()) {
            continue;
        }
        let messages = waiting(&entry.path());
        if !matches!(messages, Ok(0)) {
            found.push(LeftBehind { broker, messages });
        }
    }
    found.sort_unstable_by(|one, other| one.broker.cmp(&other.broker));
    Ok(found)
}

fn waiting(spool: &Path) -> io::Result<u64> {
    let mut messages = 0;
    for lane in ["urgent", "values"] {
        let path = spool.join(lane);
        if path.is_dir() {
            let disk = Arc::new(Directory::open(path)?);
            let (mut log, _) = Log::open(disk, Epoch(0), SpoolOptions::default().segment_bytes())?;
            messages += log.waiting()?;
        }
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Lane,
        spool::{Spool, SpoolDisks, sample},
        telemetry::Metrics,
    };

    fn spool(root: &Path, broker: &str, messages: u64) {
        let disks = SpoolDisks::below(&root.join(broker)).unwrap();
        let options = SpoolOptions::default();
        let spool = Spool::open(broker, disks, Epoch(1), options, &Metrics::new("line1")).unwrap();
        spool.append(Lane::Values, (1..=messages).map(|sequence| sample::message("a", sequence)).collect());
    }

    #[test]
    fn a_spool_without_its_broker_is_found_while_messages_wait_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let look = |brokers: &[&str]| -> Vec<(String, u64)> {
            let found = left_behind(&folder.path().join("spool"), &brokers.iter().copied().collect()).unwrap();
            found.into_iter().map(|left| (left.broker, left.messages.unwrap())).collect()
        };
        assert_eq!(look(&[]), []);
        for (broker, messages) in [("edge", 3), ("cloud", 2), ("old", 0)] {
            spool(&folder.path().join("spool"), broker, messages);
        }
        assert_eq!(look(&["edge", "cloud"]), []);
        assert_eq!(look(&["edge"]), [("cloud".to_owned(), 2)]);
        assert_eq!(look(&["broker"]), [("cloud".to_owned(), 2), ("edge".to_owned(), 3)]);
    }
}
