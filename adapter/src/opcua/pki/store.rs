//! The directory of certificates: what is trusted, what was rejected, and the way from one to the other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    certificate::Certificate,
    error::PkiError,
    files::{self, Readers},
};

/// Rejected certificates that are kept; a stranger could send a new one at every attempt.
const MAX_REJECTED: usize = 20;
/// Files of one folder that are looked at.
const MAX_FILES: usize = 1_000;
/// Shorter beginnings of a fingerprint are asked for by mistake.
const MIN_DIGITS: usize = 6;

/// A folder of certificates of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Servers, and authorities whose servers are trusted.
    Trusted,
    /// Authorities that only help to find the way to a trusted one.
    Issuers,
    /// What servers have shown and nobody has trusted.
    Rejected,
}

impl Folder {
    /// The name of the folder.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Issuers => "issuers",
            Self::Rejected => "rejected",
        }
    }
}

/// The certificates that decide about others.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    /// Trusted themselves.
    pub certificates: Vec<Certificate>,
    /// On the way to them.
    pub issuers: Vec<Certificate>,
}

/// A certificate with its file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands.
    pub path: PathBuf,
    /// What stands there.
    pub certificate: Certificate,
    /// Whether nothing else stands in the file.
    is_alone: bool,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// Every certificate, by the name of its file.
    pub entries: Vec<Entry>,
    /// Files that are none, with the reason.
    pub unreadable: Vec<String>,
}

/// The directory of certificates. It is read anew at each question, so that a change counts at once.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The store in a directory, which may not be there yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory of a folder.
    pub fn folder(&self, folder: Folder) -> PathBuf {
        self.directory.join(folder.as_str())
    }

    /// What a folder holds; nothing when it is not there.
    ///
    /// # Errors
    /// When the folder cannot be read. A file that cannot is listed.
    pub fn list(&self, folder: Folder) -> Result<Listing, PkiError> {
        list(&self.folder(folder))
    }

    /// The certificates that decide about others. A file that cannot be read trusts nobody, and is left out.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn trusted(&self) -> Result<Trusted, PkiError> {
        let of = |folder| {
            let listing = self.list(folder)?;
            Ok::<_, PkiError>(listing.entries.into_iter().map(|entry| entry.certificate).collect())
        };
        Ok(Trusted { certificates: of(Folder::Trusted)?, issuers: of(Folder::Issuers)? })
    }

    /// Keeps what a server has shown, so that it can be trusted; the oldest beyond a bound are forgotten.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_rejected(&self, certificate: &Certificate) -> Result<(), PkiError> {
        let folder = self.folder(Folder::Rejected);
        let listing = list(&folder)?;
        if listing.entries.iter().any(|entry| entry.certificate.is_same(certificate)) {
            return Ok(());
        }
        let written = |entry: &Entry| fs::metadata(&entry.path).and_then(|metadata| metadata.modified()).ok();
        let mut entries = listing.entries;
        entries.sort_by_key(written);
        let surplus = (entries.len() + 1).saturating_sub(MAX_REJECTED);
        for entry in entries.iter().take(surplus) {
            remove(&entry.path)?;
        }
        files::make_directory(&folder, Readers::All)?;
        files::write(&file_of(&folder, certificate), certificate.der(), Readers::All)
    }

    /// Trusts a rejected certificate by the beginning of its fingerprint, or that of a file.
    ///
    /// # Errors
    /// When there is none or several, or it cannot be moved.
    pub fn trust(&self, what: &str) -> Result<Certificate, PkiError> {
        self.place(what, Folder::Rejected, Folder::Trusted)
    }

    /// Takes trust back, by the beginning of a fingerprint or by a file.
    ///
    /// # Errors
    /// When there is none or several, or it cannot be moved.
    pub fn reject(&self, what: &str) -> Result<Certificate, PkiError> {
        self.place(what, Folder::Trusted, Folder::Rejected)
    }

    fn place(&self, what: &str, from: Folder, to: Folder) -> Result<Certificate, PkiError> {
        let digits = digits(what);
        let (certificate, is_stranger) = match &digits {
            Some(digits) => match self.find(from, digits, what) {
                Ok(certificate) => (certificate, false),
                // Doing it twice is no mistake.
                Err(unknown @ PkiError::Unknown { .. }) => {
                    return self.find(to, digits, what).map_err(|_| unknown);
                }
                Err(error) => return Err(error),
            },
            None if Path::new(what).exists() => (files::read_certificates(Path::new(what))?.swap_remove(0), true),
            None => return Err(PkiError::Fingerprint(what.chars().take(100).collect())),
        };
        let source = self.list(from)?;
        let is_there = |entry: &&Entry| entry.certificate.is_same(&certificate);
        // What stays behind in the old folder would still count, or come back.
        if let Some(entry) = source.entries.iter().filter(is_there).find(|entry| !entry.is_alone) {
            return Err(PkiError::File {
                path: entry.path.clone(),
                reason: "it holds several certificates; divide it",
            });
        }
        if is_stranger && from == Folder::Trusted && !source.entries.iter().any(|entry| is_there(&entry)) {
            let fingerprint = certificate.thumbprint.clone();
            return Err(PkiError::Unknown { directory: self.folder(from), fingerprint });
        }
        let target = self.folder(to);
        files::make_directory(&target, Readers::All)?;
        files::write(&file_of(&target, &certificate), certificate.der(), Readers::All)?;
        for entry in source.entries.iter().filter(is_there) {
            remove(&entry.path)?;
        }
        Ok(certificate)
    }

    fn find(&self, folder: Folder, digits: &str, what: &str) -> Result<Certificate, PkiError> {
        let (directory, fingerprint) = (self.folder(folder), what.to_owned());
        let mut found: Vec<Certificate> = Vec::new();
        for entry in self.list(folder)?.entries {
            let one = entry.certificate;
            let is_meant = one.thumbprint.starts_with(digits) || one.sha256.starts_with(digits);
            if is_meant && !found.iter().any(|other| other.is_same(&one)) {
                found.push(one);
            }
        }
        match found.len() {
            0 => Err(PkiError::Unknown { directory, fingerprint }),
            1 => Ok(found.swap_remove(0)),
            count => Err(PkiError::Ambiguous { directory, fingerprint, count }),
        }
    }
}

/// What is written by its thumbprint: a name that a stranger chose could be that of another file.
fn file_of(folder: &Path, certificate: &Certificate) -> PathBuf {
    folder.join(format!("{}.der", certificate.thumbprint))
}

fn remove(path: &Path) -> Result<(), PkiError> {
    fs::remove_file(path).map_err(|source| PkiError::Io { what: "remove", path: path.to_owned(), source })
}

/// All certificates of a directory.
pub(super) fn list(directory: &Path) -> Result<Listing, PkiError> {
    let mut listing = Listing::default();
    for path in files_of(directory)? {
        match files::read_certificates(&path) {
            Ok(certificates) => {
                let is_alone = certificates.len() == 1;
                let entry = |certificate| Entry { path: path.clone(), certificate, is_alone };
                listing.entries.extend(certificates.into_iter().map(entry));
            }
            Err(error) => listing.unreadable.push(error.to_string()),
        }
    }
    Ok(listing)
}

/// The files of a directory by name, without hidden and put-away ones.
pub(super) fn files_of(directory: &Path) -> Result<Vec<PathBuf>, PkiError> {
    let wrong = |source| PkiError::Io { what: "read the directory", path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(error)),
    };
    let mut paths = Vec::new();
    for entry in entries.take(MAX_FILES) {
        let path = entry.map_err(wrong)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_put_away = name.starts_with('.') || name.ends_with(".old") || name.ends_with(".new");
        if !is_put_away && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The hexadecimal digits of a fingerprint, however it is written; `None` when it is none.
fn digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ' | '-')).collect();
    let is_fingerprint = (MIN_DIGITS..=64).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_hexdigit());
    is_fingerprint.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
