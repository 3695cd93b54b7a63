//! `tagwise check` and `tagwise schema`.

use std::{
    io::{self, Write},
    path::Path,
};

use tagwise_model::Registry;

use super::{
    args::Format,
    entry::{DONE, MAPPING_INVALID},
};
use crate::config::{self, Diagnostics, ProcessEnvironment};

/// Reports every mistake of a mapping; with `resolved`, prints what it comes to.
pub fn check(mapping: &Path, resolved: bool, format: Format) -> anyhow::Result<u8> {
    match config::load(mapping, &ProcessEnvironment, &Registry::builtin()) {
        Err(diagnostics) => {
            report(&diagnostics, format)?;
            Ok(MAPPING_INVALID)
        }
        Ok(loaded) => {
            if !loaded.warnings.list.is_empty() || format == Format::Json {
                report(&loaded.warnings, format)?;
            }
            let mut out = io::stdout().lock();
            if resolved {
                out.write_all(config::resolved_yaml(&loaded).as_bytes())?;
            } else if format == Format::Text {
                let config = &loaded.config;
                writeln!(
                    out,
                    "{}: valid; {} tags, {} northbound and {} southbound mappings, {} models",
                    mapping.display(),
                    config.tags.len(),
                    config.northbound_mappings.len(),
                    config.southbound_mappings.len(),
                    config.models.len(),
                )?;
            }
            Ok(DONE)
        }
    }
}

/// Prints the JSON Schema of the mapping language.
pub fn schema() -> anyhow::Result<u8> {
    writeln!(io::stdout().lock(), "{}", serde_json::to_string_pretty(&config::schema())?)?;
    Ok(DONE)
}

/// Text goes to stderr, where people look for mistakes; JSON goes to stdout, where programs do.
pub(super) fn report(diagnostics: &Diagnostics, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Text => writeln!(io::stderr().lock(), "{diagnostics}")?,
        Format::Json => writeln!(io::stdout().lock(), "{}", serde_json::to_string_pretty(&diagnostics.to_json())?)?,
    }
    Ok(())
}
