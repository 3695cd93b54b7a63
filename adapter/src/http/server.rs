//! The HTTP server: which path leads where.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    health,
    listener::{BoundedListener, Peer},
    models,
};
use crate::{config::Config, stage::ModelStage, supervisor::Board, telemetry::Metrics};

/// Bodies larger than this are refused: 100,000 numbers with room to spare.
const MAX_BODY_BYTES: usize = 4 << 20;
/// How often the task says that it is alive.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// How long open requests may take to finish once a shutdown has begun.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(150);

/// Questions to models that are worked on at a time; each takes a thread to itself.
const MAX_QUESTIONS: usize = 2;

/// What the handlers share.
#[derive(Debug)]
pub struct HttpState {
    /// How the tasks are.
    pub board: Arc<Board>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The models.
    pub stage: Arc<ModelStage>,
    /// The mapping.
    pub config: Arc<Config>,
    /// One permit for each question that may be worked on.
    pub(super) questions: Arc<Semaphore>,
}

impl HttpState {
    /// What the handlers share.
    pub fn new(board: Arc<Board>, metrics: Arc<Metrics>, stage: Arc<ModelStage>, config: Arc<Config>) -> Self {
        Self { board, metrics, stage, config, questions: Arc::new(Semaphore::new(MAX_QUESTIONS)) }
    }

    pub(super) fn token(&self) -> Option<&SecretString> {
        self.config.http.as_ref()?.token.as_ref()
    }
}

/// A bound socket, ready to serve.
#[derive(Debug)]
pub struct HttpServer {
    listener: TcpListener,
    state: Arc<HttpState>,
}

impl HttpServer {
    /// Takes the port, so that a port in use is known before anything else starts.
    pub async fn bind(listen: SocketAddr, state: Arc<HttpState>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}; give `http.listen` another address or port"))?;
        Ok(Self { listener, state })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let board = Arc::clone(&self.state.board);
        let service = router(self.state).into_make_service_with_connect_info::<Peer>();
        let serving = axum::serve(BoundedListener::new(self.listener), service)
            .with_graceful_shutdown(cancel.clone().cancelled_owned());
        let progress = async {
            let mut interval = tokio::time::interval(PROGRESS_INTERVAL);
            loop {
                interval.tick().await;
                board.progress("http");
            }
        };
        // A client that never finishes its request must not hold the process.
        let overdue = async {
            cancel.cancelled().await;
            tokio::time::sleep(SHUTDOWN_LIMIT).await;
        };
        tokio::select! {
            result = serving.into_future() => if let Err(error) = result {
                tracing::error!(%error, "http server ended");
            },
            () = progress => {}
            () = overdue => {}
        }
    }
}

fn router(state: Arc<HttpState>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/predict", post(models::predict_only))
        .route("/retrain", post(models::retrain_only))
        .route("/api/v1/models/{name}/predict", post(models::predict_named))
        .route("/api/v1/models/{name}/retrain", post(models::retrain_named))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(state)
}

async fn metrics(State(state): State<Arc<HttpState>>) -> Response {
    match state.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
