//! Versions of model instances: grow by one, never reused, so they outlive the process.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::supervisor::state_dir::write_atomically;

/// Why versions could not be read.
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
}

/// The last version of every instance, by `Instance::key`, in a YAML file.
#[derive(Debug)]
pub struct Versions {
    path: PathBuf,
    last: BTreeMap<String, u64>,
    /// Whether the file says less than `last`.
    is_behind: bool,
}

impl Versions {
    /// Reads `model_versions.yaml` from the state directory; a missing file is an empty one.
    pub fn open(state_dir: &Path) -> Result<Self, VersionsError> {
        let path = state_dir.join("model_versions.yaml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::new(path, BTreeMap::new())),
            Err(source) => return Err(VersionsError::Read { path, source }),
        };
        match serde_yaml::from_str(&text) {
            Ok(last) => Ok(Self::new(path, last)),
            Err(source) => Err(VersionsError::Format { path, source }),
        }
    }

    const fn new(path: PathBuf, last: BTreeMap<String, u64>) -> Self {
        Self { path, last, is_behind: false }
    }

    /// Gives each instance its next version, and keeps them on disk before anyone can see them. While the disk takes
    /// nothing they are given all the same, since a model that scores is worth more; `catch_up` keeps them later.
    pub fn take(&mut self, keys: &[String]) -> Vec<u64> {
        let taken = keys.iter().map(|key| {
            let last = self.last.entry(key.clone()).or_insert(0);
            *last = last.saturating_add(1);
            *last
        });
        let taken = taken.collect();
        self.is_behind = true;
        if let Some(trouble) = self.catch_up() {
            tracing::warn!("{trouble}");
        }
        taken
    }

    /// Writes what the disk has refused; why it still does, in a sentence.
    pub fn catch_up(&mut self) -> Option<String> {
        if !self.is_behind {
            return None;
        }
        let text = serde_yaml::to_string(&self.last).expect("a map of text to numbers always has a YAML form");
        match write_atomically(&self.path, text.as_bytes()) {
            Ok(()) => {
                self.is_behind = false;
                None
            }
            Err(error) => Some(format!(
                "cannot write `{}` ({error}): should the process end now, model versions would be used a second time; free or \
                 mend the disk",
                self.path.display()
            )),
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
        assert_eq!(versions.take(&keys), [1, 1]);
        assert_eq!(versions.take(&keys[..1]), [2]);
        drop(versions);
        assert_eq!(Versions::open(dir.path()).unwrap().take(&keys), [3, 2]);
    }

    #[test]
    fn versions_that_the_disk_refuses_are_kept_once_it_takes_them() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ["a".to_owned()];
        let mut versions = Versions::open(dir.path()).unwrap();
        versions.take(&keys);
        // In the place of the new file, which cannot be made then.
        let obstacle = dir.path().join("model_versions.new");
        fs::create_dir(&obstacle).unwrap();
        assert_eq!(versions.take(&keys), [2]);
        let trouble = versions.catch_up().unwrap();
        assert!(trouble.contains("model_versions.yaml"), "{trouble}");
        fs::remove_dir(&obstacle).unwrap();
        assert_eq!(versions.catch_up(), None);
        assert_eq!(Versions::open(dir.path()).unwrap().take(&keys), [3]);
    }

    #[test]
    fn a_foreign_file_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("model_versions.yaml"), "- 1\n- 2\n").unwrap();
        let error = Versions::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("model_versions.yaml"), "{error}");
    }
}
