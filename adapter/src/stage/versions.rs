//! Versions of model instances: grow by one, never reused, so they outlive the process.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::supervisor::state_dir::write_atomically;

/// Why versions could not be read or kept.
#[derive(Debug, Error)]
pub enum VersionsError {
    /// The file cannot be read.
    #[error("cannot read `{path}`", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("`{path}` does not hold model versions; move it away to start counting anew", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_yaml::Error,
    },
    /// The file cannot be written.
    #[error("cannot write `{path}`; a version that is not kept could be used twice", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The last version of every instance, by `Instance::key`, in a YAML file.
#[derive(Debug)]
pub struct Versions {
    path: PathBuf,
    last: BTreeMap<String, u64>,
}

impl Versions {
    /// Reads `model_versions.yaml` from the state directory; a missing file is an empty one.
    pub fn open(state_dir: &Path) -> Result<Self, VersionsError> {
        let path = state_dir.join("model_versions.yaml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { path, last: BTreeMap::new() }),
            Err(source) => return Err(VersionsError::Read { path, source }),
        };
        match serde_yaml::from_str(&text) {
            Ok(last) => Ok(Self { path, last }),
            Err(source) => Err(VersionsError::Format { path, source }),
        }
    }

    /// Gives each instance its next version, and keeps them on disk before anyone can see them.
    pub fn take(&mut self, keys: &[String]) -> Result<Vec<u64>, VersionsError> {
        let taken = keys.iter().map(|key| {
            let last = self.last.entry(key.clone()).or_insert(0);
            *last = last.saturating_add(1);
            *last
        });
        let taken = taken.collect();
        let text = serde_yaml::to_string(&self.last).expect("a map of text to numbers always has a YAML form");
        match write_atomically(&self.path, text.as_bytes()) {
            Ok(()) => Ok(taken),
            Err(source) => Err(VersionsError::Write { path: self.path.clone(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_on_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ["a".to_owned(), "b".to_owned()];
        let mut versions = Versions::open(dir.path()).unwrap();
        assert_eq!(versions.take(&keys).unwrap(), [1, 1]);
        assert_eq!(versions.take(&keys[..1]).unwrap(), [2]);
        drop(versions);
        assert_eq!(Versions::open(dir.path()).unwrap().take(&keys).unwrap(), [3, 2]);
    }

    #[test]
    fn a_foreign_file_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("model_versions.yaml"), "- 1\n- 2\n").unwrap();
        let error = Versions::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("model_versions.yaml"), "{error}");
    }
}
