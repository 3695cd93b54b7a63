//! Models that were fitted in Python, from the JSON that `model/export/tagwise_export.py` writes.

mod build;
mod document;
mod error;
mod table;
#[cfg(test)]
mod tests;

pub use build::import_json;
pub use error::ImportError;
