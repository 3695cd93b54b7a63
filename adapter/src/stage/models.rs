//! All model instances, found by mapping on the hot path and by name from the HTTP API.

use std::{collections::HashMap, sync::Arc, time::Instant};

use prometheus::IntCounter;
use tagwise_model::{Assessment, NoScore, Registry, Time, TrainingRows};
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    Assessed, Instance, Prediction, Retrained, TrainError, Trainer, Unscored, Versions,
    bind::{Bound, bind},
    trainer::{Caller, Lesson, TrainRequest},
    training_source::{TrainingSourceError, TrainingSources},
};
use crate::{
    config::Config,
    domain::{TagName, TagUpdate, Timestamp},
    supervisor::Board,
    telemetry::Metrics,
};

/// Trainings that people may have asked for at a time; each holds its rows until its turn comes.
const MAX_CALLERS: usize = 16;

/// Why a question to a model has no answer.
#[derive(Debug, Error)]
pub enum ModelError {
    /// No model has that name.
    #[error("there is no model `{name}`; there are {known}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The model has an instance per tag and none was named, or one it has not.
    #[error("model `{model}` has an instance per tag; say which with `?tag=`: {choices}", choices = choices.join(", "))]
    WhichTag {
        /// The model's name.
        model: String,
        /// The tags it has instances for.
        choices: Vec<String>,
    },
    /// The first training is under way, or has failed.
    #[error("model `{model}` is not trained yet; ask again in a moment, and see the log if it stays so")]
    InTraining {
        /// The model's name.
        model: String,
    },
    /// The instance has not seen enough values to be trained.
    #[error("model `{model}` is warming up; {missing} more good values are needed")]
    WarmingUp {
        /// The model's name.
        model: String,
        /// How many more values it needs.
        missing: usize,
    },
    /// The row cannot be scored, or not yet.
    #[error(transparent)]
    NoScore(#[from] NoScore),
    /// The training came to nothing.
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// All model instances of a mapping file.
#[derive(Debug)]
pub struct ModelStage {
    instances: Vec<Arc<Instance>>,
    /// By northbound mapping.
    by_mapping: Vec<Option<Arc<Instance>>>,
    /// By tag: the instances that have it among their further inputs, and as which one.
    listeners: Vec<Vec<(Arc<Instance>, usize)>>,
    counters: HashMap<String, ModelCounters>,
    requests_tx: mpsc::Sender<TrainRequest>,
    callers: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// Counters of one model, looked up once.
#[derive(Debug)]
struct ModelCounters {
    scored: [IntCounter; 2],
    unscored: HashMap<Unscored, IntCounter>,
}

impl ModelStage {
    /// Binds instances to mappings and asks for the trainings that files stand for. The trainer has to be run.
    pub fn new(
        config: &Config,
        registry: Arc<Registry>,
        versions: Versions,
        board: Arc<Board>,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Trainer), TrainingSourceError> {
        let Bound { instances, by_mapping, listeners } = bind(config, &registry);
        // Each instance has at most one training of its own under way; the rest is for those that people ask for.
        let (requests_tx, requests_rx) = mpsc::channel(instances.len() + MAX_CALLERS);
        let mut sources = TrainingSources::new(&registry);
        for (instance, model) in &instances {
            if let Some(lesson) = sources.lesson(instance, model)? {
                let request = TrainRequest { instance: Arc::clone(instance), lesson, caller: None };
                requests_tx.try_send(request).expect("the channel has room for one training per instance");
            }
        }
        let counters =
            config.models.iter().map(|model| (model.name.clone(), ModelCounters::new(&metrics, &model.name)));
        let stage = Self {
            counters: counters.collect(),
            instances: instances.into_iter().map(|(instance, _)| instance).collect(),
            by_mapping,
            listeners,
            requests_tx,
            callers: Arc::new(Semaphore::new(MAX_CALLERS)),
            metrics: Arc::clone(&metrics),
        };
        Ok((stage, Trainer::new(requests_rx, registry, versions, board, metrics)))
    }

    /// Takes note of a value that other tags' models have among their inputs. Comes before the value is assessed for
    /// mappings of its own.
    pub fn note(&self, update: &TagUpdate) {
        for (instance, input) in self.listeners.get(update.tag.index()).into_iter().flatten() {
            instance.note(*input, update);
        }
    }

    /// Assesses a value for one northbound mapping; `None` when the mapping has no model.
    pub fn assess(&self, mapping: usize, update: &TagUpdate) -> Option<Assessed> {
        let instance = self.by_mapping.get(mapping)?.as_ref()?;
        let started = Instant::now();
        let outcome = instance.observe(update);
        if outcome.assessed.result.is_ok() {
            self.metrics.model_score_seconds.observe(started.elapsed().as_secs_f64());
        }
        if let Some(rows) = outcome.training_rows {
            let lesson = Lesson::Features(Arc::new(rows));
            let request = TrainRequest { instance: Arc::clone(instance), lesson, caller: None };
            // The channel has room for one training of each instance, so it is closed: the adapter shuts down.
            if self.requests_tx.try_send(request).is_err() {
                instance.training_failed();
            }
        }
        if let Some(counters) = self.counters.get(instance.model()) {
            counters.count(&outcome.assessed.result);
        }
        Some(outcome.assessed)
    }

    /// The names of all models that a mapping uses.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.instances.iter().map(|instance| instance.model()).collect();
        names.dedup();
        names
    }

    /// All instances.
    pub fn instances(&self) -> &[Arc<Instance>] {
        &self.instances
    }

    /// The instance of `model`, or the one of them that sees `tag`; `tag@topic` names one of several for the same tag.
    pub fn find(&self, model: &str, tag: Option<&str>) -> Result<&Arc<Instance>, ModelError> {
        let of_model: Vec<_> = self.instances.iter().filter(|instance| instance.model() == model).collect();
        let is_wanted = |instance: &&Arc<Instance>| match (tag, instance.owner()) {
            (Some(tag), Some(owner)) => owner.tag.as_str() == tag || owner.to_string() == tag,
            (Some(_), None) | (None, _) => true,
        };
        let wanted: Vec<_> = of_model.iter().copied().filter(is_wanted).collect();
        match (of_model.as_slice(), wanted.as_slice()) {
            ([], _) => Err(ModelError::UnknownModel { name: model.to_owned(), known: self.names().join(", ") }),
            (_, [instance]) => Ok(instance),
            _ => Err(ModelError::WhichTag { model: model.to_owned(), choices: tags_of(&of_model) }),
        }
    }

    /// Scores rows against the instance as it is now, and changes nothing.
    pub fn predict(
        &self,
        instance: &Instance,
        rows: &[Vec<f64>],
        at: Timestamp,
    ) -> Result<Vec<Prediction>, ModelError> {
        let Some(snapshot) = instance.snapshot() else {
            let missing = instance.missing_samples();
            let model = instance.model().to_owned();
            return Err(if missing == 0 {
                ModelError::InTraining { model }
            } else {
                ModelError::WarmingUp { model, missing }
            });
        };
        let time = Time(at.unix_micros());
        rows.iter().map(|row| Ok(snapshot.predict(row, time)?)).collect()
    }

    /// Trains the instance on rows of its inputs, off the hot path, and waits until the result is in use.
    pub async fn retrain(&self, instance: &Arc<Instance>, inputs: TrainingRows) -> Result<Retrained, ModelError> {
        let expected = instance.inputs().len();
        if inputs.width() != expected {
            return Err(TrainError::Width { found: inputs.width(), expected }.into());
        }
        self.learn(instance, Lesson::Inputs(Arc::new(inputs))).await
    }

    /// Trains the instance on what has flowed, off the hot path, and waits until the result is in use.
    pub async fn retrain_on_recent(&self, instance: &Arc<Instance>) -> Result<Retrained, ModelError> {
        self.learn(instance, Lesson::Features(Arc::new(instance.recent_rows()))).await
    }

    async fn learn(&self, instance: &Arc<Instance>, lesson: Lesson) -> Result<Retrained, ModelError> {
        let permit = Arc::clone(&self.callers).try_acquire_owned().map_err(|_| TrainError::Busy)?;
        let (reply_tx, reply_rx) = oneshot::channel();
        let caller = Some(Caller { reply_tx, _permit: permit });
        let request = TrainRequest { instance: Arc::clone(instance), lesson, caller };
        self.requests_tx.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TrainError::Busy,
            mpsc::error::TrySendError::Closed(_) => TrainError::Stopping,
        })?;
        Ok(reply_rx.await.unwrap_or(Err(TrainError::Stopping))?)
    }
}

/// The tags, or `tag@topic` where several mappings of one tag have an instance.
fn tags_of(instances: &[&Arc<Instance>]) -> Vec<String> {
    let owners = || instances.iter().filter_map(|instance| instance.owner());
    let mut mappings: HashMap<&TagName, usize> = HashMap::new();
    owners().for_each(|owner| *mappings.entry(&owner.tag).or_default() += 1);
    owners().map(|owner| if mappings[&owner.tag] > 1 { owner.to_string() } else { owner.tag.to_string() }).collect()
}

impl ModelCounters {
    fn new(metrics: &Metrics, model: &str) -> Self {
        let unscored = |reason: Unscored| (reason, metrics.model_unscored.with_label_values(&[model, reason.as_str()]));
        Self {
            scored: ["0", "1"].map(|label| metrics.model_scored.with_label_values(&[model, label])),
            unscored: Unscored::ALL.into_iter().map(unscored).collect(),
        }
    }

    fn count(&self, result: &Result<Assessment, Unscored>) {
        match result {
            Ok(assessment) => self.scored[usize::from(assessment.label.as_u8())].inc(),
            Err(reason) => self.unscored[reason].inc(),
        }
    }
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
