//! The place of the Python server: `/predict` asks a model, `/retrain` trains it anew.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{ConnectInfo, Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use ndarray::Array2;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tagwise_model::Label;

use super::{
    HttpState,
    auth::authorise,
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
struct Refusal {
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
            ModelError::WarmingUp { .. } => StatusCode::SERVICE_UNAVAILABLE,
            ModelError::Row(_) | ModelError::Train(TrainError::Fit(_) | TrainError::Width { .. }) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            ModelError::Train(TrainError::Busy | TrainError::Stopping) => StatusCode::SERVICE_UNAVAILABLE,
            ModelError::Train(TrainError::Panicked | TrainError::Versions { .. }) => StatusCode::INTERNAL_SERVER_ERROR,
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
) -> Result<Json<Value>, Response> {
    let name = only_model(&state).map_err(IntoResponse::into_response)?;
    predict(&state, &name, &which, &body).map(Json).map_err(IntoResponse::into_response)
}

/// `POST /api/v1/models/{name}/predict`
pub(super) async fn predict_named(
    State(state): State<Arc<HttpState>>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    predict(&state, &name, &which, &body).map(Json).map_err(IntoResponse::into_response)
}

/// `POST /retrain`, when there is one model.
pub(super) async fn retrain_only(
    State(state): State<Arc<HttpState>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    check_caller(&state, &headers, peer).map_err(IntoResponse::into_response)?;
    let name = only_model(&state).map_err(IntoResponse::into_response)?;
    retrain(&state, &name, &which, &body).await.map(Json).map_err(IntoResponse::into_response)
}

/// `POST /api/v1/models/{name}/retrain`
pub(super) async fn retrain_named(
    State(state): State<Arc<HttpState>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    check_caller(&state, &headers, peer).map_err(IntoResponse::into_response)?;
    retrain(&state, &name, &which, &body).await.map(Json).map_err(IntoResponse::into_response)
}

fn check_caller(state: &HttpState, headers: &HeaderMap, peer: SocketAddr) -> Result<(), Refusal> {
    authorise(state.token(), headers, peer).map_err(|(code, message)| Refusal::new(code, message))
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

fn predict(state: &HttpState, name: &str, which: &Which, body: &[u8]) -> Result<Value, Refusal> {
    let instance = state.stage.find(name, which.tag.as_deref())?;
    let body = PredictBody::parse(body)?;
    let predictions = state.stage.predict(instance, &body.rows, Timestamp::now())?;
    let pairs = body.rows.iter().zip(&predictions);
    let mut answers = pairs.map(|(row, prediction)| describe(instance, body.echo.as_deref(), row, prediction));
    if body.is_list { Ok(Value::Array(answers.collect())) } else { Ok(answers.next().unwrap_or(Value::Null)) }
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

async fn retrain(state: &HttpState, name: &str, which: &Which, body: &[u8]) -> Result<Value, Refusal> {
    let instance = state.stage.find(name, which.tag.as_deref())?;
    let rows = training_rows(instance, body)?;
    let done = state.stage.retrain(instance, rows).await?;
    Ok(json!({ "status": "retrained", "samples": done.samples, "model": done.model, "version": done.version }))
}

fn training_rows(instance: &Instance, body: &[u8]) -> Result<Array2<f64>, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|_| BodyError::NotAnObject)?;
    let rows = match (body.get("values"), body.get("from").and_then(Value::as_str)) {
        (Some(values), None) => rows_of("values", values)?,
        (None, Some("recent")) => return Ok(instance.recent_rows()),
        _ => {
            let message = "send `{\"values\":[…]}`, or `{\"from\":\"recent\"}` to train on values that have flowed";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        }
    };
    let width = rows.first().map_or(1, Vec::len);
    let count = rows.len();
    Array2::from_shape_vec((count, width), rows.into_iter().flatten().collect())
        .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "all rows need the same number of cells"))
}
