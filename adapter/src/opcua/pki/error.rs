//! What can go wrong with certificates, keys and their directory.

use std::{io, path::PathBuf};

use thiserror::Error;

/// What can go wrong with certificates, keys and their directory; each says what to do.
#[derive(Debug, Error)]
pub enum PkiError {
    /// A file or directory cannot be read or written.
    #[error("cannot {what} {}: {source}; check path and permissions", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file that is too large or no plain file.
    #[error("{} is not read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No certificate that could be used.
    #[error("{what} is no certificate: {reason}; it must be X.509 in PEM or DER form with an RSA key")]
    Certificate {
        /// The file, or whose it is.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No private key that could be used.
    #[error("{} is no private key: {reason}; it must be an unencrypted RSA key in PEM or DER form", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and private key are not a pair.
    #[error("the private key {} does not belong to the certificate {}; put the right one there", key.display(), certificate.display())]
    NoPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate whose key is not there.
    #[error(
        "{} has a certificate, but no private key in {} belongs to it; put the key there, or make a new pair with `tagwise certs generate --renew`",
        certificates.display(),
        keys.display()
    )]
    NoKey {
        /// The directory of certificates.
        certificates: PathBuf,
        /// The directory of keys.
        keys: PathBuf,
    },
    /// There is a pair already.
    #[error("there is a certificate already: {}; servers trust it, so it is only replaced with `--renew`", path.display())]
    Exists {
        /// The certificate's file.
        path: PathBuf,
    },
    /// A text that cannot be part of a certificate.
    #[error("{text:?} cannot be {what} of a certificate; use printable ASCII without spaces")]
    Name {
        /// The text.
        text: String,
        /// What it was to be.
        what: &'static str,
    },
    /// The certificate could not be made.
    #[error("the certificate could not be made: {reason}")]
    Issue {
        /// What the library said.
        reason: String,
    },
    /// No certificate has that fingerprint.
    #[error("no certificate in {} has the fingerprint {fingerprint}; `tagwise certs list` shows all", directory.display())]
    Unknown {
        /// The directory that was searched.
        directory: PathBuf,
        /// As it was asked for.
        fingerprint: String,
    },
    /// Several certificates have a fingerprint that begins so.
    #[error("{count} certificates in {} have a fingerprint that begins with {fingerprint}; write more of it", directory.display())]
    Ambiguous {
        /// The directory that was searched.
        directory: PathBuf,
        /// As it was asked for.
        fingerprint: String,
        /// How many.
        count: usize,
    },
    /// A text that is no fingerprint.
    #[error(
        "{0:?} is no fingerprint: at least 6 hexadecimal digits of a SHA-1 or SHA-256 fingerprint are due, and there is no such file"
    )]
    Fingerprint(String),
}
