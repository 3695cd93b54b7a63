//! The place of the Python server: `/predict` asks a model, `/retrain` trains it anew.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{ConnectInfo, Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tagwise_model::{Label, NoScore, TrainingRows};
use tokio::task::spawn_blocking;

use super::{
    HttpState,
    auth::authorise,
    listener::Peer,
    predict_body::{BodyError, PredictBody, rows_of},
};
use crate::{
    domain::Timestamp,
    stage::{Instance, ModelError, Prediction, TrainError},
};

/// `?tag=` names the instance of a model that has one per tag.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    tag: Option<String>,
}

/// An answer that is not the one hoped for.
pub(super) struct Refusal {
    code: StatusCode,
    body: Value,
}

impl Refusal {
    fn new(code: StatusCode, message: impl Into<String>) -> Self {
        Self { code, body: json!({ "error": message.into() }) }
    }
}

impl From<ModelError> for Refusal {
    fn from(error: ModelError) -> Self {
        let code = match &error {
            ModelError::UnknownModel { .. } => StatusCode::NOT_FOUND,
            ModelError::WhichTag { .. } => StatusCode::CONFLICT,
            ModelError::InTraining { .. } | ModelError::WarmingUp { .. } | ModelError::NoScore(NoScore::WarmingUp) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ModelError::NoScore(NoScore::Row(_)) | ModelError::Train(TrainError::Fit(_) | TrainError::Width { .. }) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            ModelError::NoScore(NoScore::NotFinite(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            ModelError::Train(TrainError::Busy | TrainError::Stopping) => StatusCode::SERVICE_UNAVAILABLE,
            ModelError::Train(TrainError::Panicked) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut body = json!({ "error": error.to_string() });
        if let ModelError::WhichTag { choices, .. } = error {
            body["tags"] = json!(choices);
        }
        Self { code, body }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.code, Json(self.body)).into_response()
    }
}

/// `POST /predict`, when there is one model.
pub(super) async fn predict_only(
    State(state): State<Arc<HttpState>>,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let name = only_model(&state)?;
    predict(state, name, which, body).await
}

/// `POST /api/v1/models/{name}/predict`
pub(super) async fn predict_named(
    State(state): State<Arc<HttpState>>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    predict(state, name, which, body).await
}

/// `POST /retrain`, when there is one model.
pub(super) async fn retrain_only(
    State(state): State<Arc<HttpState>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    check_caller(&state, &headers, peer)?;
    let name = only_model(&state)?;
    retrain(state, name, which, body).await
}

/// `POST /api/v1/models/{name}/retrain`
pub(super) async fn retrain_named(
    State(state): State<Arc<HttpState>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    check_caller(&state, &headers, peer)?;
    retrain(state, name, which, body).await
}

fn check_caller(state: &HttpState, headers: &HeaderMap, peer: Peer) -> Result<(), Refusal> {
    authorise(state.token(), headers, peer.0).map_err(|(code, message)| Refusal::new(code, message))
}

fn only_model(state: &HttpState) -> Result<String, Refusal> {
    match state.stage.names().as_slice() {
        [name] => Ok((*name).to_owned()),
        [] => Err(Refusal::new(StatusCode::NOT_FOUND, "the mapping binds no model")),
        names => {
            let message = format!("there are several models; call /api/v1/models/NAME/…: {}", names.join(", "));
            Err(Refusal { code: StatusCode::CONFLICT, body: json!({ "error": message, "models": names }) })
        }
    }
}

async fn predict(state: Arc<HttpState>, name: String, which: Which, body: Bytes) -> Result<Json<Value>, Refusal> {
    let work = move |state: &HttpState| {
        let instance = state.stage.find(&name, which.tag.as_deref())?;
        let body = PredictBody::parse(&body)?;
        let predictions = state.stage.predict(instance, &body.rows, Timestamp::now())?;
        let pairs = body.rows.iter().zip(&predictions);
        let mut answers = pairs.map(|(row, prediction)| describe(instance, body.echo.as_deref(), row, prediction));
        Ok(if body.is_list { Value::Array(answers.collect()) } else { answers.next().unwrap_or(Value::Null) })
    };
    off_the_hot_path(state, work).await.map(Json)
}

/// A body of 4 MiB or 100,000 rows to score would keep a thread from the values that it has to carry, and a detector
/// that panics should cost its caller the answer, not the connection.
async fn off_the_hot_path<T: Send + 'static>(
    state: Arc<HttpState>,
    work: impl FnOnce(&HttpState) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let permit = Arc::clone(&state.questions).acquire_owned().await.expect("invariant: nobody closes the semaphore");
    let work = move || {
        // Held until the work is over, also when the caller has hung up.
        let _permit = permit;
        work(&state)
    };
    spawn_blocking(work).await.unwrap_or_else(|_| {
        let message = "the detector panicked over this question; report it with the body";
        Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message))
    })
}

/// The Flask server's keys first, in its order; ours after them. The value stands under the caller's own name for it,
/// else under the model's, as that server's does.
fn describe(instance: &Instance, echo: Option<&str>, row: &[f64], prediction: &Prediction) -> Value {
    let one_or_list = |cells: &[f64]| match cells {
        [cell] => json!(cell),
        cells => json!(cells),
    };
    let assessment = prediction.assessment;
    let status = if assessment.label == Label::Anomaly { "Anomaly" } else { "Normal" };
    let mut answer = Map::new();
    answer.insert(echo.unwrap_or(instance.model()).to_owned(), one_or_list(row));
    answer.insert("prediction".to_owned(), json!(assessment.label.as_u8()));
    answer.insert("status".to_owned(), json!(status));
    answer.insert("anomaly_score".to_owned(), json!(assessment.score));
    answer.insert("scaled_value".to_owned(), one_or_list(&prediction.scaled));
    answer.insert("threshold".to_owned(), json!(assessment.threshold));
    answer.insert("model".to_owned(), json!(instance.model()));
    answer.insert("version".to_owned(), json!(prediction.version));
    Value::Object(answer)
}

async fn retrain(state: Arc<HttpState>, name: String, which: Which, body: Bytes) -> Result<Json<Value>, Refusal> {
    let work = move |state: &HttpState| {
        let instance = Arc::clone(state.stage.find(&name, which.tag.as_deref())?);
        Ok((instance, training_rows(&body)?))
    };
    let (instance, rows) = off_the_hot_path(Arc::clone(&state), work).await?;
    let done = match rows {
        Some(rows) => state.stage.retrain(&instance, rows).await?,
        None => state.stage.retrain_on_recent(&instance).await?,
    };
    Ok(Json(json!({ "status": "retrained", "samples": done.samples, "model": done.model, "version": done.version })))
}

/// The rows that a body brings; `None` where it asks for those that have flowed.
fn training_rows(body: &[u8]) -> Result<Option<TrainingRows>, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|_| BodyError::NotAnObject)?;
    let rows = match (body.get("values"), body.get("from").and_then(Value::as_str)) {
        (Some(values), None) => rows_of("values", values)?,
        (None, Some("recent")) => return Ok(None),
        _ => {
            let message = "send `{\"values\":[…]}`, or `{\"from\":\"recent\"}` to train on values that have flowed";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        }
    };
    let width = rows.first().map_or(1, Vec::len);
    if rows.iter().any(|row| row.len() != width) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "all rows need the same number of cells"));
    }
    let mut table = TrainingRows::new(width);
    for row in &rows {
        table.push(row);
    }
    Ok(Some(table))
}
