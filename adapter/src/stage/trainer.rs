//! The training task: fits off the hot path, keeps the version on disk, then swaps the model in.

use std::sync::Arc;

use ndarray::Array2;
use tagwise_model::{FitError, Model, Registry};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Instance, Versions};
use crate::{supervisor::Board, telemetry::Metrics};

/// Trainings whose versions are kept with one write.
const BATCH: usize = 64;
/// How often the task says that it is alive.
const PROGRESS_INTERVAL: std::time::Duration = std::time::Duration::from_secs(5);

/// What a training came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retrained {
    /// Rows that were trained on.
    pub samples: usize,
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
    /// The version cannot be kept.
    #[error("the version cannot be kept: {reason}")]
    Versions {
        /// Why.
        reason: String,
    },
    /// More trainings wait than the adapter takes.
    #[error("more trainings wait than there are models; try again later")]
    Busy,
    /// The adapter is shutting down.
    #[error("the adapter is shutting down")]
    Stopping,
}

/// A training that was asked for.
#[derive(Debug)]
pub struct TrainRequest {
    pub(super) instance: Arc<Instance>,
    pub(super) rows: Array2<f64>,
    pub(super) reply: Option<oneshot::Sender<Result<Retrained, TrainError>>>,
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
                _ = progress.tick() => {}
                count = self.requests_rx.recv_many(&mut waiting, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    self.train_all(std::mem::take(&mut waiting)).await;
                }
            }
            self.board.progress("trainer");
        }
        self.requests_rx.close();
        while let Ok(request) = self.requests_rx.try_recv() {
            self.finish(&request.instance, request.reply, Err(TrainError::Stopping));
        }
    }

    async fn train_all(&mut self, requests: Vec<TrainRequest>) {
        let mut fitted = Vec::with_capacity(requests.len());
        for request in requests {
            let samples = request.rows.nrows();
            match self.fit(&request.instance, request.rows).await {
                Ok(chain) => fitted.push((request.instance, request.reply, chain, samples)),
                Err(error) => self.finish(&request.instance, request.reply, Err(error)),
            }
        }
        let keys: Vec<String> = fitted.iter().map(|(instance, ..)| instance.key()).collect();
        if keys.is_empty() {
            return;
        }
        match self.versions.take(&keys) {
            Ok(versions) => {
                tracing::info!(count = versions.len(), first = keys[0], "models trained");
                for ((instance, reply, chain, samples), version) in fitted.into_iter().zip(versions) {
                    instance.install(Arc::new(chain), version);
                    let retrained = Retrained { samples, model: instance.model().to_owned(), version };
                    self.finish(&instance, reply, Ok(retrained));
                }
            }
            Err(error) => {
                let reason = format!("{:#}", anyhow::Error::new(error));
                for (instance, reply, ..) in fitted {
                    self.finish(&instance, reply, Err(TrainError::Versions { reason: reason.clone() }));
                }
            }
        }
    }

    async fn fit(&self, instance: &Arc<Instance>, rows: Array2<f64>) -> Result<Model, TrainError> {
        let (registry, instance) = (Arc::clone(&self.registry), Arc::clone(instance));
        let fitting = tokio::task::spawn_blocking(move || instance.spec().fit(&registry, rows.view()));
        fitting.await.map_err(|_| TrainError::Panicked)?.map_err(TrainError::Fit)
    }

    fn finish(
        &self,
        instance: &Instance,
        reply: Option<oneshot::Sender<Result<Retrained, TrainError>>>,
        result: Result<Retrained, TrainError>,
    ) {
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
        if reply.is_none() && result.is_err() {
            instance.training_failed();
        }
        if let Some(reply) = reply
            && reply.send(result).is_err()
        {
            tracing::debug!(model = instance.model(), "nobody waits for the training any more");
        }
    }
}
