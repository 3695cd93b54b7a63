//! The first half of the resolve pass: is every key known, is every value of the right type?
//!
//! It walks the whole tree by the key tables and reports everything, so that the second half, which builds the
//! `Config`, need not say anything about form.

mod detector;
mod guess;
mod walk;

pub(super) use detector::{is_planned, read_parameters};
pub(super) use guess::meant_key;
pub(super) use walk::{SMALLEST, check_form, show};
