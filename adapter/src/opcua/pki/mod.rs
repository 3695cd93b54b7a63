//! Certificates of OPC UA: our own, and which of the servers' are trusted.
//!
//! A [`Store`] is the directory with `own/`, `private/`, `trusted/`, `issuers/` and `rejected/`; [`OwnCertificate`] is
//! what we show to servers, and [`trust::judge`] decides about what they show to us. The library's own decision knows
//! neither authorities nor names in another order than its own, and is left out.

pub mod certificate;
pub mod chain;
mod der;
mod error;
pub(in crate::opcua) mod expiry;
mod fields;
mod files;
mod issue;
pub mod keys;
mod names;
pub mod own;
pub mod remembered;
pub mod store;
#[cfg(test)]
mod test_der;
#[cfg(test)]
pub(super) mod test_support;
pub mod trust;

pub use certificate::Certificate;
pub use error::PkiError;
pub use own::OwnCertificate;
pub use store::Store;
