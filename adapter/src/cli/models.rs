//! `tagwise models`: looks at model files, and brings models over from Python.

use std::io::{self, Write as _};

use anyhow::Context;
use tagwise_model::{Registry, import_json};

use super::{
    describe::describe,
    entry::DONE,
    model_args::Models,
    model_files::{is_standard, read_bytes, read_model, tolerate_closed, write},
};

/// Imports or shows.
pub(super) fn models(command: &Models) -> anyhow::Result<u8> {
    let registry = Registry::builtin();
    let text = match command {
        Models::Import { json, output } => {
            let bytes = read_bytes(json)?;
            let model =
                import_json(&bytes, &registry).with_context(|| format!("cannot import `{}`", json.display()))?;
            let artefact = model.to_artefact();
            write(output, &artefact)?;
            if is_standard(output) {
                return Ok(DONE);
            }
            describe(&model, artefact.len())?
        }
        Models::Show { model } => {
            let (model, bytes) = read_model(model, &registry)?;
            describe(&model, bytes)?
        }
    };
    tolerate_closed(io::stdout().lock().write_all(text.as_bytes()))?;
    Ok(DONE)
}
