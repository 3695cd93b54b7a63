//! `tagwise run`: one mapping, one adapter, until told to stop.

use std::path::Path;

use tagwise_model::Registry;

use super::{
    entry::{DONE, MAPPING_INVALID},
    signals::StopSignals,
};
use crate::{
    app::App,
    config::{self, ProcessEnvironment},
};

/// Loads the mapping and runs it.
pub fn run(mapping: &Path) -> anyhow::Result<u8> {
    let registry = Registry::builtin();
    let loaded = match config::load(mapping, &ProcessEnvironment, &registry) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            super::check::report(&diagnostics, super::args::Format::Text)?;
            return Ok(MAPPING_INVALID);
        }
    };
    for warning in &loaded.warnings.list {
        tracing::warn!(line = warning.line, "{}", warning.message);
    }
    runtime()?.block_on(async {
        let signals = StopSignals::listen()?;
        App::new(loaded.config, registry).run(signals.first(), |_| {}).await
    })?;
    Ok(DONE)
}

/// The runtime of every command that does more than read a file.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
