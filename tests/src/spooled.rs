//! What waits in an adapter's spool.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use tagwise::{
    domain::{Epoch, Lane},
    spool::{Spool, SpoolDisks, SpoolOptions},
    telemetry::Metrics,
};

const CHUNK: usize = 1000;

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpooledMessage {
    /// Where to.
    pub topic: String,
    /// Its payload.
    pub payload: Bytes,
}

/// The spool of a state directory's only broker.
#[derive(Clone, Debug)]
pub struct SpoolFolder {
    path: PathBuf,
}

impl SpoolFolder {
    /// Finds it.
    pub fn in_state(state_dir: &Path) -> Result<Self> {
        let folder = state_dir.join("spool");
        let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        let paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        let path = paths.into_iter().find(|path| path.is_dir()).context("there is no spool")?;
        Ok(Self { path })
    }

    /// All messages that wait, those of each lane in order. A copy is read: opening a spool mends what is torn, and the
    /// adapter may be running.
    pub fn messages(&self) -> Result<Vec<SpooledMessage>> {
        let copy = tempfile::tempdir()?;
        for lane in ["urgent", "values"] {
            fs::create_dir(copy.path().join(lane))?;
            for entry in fs::read_dir(self.path.join(lane))? {
                let entry = entry?;
                match fs::copy(entry.path(), copy.path().join(lane).join(entry.file_name())) {
                    // A running adapter removes what it needs no more.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    copied => drop(copied?),
                }
            }
        }
        let disks = SpoolDisks::below(copy.path())?;
        let spool = Spool::open("copy", disks, Epoch(u64::MAX), SpoolOptions::default(), &Metrics::new("copy"))?;
        let mut taken = Vec::new();
        for lane in [Lane::Urgent, Lane::Values] {
            while spool.read(lane, CHUNK, &mut taken) > 0 {}
        }
        let messages = taken.into_iter().map(|(_, message)| SpooledMessage {
            topic: message.route.topic.as_str().to_owned(),
            payload: message.payload,
        });
        Ok(messages.collect())
    }

    /// The files with values, the oldest first, and their lengths in bytes.
    pub fn value_segments(&self) -> Result<Vec<(PathBuf, u64)>> {
        let mut segments = Vec::new();
        for entry in fs::read_dir(self.path.join("values"))? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "seg") {
                segments.push((entry.path(), entry.metadata()?.len()));
            }
        }
        segments.sort();
        Ok(segments)
    }
}
