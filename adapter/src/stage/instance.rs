//! One trained (or not yet trained) model with its short memory, for one mapping or shared by several.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ndarray::Array2;
use tagwise_model::{Assessment, Model, ModelSpec, Reservoir, State, Time};

use super::{Assessed, Unscored};
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

/// A model bound to one mapping, or to all that share it.
#[derive(Debug)]
pub struct Instance {
    model: Arc<str>,
    owner: Option<Owner>,
    spec: ModelSpec,
    /// Live values to train on before the first score; 0 when the training data comes from a file.
    warm_up_samples: usize,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    fitted: Option<Fitted>,
    /// The first good values, until they are enough to train on.
    warm_up: Vec<f32>,
    /// Whether a training is under way that the warm-up asked for.
    is_training: bool,
    reservoir: Reservoir,
    last: Option<(Timestamp, f64)>,
}

/// A fitted chain with its short memory.
#[derive(Debug)]
struct Fitted {
    chain: Arc<Model>,
    state: State,
    version: u64,
    is_faulted: bool,
}

/// What the hot path learns from one value.
#[derive(Debug)]
pub struct Outcome {
    /// What to say in the message.
    pub assessed: Assessed,
    /// Rows to train on, when this value was the last one that the warm-up needed.
    pub training_rows: Option<Array2<f64>>,
}

impl Instance {
    /// An instance that has seen nothing yet.
    pub fn new(model: Arc<str>, owner: Option<Owner>, spec: ModelSpec, warm_up_samples: usize) -> Self {
        let memory = Memory {
            fitted: None,
            warm_up: Vec::new(),
            is_training: false,
            reservoir: Reservoir::new(1, RESERVOIR_ROWS, RESERVOIR_SEED),
            last: None,
        };
        Self { model, owner, spec, warm_up_samples, memory: Mutex::new(memory) }
    }

    /// The model's name in the mapping.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whose values it sees; `None` when mappings share it.
    pub fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    /// What is trained.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Names the instance for ever, across restarts: versions are counted under this key.
    pub fn key(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{}/{owner}", self.model),
            None => self.model.to_string(),
        }
    }

    /// The version in use; `None` before the first training.
    pub fn version(&self) -> Option<u64> {
        self.lock().fitted.as_ref().map(|fitted| fitted.version)
    }

    /// Good values still missing before the first training.
    pub fn missing_samples(&self) -> usize {
        let memory = self.lock();
        if memory.fitted.is_some() { 0 } else { self.warm_up_samples.saturating_sub(memory.warm_up.len()) }
    }

    /// Assesses a value, then takes it into the short memory and the reservoir.
    pub fn observe(&self, update: &TagUpdate) -> Outcome {
        let mut memory = self.lock();
        let (result, training_rows) = match usable_number(update) {
            Ok(value) => self.observe_number(&mut memory, value, update),
            Err(reason) => (Err(reason), None),
        };
        let version = memory.fitted.as_ref().map(|fitted| fitted.version);
        Outcome { assessed: Assessed { result, model: Arc::clone(&self.model), version }, training_rows }
    }

    fn observe_number(
        &self,
        memory: &mut Memory,
        value: f64,
        update: &TagUpdate,
    ) -> (Result<Assessment, Unscored>, Option<Array2<f64>>) {
        let (time, _) = update.timestamp();
        let is_repeat = update.flags.is_initial
            && memory.last.is_some_and(|(last_time, last)| last_time == time && last.to_bits() == value.to_bits());
        if is_repeat {
            return (Err(Unscored::Repeated), None);
        }
        memory.last = Some((time, value));
        memory.reservoir.push(&[value]);
        match &mut memory.fitted {
            Some(fitted) => (fitted.assess(value, time, &self.model), None),
            None => (Err(Unscored::WarmingUp), self.collect(memory, value)),
        }
    }

    fn collect(&self, memory: &mut Memory, value: f64) -> Option<Array2<f64>> {
        if self.warm_up_samples == 0 || memory.is_training {
            return None;
        }
        // The models work on float32 rows, as PyOD does.
        #[expect(clippy::cast_possible_truncation, reason = "training rows are float32 by definition")]
        memory.warm_up.push(value as f32);
        if memory.warm_up.len() < self.warm_up_samples {
            return None;
        }
        memory.is_training = true;
        let rows = memory.warm_up.iter().map(|&value| f64::from(value)).collect();
        Array2::from_shape_vec((memory.warm_up.len(), 1), rows).ok()
    }

    /// Puts a fitted chain in place, all at once, with a fresh short memory.
    pub fn install(&self, chain: Arc<Model>, version: u64) {
        let state = chain.initial_state();
        let mut memory = self.lock();
        memory.fitted = Some(Fitted { chain, state, version, is_faulted: false });
        memory.warm_up = Vec::new();
        memory.is_training = false;
    }

    /// Says that the training which the warm-up asked for came to nothing: the warm-up starts over.
    pub fn training_failed(&self) {
        let mut memory = self.lock();
        memory.warm_up.clear();
        memory.is_training = false;
    }

    /// A uniform sample of all good values so far.
    pub fn recent_rows(&self) -> Array2<f64> {
        self.lock().reservoir.rows()
    }

    /// The chain in use with a copy of its short memory and its version, for questions that change nothing.
    pub fn chain(&self) -> Option<(Arc<Model>, State, u64)> {
        let memory = self.lock();
        memory.fitted.as_ref().map(|fitted| (Arc::clone(&fitted.chain), fitted.state.clone(), fitted.version))
    }

    /// Detectors are caught before they can unwind through the lock, so a poisoned one still holds whole data.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fitted {
    fn assess(&mut self, value: f64, time: Timestamp, model: &str) -> Result<Assessment, Unscored> {
        if self.is_faulted {
            return Err(Unscored::Faulted);
        }
        let row = [value];
        let time = Time(time.unix_micros());
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let assessment = self.chain.assess(&self.state, &row, time);
            self.chain.advance(&mut self.state, &row, time);
            assessment
        }));
        match caught {
            // A detector of somebody's own may say infinity, which JSON cannot.
            Ok(assessment) if assessment.score.is_finite() => Ok(assessment),
            Ok(_) => Err(Unscored::NotNumeric),
            Err(_) => {
                self.is_faulted = true;
                tracing::error!(model, value, "detector panicked; values go on without a score until it is retrained");
                Err(Unscored::Faulted)
            }
        }
    }
}

fn usable_number(update: &TagUpdate) -> Result<f64, Unscored> {
    if !update.status.is_good() {
        return Err(Unscored::BadQuality);
    }
    update.value.as_number().filter(|value| value.is_finite()).ok_or(Unscored::NotNumeric)
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
