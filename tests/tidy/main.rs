//! Rules about the repository itself that no compiler checks.

mod docs;
mod files;
mod folders;
mod layout;
mod manifests;
mod source;
