//! Certificates of OPC UA: our own, and which of the servers' are trusted.
//!
//! A [`Store`] is the directory with `own/`, `private/`, `trusted/`, `issuers/` and `rejected/`; [`OwnCertificate`] is
//! what we show to servers, and [`trust::judge`] decides about what they show to us. The library's own decision knows
//! neither authorities nor names in another order than its own, and is left out.

pub mod certificate;
pub mod chain;
mod error;
pub(in crate::opcua) mod expiry;
mod files;
mod issue;
pub mod keys;
pub(super) mod library;
pub mod own;
pub mod store;
#[cfg(test)]
pub(super) mod test_support;
pub mod trust;

pub use certificate::Certificate;
pub use error::PkiError;
pub use own::OwnCertificate;
pub use store::Store;
