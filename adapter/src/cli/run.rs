//! `tagwise run`: one mapping, one adapter, until told to stop.

use std::{future::Future, path::Path};

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
    block_on(async {
        let signals = StopSignals::listen()?;
        App::new(loaded.config, registry).run(signals.first(), |_| {}).await
    })?;
    Ok(DONE)
}

/// Runs every command that does more than read a file. What then still blocks a thread, such as a look-up of a host
/// name or a training, does not hold up the end of the process.
pub(super) fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_background();
    outcome
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_thread_that_blocks_does_not_hold_up_the_end() {
        let (release_tx, release_rx) = mpsc::channel::<()>();
        block_on(async move {
            tokio::task::spawn_blocking(move || release_rx.recv());
            Ok(())
        })
        .unwrap();
        drop(release_tx);
    }
}
