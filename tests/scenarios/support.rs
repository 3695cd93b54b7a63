//! What several scenarios need.

use std::{fmt::Write, fs, path::Path};

use anyhow::Result;

/// Writes a CSV file of one column for `training: { file: … }`.
pub(crate) fn write_column(file: &Path, name: &str, values: impl IntoIterator<Item = f64>) -> Result<()> {
    let mut text = format!("{name}\n");
    for value in values {
        writeln!(text, "{value}")?;
    }
    Ok(fs::write(file, text)?)
}
