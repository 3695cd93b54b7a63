//! Rules about the repository itself that no compiler checks.

mod files;
mod layout;
mod source;
