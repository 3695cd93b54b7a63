//! A text that opens a door, and that is read anew from the files that it came from.
//!
//! Secrets are rotated under a running process. What `${file:…}` gave is therefore kept together with the way to it;
//! what `${env:…}` gave cannot change any more and is kept as text.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::expression::read_file;

/// The parts of a text of which at least one is the content of a file.
#[derive(Clone)]
pub(super) struct FileTemplate {
    pub(super) parts: Vec<Part>,
}

/// A part of a text.
#[derive(Clone)]
pub(super) enum Part {
    /// It stays as it is; it may be secret, too.
    Fixed(SecretString),
    /// The content of the file at this absolute path.
    File(PathBuf),
}

impl fmt::Debug for FileTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.files()).finish()
    }
}

impl FileTemplate {
    fn files(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().filter_map(|part| match part {
            Part::File(path) => Some(path.as_path()),
            Part::Fixed(_) => None,
        })
    }

    fn read(&self) -> Result<SecretString, RereadError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Fixed(fixed) => text.push_str(fixed.expose_secret()),
                Part::File(path) => match read_file(path) {
                    Ok(content) => text.push_str(&content),
                    Err(reason) => return Err(RereadError { path: path.clone(), reason }),
                },
            }
        }
        Ok(text.into())
    }
}

/// A file that a credential comes from could not be read again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the file {} cannot be used: {reason}", path.display())]
pub struct RereadError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// A text that opens a door. Its `Debug` shows neither it nor where it comes from.
#[derive(Clone)]
pub struct Credential {
    loaded: SecretString,
    source: Option<FileTemplate>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Credential").field(&self.loaded).finish()
    }
}

impl Credential {
    pub(super) fn new(text: &str, source: Option<FileTemplate>) -> Self {
        Self { loaded: text.to_owned().into(), source }
    }

    /// What it was when the mapping was loaded.
    pub fn loaded(&self) -> &str {
        self.loaded.expose_secret()
    }

    /// What it is now. Reads the files that the mapping names for it; blocks on the file system.
    ///
    /// # Errors
    /// A file cannot be read any more, is too large, or is no text.
    pub fn read(&self) -> Result<SecretString, RereadError> {
        match &self.source {
            Some(source) => source.read(),
            None => Ok(self.loaded.clone()),
        }
    }
}

/// A credential that stands in the mapping itself.
impl From<&str> for Credential {
    fn from(text: &str) -> Self {
        Self::new(text, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_a_file_is_read_again_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "one\n").unwrap();
        let parts =
            vec![Part::Fixed("a-".to_owned().into()), Part::File(path.clone()), Part::Fixed("-z".to_owned().into())];
        let credential = Credential::new("a-one-z", Some(FileTemplate { parts }));
        let read = || credential.read().map(|text| text.expose_secret().to_owned());
        assert_eq!(read().as_deref(), Ok("a-one-z"));
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(read().as_deref(), Ok("a-two-z"));
        assert_eq!(credential.loaded(), "a-one-z");
        std::fs::remove_file(&path).unwrap();
        let error = read().unwrap_err();
        assert_eq!(error.path, path);
        let shown = format!("{credential:?} {error}");
        assert!(shown.contains("secret") && !shown.contains("one") && !shown.contains("a-"), "{shown}");
    }

    #[test]
    fn what_stands_in_the_mapping_stays() {
        let credential = Credential::from("s3cret");
        assert_eq!(credential.read().unwrap().expose_secret(), "s3cret");
        assert!(!format!("{credential:?}").contains("s3cret"));
    }
}
