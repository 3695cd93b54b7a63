//! Puts the parts together.

use std::path::Path;

use tagwise_model::Registry;

use super::{
    brokers::Brokers, conflicts, context::Context, models::Models, northbound, opcua, process, southbound, tags::Tags,
};
use crate::config::{
    effective::{Config, ModelConfig},
    expression::Environment,
    keys::ROOT,
    report::Report,
    source::Source,
    tree::Mapping,
    view::View,
};
use crate::domain::BrokerId;

/// What a mapping is resolved with, besides itself.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// The text, for messages.
    pub source: &'a Source,
    /// The kinds of detector there are.
    pub registry: &'a Registry,
    /// For `$STATE_DIRECTORY`.
    pub environment: &'a dyn Environment,
    /// The directory of the mapping file, absolute.
    pub directory: &'a Path,
}

/// A resolved mapping.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The mapping as it runs.
    pub config: Config,
    /// All entries of `models:`, also those that no mapping names.
    pub declared_models: Vec<ModelConfig>,
    /// Values that `--resolved` must not print, besides passwords and tokens.
    pub masked: Vec<String>,
}

/// Resolves a mapping whose form has been checked. `None` when the report has an error.
pub(crate) fn resolve(root: &Mapping, inputs: Inputs<'_>, report: &mut Report) -> Option<Resolved> {
    let Inputs { source, registry, environment, directory } = inputs;
    let mut context = Context { source, report, registry, environment, directory, masked: Vec::new() };
    let context = &mut context;
    let root = View::new(root, &ROOT);

    let adapter = process::adapter(&root, context);
    let id = adapter.as_ref().map_or("adapter", |adapter| adapter.id.as_str()).to_owned();
    let opcua = opcua::opcua(&root, adapter.as_ref().map(|adapter| adapter.state_dir.as_path()), context);
    let brokers = Brokers::read(&root, &id, context);
    let http = process::http(&root, context);
    let tags = Tags::read(&root, context);
    let mut models = Models::declared(&root, &tags, context);
    let southbound = southbound::read(&root, &id, &brokers, &tags, context);
    let northbound = northbound::read(&root, &id, &brokers, &tags, &mut models, &southbound, context);
    conflicts::check(&tags, &northbound, &southbound, adapter.as_ref(), context);
    models.warn_of_unused(context);
    let commands = southbound.iter().filter(|planned| planned.mapping.topic_filter.is_some());
    let used: Vec<BrokerId> = northbound
        .iter()
        .map(|planned| planned.mapping.broker)
        .chain(commands.map(|planned| planned.mapping.broker))
        .collect();
    brokers.warn_of_unused(&used, context);

    let is_complete = !context.report.has_errors();
    let masked = std::mem::take(&mut context.masked);
    let declared_models = models.all();
    let config = Config {
        adapter: adapter.filter(|_| is_complete)?,
        opcua: opcua?,
        brokers: brokers.into_configs()?,
        models: models.into_configs(),
        tags: tags.into_configs()?,
        northbound_mappings: northbound.into_iter().map(|planned| planned.mapping).collect(),
        southbound_mappings: southbound.into_iter().map(|planned| planned.mapping).collect(),
        http,
    };
    Some(Resolved { config, declared_models, masked })
}
