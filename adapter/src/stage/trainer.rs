//! The training task: fits off the hot path, keeps the version on disk, then swaps the model in.

use std::{sync::Arc, time::Duration};

use tagwise_model::{FitError, Model, Registry, TrainingRows};
use thiserror::Error;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    task::spawn_blocking,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Instance, Versions};
use crate::{supervisor::Board, telemetry::Metrics};

/// Trainings whose versions are kept with one write.
const BATCH: usize = 64;
/// How often the task says that it is alive.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// A million rows take a minute at most; a detector that takes longer than this to learn from them never will.
const LONGEST_FIT: Duration = Duration::from_mins(10);
/// The task's name on the board.
const TASK: &str = "trainer";

/// What a training came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retrained {
    /// Rows that were trained on.
    pub samples: u64,
    /// The model's name.
    pub model: String,
    /// The version that is in use from now on.
    pub version: u64,
}

/// Why a training came to nothing; the model before it stays in use.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The rows cannot be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The rows have another width than the model's values.
    #[error("rows of {found} cells cannot train a model that sees {expected} at a time")]
    Width {
        /// Cells in each row.
        found: usize,
        /// Cells that the model sees at a time.
        expected: usize,
    },
    /// The detector panicked while it was trained.
    #[error("the detector panicked while it was trained; report this with the training data")]
    Panicked,
    /// More trainings wait than the adapter takes.
    #[error("too many trainings wait already; try again later")]
    Busy,
    /// The adapter is shutting down.
    #[error("the adapter is shutting down")]
    Stopping,
}

/// A training that was asked for.
#[derive(Debug)]
pub struct TrainRequest {
    pub(super) instance: Arc<Instance>,
    pub(super) lesson: Lesson,
    /// Who asked; `None` for an instance's own first training.
    pub(super) caller: Option<Caller>,
}

/// What there is to learn from.
#[derive(Clone, Debug)]
pub(super) enum Lesson {
    /// Rows of the instance's inputs, in order of time.
    Inputs(Arc<TrainingRows>),
    /// Rows of features, as the instance makes them.
    Features(Arc<TrainingRows>),
    /// Nothing: somebody has trained the model elsewhere.
    Trained(Arc<Model>),
}

/// Somebody who waits for a training.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) reply_tx: oneshot::Sender<Result<Retrained, TrainError>>,
    /// Bounds how many callers wait; held until the training is over, also when the caller has gone.
    pub(super) _permit: OwnedSemaphorePermit,
}

impl Lesson {
    fn teach(self, instance: &Instance, registry: &Registry) -> Result<Arc<Model>, FitError> {
        let spec = instance.spec();
        let mut model = match self {
            Self::Inputs(inputs) => {
                let rows = spec.make_features(&inputs)?;
                spec.fit_features(registry, &rows, &mut |_| ())?
            }
            Self::Features(rows) => spec.fit_features(registry, &rows, &mut |_| ())?,
            Self::Trained(model) => return Ok(model),
        };
        model.share_spec(spec);
        Ok(Arc::new(model))
    }
}

/// A training that has succeeded and is not in use yet.
struct Fitted {
    instance: Arc<Instance>,
    caller: Option<Caller>,
    chain: Arc<Model>,
}

/// The task that trains, one model after another.
#[derive(Debug)]
pub struct Trainer {
    requests_rx: mpsc::Receiver<TrainRequest>,
    registry: Arc<Registry>,
    versions: Versions,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
}

impl Trainer {
    pub(super) fn new(
        requests_rx: mpsc::Receiver<TrainRequest>,
        registry: Arc<Registry>,
        versions: Versions,
        board: Arc<Board>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { requests_rx, registry, versions, board, metrics }
    }

    /// Trains until it is cancelled; requests that still wait then are told so.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut waiting = Vec::with_capacity(BATCH);
        let mut progress = tokio::time::interval(PROGRESS_INTERVAL);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                _ = progress.tick() => self.keep_versions(),
                count = self.requests_rx.recv_many(&mut waiting, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    self.train_all(std::mem::take(&mut waiting), &cancel).await;
                }
            }
            self.board.progress(TASK);
        }
        self.requests_rx.close();
        while let Ok(request) = self.requests_rx.try_recv() {
            self.finish(&request.instance, request.caller, Err(TrainError::Stopping));
        }
    }

    async fn train_all(&mut self, requests: Vec<TrainRequest>, cancel: &CancellationToken) {
        let mut fitted = Vec::with_capacity(requests.len());
        for TrainRequest { instance, lesson, caller } in requests {
            match self.fit(&instance, lesson, cancel).await {
                Ok(chain) => fitted.push(Fitted { instance, caller, chain }),
                Err(error) => self.finish(&instance, caller, Err(error)),
            }
        }
        self.install_all(without_superseded(fitted));
    }

    fn install_all(&mut self, fitted: Vec<Fitted>) {
        let keys: Vec<String> = fitted.iter().map(|fitted| fitted.instance.key()).collect();
        if keys.is_empty() {
            return;
        }
        let versions = self.versions.take(&keys);
        self.keep_versions();
        tracing::info!(count = versions.len(), first = keys[0], "models trained");
        for (Fitted { instance, caller, chain }, version) in fitted.into_iter().zip(versions) {
            let samples = chain.training_samples();
            instance.install(chain, version);
            let retrained = Retrained { samples, model: instance.model().to_owned(), version };
            self.finish(&instance, caller, Ok(retrained));
        }
    }

    /// Tries again to write what the disk has refused, and shows on the board whether it still does.
    fn keep_versions(&mut self) {
        let trouble = self.versions.catch_up();
        self.board.set_warnings("model_versions", trouble.as_slice());
    }

    /// Fits on a thread that may block, and shows progress meanwhile. A shutdown does not wait for it.
    async fn fit(
        &self,
        instance: &Arc<Instance>,
        lesson: Lesson,
        cancel: &CancellationToken,
    ) -> Result<Arc<Model>, TrainError> {
        if cancel.is_cancelled() {
            return Err(TrainError::Stopping);
        }
        let (registry, instance) = (Arc::clone(&self.registry), Arc::clone(instance));
        let begun = Instant::now();
        let mut fitting = spawn_blocking(move || lesson.teach(&instance, &registry));
        let mut progress = tokio::time::interval(PROGRESS_INTERVAL);
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(TrainError::Stopping),
                fitted = &mut fitting => return fitted.map_err(|_| TrainError::Panicked)?.map_err(TrainError::Fit),
                _ = progress.tick() => if begun.elapsed() < LONGEST_FIT {
                    self.board.progress(TASK);
                },
            }
        }
    }

    fn finish(&self, instance: &Instance, caller: Option<Caller>, result: Result<Retrained, TrainError>) {
        if caller.is_none() && matches!(result, Err(TrainError::Stopping)) {
            return;
        }
        let name = if result.is_ok() { "succeeded" } else { "failed" };
        self.metrics.model_retrains.with_label_values(&[instance.model(), name]).inc();
        match &result {
            Ok(done) => {
                tracing::debug!(
                    model = done.model,
                    instance = instance.key(),
                    samples = done.samples,
                    version = done.version,
                    "model trained"
                );
            }
            Err(error) => {
                tracing::warn!(model = instance.model(), instance = instance.key(), %error, "model not trained; the one before it stays in use");
            }
        }
        if caller.is_none() && result.is_err() {
            instance.training_failed();
        }
        if let Some(caller) = caller
            && caller.reply_tx.send(result).is_err()
        {
            tracing::debug!(model = instance.model(), "nobody waits for the training any more");
        }
    }
}

/// An instance's own first training must not undo one that somebody asked for meanwhile.
fn without_superseded(mut fitted: Vec<Fitted>) -> Vec<Fitted> {
    let asked_for: Vec<_> =
        fitted.iter().filter(|fitted| fitted.caller.is_some()).map(|fitted| Arc::clone(&fitted.instance)).collect();
    fitted.retain(|fitted| {
        let is_superseded = || {
            fitted.instance.version().is_some() || asked_for.iter().any(|other| Arc::ptr_eq(other, &fitted.instance))
        };
        fitted.caller.is_some() || !is_superseded()
    });
    fitted
}
