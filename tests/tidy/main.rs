//! Rules about the repository itself that no compiler checks.

mod docs;
mod files;
mod layout;
mod manifests;
mod source;
