//! Which instance sees which values: one per mapping or one for all of them, as each model's `per` says.

use std::{collections::HashMap, sync::Arc};

use tagwise_model::{Registry, Sampling};

use super::{
    Instance,
    instance::{InstanceSpec, Owner},
};
use crate::{
    config::{
        Config,
        effective::{ModelConfig, ModelScope, NorthboundMapping, Training},
    },
    domain::TagName,
};

/// All instances of a mapping file, and who feeds them.
pub(super) struct Bound<'a> {
    /// With the models that they come from, in the order of their models' names.
    pub(super) instances: Vec<(Arc<Instance>, &'a ModelConfig)>,
    /// By northbound mapping.
    pub(super) by_mapping: Vec<Option<Arc<Instance>>>,
    /// By tag: the instances that have it among their further inputs, and as which one.
    pub(super) listeners: Vec<Vec<(Arc<Instance>, usize)>>,
}

/// Makes the instances that a mapping file asks for.
pub(super) fn bind<'a>(config: &'a Config, registry: &Registry) -> Bound<'a> {
    let mut bound = Bound {
        instances: Vec::new(),
        by_mapping: Vec::with_capacity(config.northbound_mappings.len()),
        listeners: vec![Vec::new(); config.tags.len()],
    };
    let mut shared: HashMap<usize, Arc<Instance>> = HashMap::new();
    for mapping in &config.northbound_mappings {
        let instance = mapping.model.map(|index| {
            let model = &config.models[index];
            if let Some(instance) = shared.get(&index) {
                return Arc::clone(instance);
            }
            let instance = Arc::new(Instance::new(instance_spec(config, mapping, model, registry)));
            if model.per == ModelScope::Model {
                shared.insert(index, Arc::clone(&instance));
            }
            for (other, tag) in model.inputs.iter().enumerate() {
                bound.listeners[tag.index()].push((Arc::clone(&instance), other + 1));
            }
            bound.instances.push((Arc::clone(&instance), model));
            instance
        });
        bound.by_mapping.push(instance);
    }
    bound.instances.sort_by(|(left, _), (right, _)| left.model().cmp(right.model()));
    bound
}

fn instance_spec(
    config: &Config,
    mapping: &NorthboundMapping,
    model: &ModelConfig,
    registry: &Registry,
) -> InstanceSpec {
    let own = config.tags[mapping.tag.index()].name.clone();
    let owner = (model.per == ModelScope::Tag).then(|| Owner { tag: own.clone(), topic: mapping.topic.clone() });
    // A shared instance sees the values of many tags in the place of the first input.
    let first = if owner.is_some() { own } else { TagName::new("value") };
    let others = model.inputs.iter().map(|tag| config.tags[tag.index()].name.clone());
    let is_sequential = registry.get(&model.spec.kind).is_some_and(|kind| kind.is_sequential());
    InstanceSpec {
        model: model.name.as_str().into(),
        owner,
        spec: Arc::clone(&model.spec),
        sampling: if is_sequential { Sampling::Blocks } else { Sampling::Rows },
        inputs: std::iter::once(first).chain(others).collect(),
        warm_up_samples: match model.training {
            Training::Samples(samples) => samples,
            Training::File { .. } | Training::Artefact(_) => 0,
        },
        explain: model.explain,
    }
}
