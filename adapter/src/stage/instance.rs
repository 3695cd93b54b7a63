//! One trained (or not yet trained) model with its short memory, for one mapping or shared by several.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tagwise_model::{FeatureMemory, Model, ModelSpec, Readiness, Reservoir, Sampling, Time, TrainingRows};

use super::{
    Assessed, Unscored,
    fitted::Fitted,
    inputs::{Inputs, usable_number},
    question::Snapshot,
};
use crate::domain::{TagName, TagUpdate, Timestamp, TopicName};

/// Rows that a retraining draws on.
const RESERVOIR_ROWS: usize = 2_048;
/// The seed of every reservoir: which values are kept depends on the values alone.
const RESERVOIR_SEED: u64 = 0x7461_6777_6973_6531;

/// Whose values an instance sees; `None` for one that mappings share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The mapping's tag.
    pub tag: TagName,
    /// The mapping's topic, which tells two mappings of one tag apart.
    pub topic: TopicName,
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.tag, self.topic)
    }
}

/// What an instance is made from.
#[derive(Clone, Debug)]
pub struct InstanceSpec {
    /// The model's name in the mapping.
    pub model: Arc<str>,
    /// Whose values it sees; `None` when mappings share it.
    pub owner: Option<Owner>,
    /// What is trained.
    pub spec: Arc<ModelSpec>,
    /// Whether training rows have to follow each other in time.
    pub sampling: Sampling,
    /// The names of its inputs, the own tag's first.
    pub inputs: Arc<[TagName]>,
    /// Live values to train on before the first score; 0 when the training data comes from a file.
    pub warm_up_samples: usize,
    /// Features that an anomalous message names at most, those that contributed most first; 0 for none.
    pub explain: usize,
}

/// A model bound to one mapping, or to all that share it.
#[derive(Debug)]
pub struct Instance {
    made_from: InstanceSpec,
    /// The names of the features, for explanations.
    feature_names: Arc<[Arc<str>]>,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    inputs: Inputs,
    /// Outlives the model: a retraining does not empty the windows.
    features: FeatureMemory,
    /// The newest row of features.
    row: Box<[f64]>,
    fitted: Option<Fitted>,
    /// The first good rows of features, until they are enough to train on.
    warm_up: TrainingRows,
    /// Whether a training is under way that the warm-up asked for.
    is_training: bool,
    reservoir: Reservoir,
    last: Option<(Timestamp, f64)>,
}

/// What the hot path learns from one value.
#[derive(Debug)]
pub struct Outcome {
    /// What to say in the message.
    pub assessed: Assessed,
    /// Rows of features to train on, when this value was the last one that the warm-up needed.
    pub training_rows: Option<TrainingRows>,
}

impl Instance {
    /// An instance that has seen nothing yet.
    pub fn new(made_from: InstanceSpec) -> Self {
        let (features, inputs) = (&made_from.spec.features, made_from.inputs.len());
        let width = features.width().unwrap_or(inputs);
        let names: Vec<&str> = made_from.inputs.iter().map(TagName::as_str).collect();
        let memory = Memory {
            inputs: Inputs::new(inputs.saturating_sub(1)),
            features: features.initial_memory(),
            row: vec![0.0; width].into(),
            fitted: None,
            warm_up: TrainingRows::new(width),
            is_training: false,
            reservoir: Reservoir::new(width, RESERVOIR_ROWS, made_from.sampling, RESERVOIR_SEED),
            last: None,
        };
        let feature_names = features.names(&names).into_iter().map(Arc::from).collect();
        Self { made_from, feature_names, memory: Mutex::new(memory) }
    }

    /// The model's name in the mapping.
    pub fn model(&self) -> &str {
        &self.made_from.model
    }

    /// Whose values it sees; `None` when mappings share it.
    pub fn owner(&self) -> Option<&Owner> {
        self.made_from.owner.as_ref()
    }

    /// What is trained.
    pub fn spec(&self) -> &Arc<ModelSpec> {
        &self.made_from.spec
    }

    /// The names of its inputs, the own tag's first.
    pub fn inputs(&self) -> &[TagName] {
        &self.made_from.inputs
    }

    /// Names the instance for ever, across restarts: versions are counted under this key.
    pub fn key(&self) -> String {
        match &self.made_from.owner {
            Some(owner) => format!("{}/{owner}", self.made_from.model),
            None => self.made_from.model.to_string(),
        }
    }

    /// The version in use; `None` before the first training.
    pub fn version(&self) -> Option<u64> {
        self.lock().fitted.as_ref().map(|fitted| fitted.version)
    }

    /// Good values still missing before the first training.
    pub fn missing_samples(&self) -> usize {
        let memory = self.lock();
        if memory.fitted.is_some() { 0 } else { self.made_from.warm_up_samples.saturating_sub(memory.warm_up.count()) }
    }

    /// Takes note of a value of another tag that is one of the inputs.
    pub fn note(&self, input: usize, update: &TagUpdate) {
        self.lock().inputs.note(input, update);
    }

    /// Assesses a value, then takes it into the short memory and the reservoir.
    pub fn observe(&self, update: &TagUpdate) -> Outcome {
        let mut memory = self.lock();
        let memory = &mut *memory;
        let mut training_rows = None;
        let result = usable_number(update).and_then(|value| {
            let time = take_in(memory, value, update)?;
            let readiness = self.make_features(memory, value, time)?;
            if readiness == Readiness::Ready {
                memory.reservoir.push(&memory.row, time);
            }
            if let Some(fitted) = &mut memory.fitted {
                let explain = (self.made_from.explain, &*self.feature_names);
                return fitted.assess(&memory.row, readiness, time, &self.made_from.model, explain);
            }
            training_rows = self.collect(memory, readiness, time);
            Err(Unscored::WarmingUp)
        });
        let (result, contributions) = match result {
            Ok((assessment, contributions)) => (Ok(assessment), contributions),
            Err(reason) => (Err(reason), Vec::new()),
        };
        let version = memory.fitted.as_ref().map(|fitted| fitted.version);
        let model = Arc::clone(&self.made_from.model);
        Outcome { assessed: Assessed { result, contributions, model, version }, training_rows }
    }

    fn make_features(&self, memory: &mut Memory, value: f64, time: Time) -> Result<Readiness, Unscored> {
        let inputs = memory.inputs.complete(value)?;
        match self.made_from.spec.features.push(&mut memory.features, inputs, time, &mut memory.row) {
            Readiness::Filling => Err(Unscored::WarmingUp),
            readiness => Ok(readiness),
        }
    }

    fn collect(&self, memory: &mut Memory, readiness: Readiness, time: Time) -> Option<TrainingRows> {
        if self.made_from.warm_up_samples == 0 || memory.is_training || readiness != Readiness::Ready {
            return None;
        }
        memory.warm_up.push_at(&memory.row, time);
        if memory.warm_up.count() < self.made_from.warm_up_samples {
            return None;
        }
        memory.is_training = true;
        Some(memory.warm_up.clone())
    }

    /// Puts a fitted chain in place, all at once, with a fresh short memory; windows keep what they hold.
    pub fn install(&self, chain: Arc<Model>, version: u64) {
        let fitted = Fitted::new(chain, version);
        let mut memory = self.lock();
        memory.fitted = Some(fitted);
        memory.warm_up = TrainingRows::new(memory.row.len());
        memory.is_training = false;
    }

    /// Says that the training which the warm-up asked for came to nothing: the warm-up starts over.
    pub fn training_failed(&self) {
        let mut memory = self.lock();
        memory.warm_up = TrainingRows::new(memory.row.len());
        memory.is_training = false;
    }

    /// A uniform sample of all good rows of features so far.
    pub fn recent_rows(&self) -> TrainingRows {
        self.lock().reservoir.rows()
    }

    /// The chain in use with copies of what it remembers, for questions that change nothing.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let memory = self.lock();
        memory.fitted.as_ref().map(|fitted| Snapshot {
            chain: Arc::clone(&fitted.chain),
            state: fitted.state.clone(),
            features: memory.features.clone(),
            version: fitted.version,
        })
    }

    /// Detectors are caught before they can unwind through the lock, so a poisoned one still holds whole data.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells repeats apart from news.
fn take_in(memory: &mut Memory, value: f64, update: &TagUpdate) -> Result<Time, Unscored> {
    let (time, _) = update.timestamp();
    let is_repeat = update.flags.is_heartbeat
        || update.flags.is_initial
            && memory.last.is_some_and(|(last_time, last)| last_time == time && last.to_bits() == value.to_bits());
    if is_repeat {
        return Err(Unscored::Repeated);
    }
    memory.last = Some((time, value));
    Ok(Time(time.unix_micros()))
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
