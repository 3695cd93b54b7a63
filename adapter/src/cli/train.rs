//! `tagwise train`: fits a model of a mapping to a table, and keeps it as a file.

use std::{
    collections::HashSet,
    io::{self, Write as _},
    sync::Arc,
};

use anyhow::bail;
use tagwise_model::{Model, ModelSpec, Registry, TrainingRows};

use super::{
    args::Format,
    check,
    describe::describe,
    entry::{DONE, MAPPING_INVALID},
    histogram::histogram,
    model_args::Train,
    model_files::{is_standard, read_table, tolerate_closed, write},
    progress::bar,
};
use crate::{
    config::{self, Loaded, ProcessEnvironment, did_you_mean, effective::ModelConfig},
    table::{Columns, Table},
};

/// Trains, writes the model, and reports.
pub(super) fn train(arguments: &Train) -> anyhow::Result<u8> {
    let registry = Registry::builtin();
    let loaded = match config::load(&arguments.mapping, &ProcessEnvironment, &registry) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            check::report(&diagnostics, Format::Text)?;
            return Ok(MAPPING_INVALID);
        }
    };
    let Choice { spec, inputs } = choose(&loaded, &arguments.model, &registry)?;
    let table = read_table(&arguments.table.input, &arguments.table.options(inputs))?;
    let rows = spec.make_features(table.rows())?;
    let progress = bar("training", 0);
    let model = spec.fit_features(&registry, &rows, &mut |step| {
        progress.set_length(step.total as u64);
        progress.set_position(step.done as u64);
    });
    progress.finish_and_clear();
    let mut model = model?;
    name_inputs(&mut model, &table);

    let artefact = model.to_artefact();
    write(&arguments.output, &artefact)?;
    let report = report(&model, &rows, artefact.len())?;
    if is_standard(&arguments.output) {
        tolerate_closed(io::stderr().lock().write_all(report.as_bytes()))?;
    } else {
        tolerate_closed(io::stdout().lock().write_all(report.as_bytes()))?;
    }
    Ok(DONE)
}

/// A model, and the columns that its inputs are in when nobody names them.
struct Choice {
    spec: Arc<ModelSpec>,
    inputs: Columns,
}

fn choose(loaded: &Loaded, name: &str, registry: &Registry) -> anyhow::Result<Choice> {
    let all = || loaded.declared_models.iter();
    if let Some(model) = all().find(|model| model.name == name) {
        return Ok(Choice { spec: Arc::clone(&model.spec), inputs: inputs_of(loaded, model) });
    }
    if let Some(kind) = registry.get(&name.to_lowercase()) {
        let spec = Arc::new(ModelSpec::defaults_of(kind.as_ref()));
        return Ok(Choice { spec, inputs: Columns::All });
    }
    // A kind that the mapping names directly is among its models as well.
    let mut seen = HashSet::new();
    let names = all().map(|model| model.name.as_str()).chain(registry.names());
    let names: Vec<&str> = names.filter(|name| seen.insert(*name)).collect();
    let guess =
        did_you_mean(name, names.iter().copied()).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    bail!("the mapping has no model `{name}`{guess}; there are {}", names.join(", "))
}

/// The first input is the value of the tag whose mapping names the model; of several such tags none is meant more than
/// the others, and the column is called `value` or after the model.
fn inputs_of(loaded: &Loaded, model: &ModelConfig) -> Columns {
    let config = &loaded.config;
    let tag = |id: crate::domain::TagId| config.tags[id.index()].name.as_str().to_owned();
    let position = config.models.iter().position(|used| used.name == model.name);
    let mut owners =
        config.northbound_mappings.iter().filter(|mapping| position.is_some() && mapping.model == position);
    let first = match (owners.next(), owners.next()) {
        (Some(owner), None) => tag(owner.tag),
        (Some(_), Some(_)) => model.name.clone(),
        // Nobody uses it yet, and a chain without features takes as many columns as there are.
        (None, _) if model.inputs.is_empty() && model.spec.features.inputs().is_none() => return Columns::All,
        (None, _) => model.name.clone(),
    };
    Columns::Inputs(std::iter::once(first).chain(model.inputs.iter().map(|input| tag(*input))).collect())
}

/// A model without names can be used as well, so columns that cannot lend theirs are no reason to lose the training.
fn name_inputs(model: &mut Model, table: &Table) {
    if let Err(error) = model.name_inputs(table.names().to_vec()) {
        tracing::warn!("the model does not keep the names of its columns, so scoring may ask for --columns: {error}");
    }
}

fn report(model: &Model, rows: &TrainingRows, bytes: usize) -> anyhow::Result<String> {
    let scores = model.training_scores(rows)?;
    let mut text = describe(model, bytes)?;
    text.push_str("\nscores of the training rows\n");
    text.push_str(&histogram(&scores, model.threshold()));
    Ok(text)
}
