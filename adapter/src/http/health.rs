//! `/healthz`: does every task get on with its work? `/readyz`: can values flow, and which cannot?

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::HttpState;
use crate::supervisor::{
    Connection,
    board::{BrokerState, Snapshot},
    part_of_broker,
};

/// A task that has shown no progress for so long is stuck; the slowest sign of life is given every 5 s.
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// Failed and stale tags listed one by one, so many of each; the rest is a count.
const LISTED_TAGS: usize = 100;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    status: &'static str,
    reasons: Vec<Reason>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reason {
    component: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_name: Option<String>,
    /// The line of the mapping file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    message: String,
}

impl Reason {
    fn new(component: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { component: component.into(), tag_name: None, line: None, message: message.into() }
    }
}

/// 200 while every task makes progress, else 503 with the names of those that do not.
pub(super) async fn healthz(State(state): State<Arc<HttpState>>) -> Response {
    // In a shutdown tasks end one after another, and its own time limit says when they are stuck.
    let is_stopping = state.board.snapshot().is_stopping;
    let stuck: Vec<Reason> = state
        .board
        .silence_of_tasks()
        .into_iter()
        .filter(|(_, silence)| *silence > STUCK_AFTER && !is_stopping)
        .map(|(task, silence)| Reason::new(task, format!("no progress for {} s", silence.as_secs())))
        .collect();
    if stuck.is_empty() {
        respond(StatusCode::OK, "healthy", stuck)
    } else {
        respond(StatusCode::SERVICE_UNAVAILABLE, "stuck", stuck)
    }
}

/// 503 with reasons while values cannot flow; 200 and `degraded` while some tags cannot or something will need a person soon.
pub(super) async fn readyz(State(state): State<Arc<HttpState>>) -> Response {
    let snapshot = state.board.snapshot();
    let blocking = blocking_reasons(&snapshot);
    if !blocking.is_empty() {
        return respond(StatusCode::SERVICE_UNAVAILABLE, "unavailable", blocking);
    }
    let degrading = degrading_reasons(&state, &snapshot);
    let status = if degrading.is_empty() { "ready" } else { "degraded" };
    respond(StatusCode::OK, status, degrading)
}

fn blocking_reasons(snapshot: &Snapshot) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if snapshot.is_stopping {
        reasons.push(Reason::new("adapter", "shutting down"));
    }
    reasons.extend(connection_reason("opcua", &snapshot.opcua));
    // Values flow as long as they flow to one broker; what the others lack is said below.
    for reasons_of in [spool_reasons, broker_reasons] {
        let of_brokers = reasons_of(&snapshot.brokers);
        if of_brokers.len() == snapshot.brokers.len() {
            reasons.extend(of_brokers);
        }
    }
    reasons
}

/// The brokers whose spool's disk takes nothing.
fn spool_reasons(brokers: &[BrokerState]) -> Vec<Reason> {
    let reason = |broker: &BrokerState| {
        let trouble = broker.spool.clone()?;
        Some(Reason::new(part_of_broker("spool", &broker.name, brokers.len()), trouble))
    };
    brokers.iter().filter_map(reason).collect()
}

/// The brokers without a connection.
fn broker_reasons(brokers: &[BrokerState]) -> Vec<Reason> {
    let reason = |broker: &BrokerState| {
        connection_reason(part_of_broker("mqtt", &broker.name, brokers.len()), &broker.connection)
    };
    brokers.iter().filter_map(reason).collect()
}

fn connection_reason(component: impl Into<Cow<'static, str>>, connection: &Connection) -> Option<Reason> {
    let is_connected = *connection == Connection::Connected;
    (!is_connected).then(|| Reason::new(component, connection.reason().unwrap_or("not connected yet")))
}

fn degrading_reasons(state: &HttpState, snapshot: &Snapshot) -> Vec<Reason> {
    let mut reasons: Vec<Reason> =
        snapshot.warnings.iter().map(|(component, warning)| Reason::new(*component, warning.as_str())).collect();
    reasons.extend(spool_reasons(&snapshot.brokers));
    reasons.extend(broker_reasons(&snapshot.brokers));
    for broker in &snapshot.brokers {
        let component = part_of_broker("mqtt", &broker.name, snapshot.brokers.len());
        reasons.extend(broker.concerns.iter().map(|concern| Reason::new(component.clone(), concern.as_str())));
    }
    if snapshot.pending_tags > 0 {
        reasons.push(Reason::new("tag", format!("{} tags are not subscribed yet", snapshot.pending_tags)));
    }
    for (tags, what) in [(&snapshot.failed_tags, "failed"), (&snapshot.stale_tags, "are stale")] {
        for (tag, reason) in tags.iter().take(LISTED_TAGS) {
            let tag = &state.config.tags[tag.index()];
            reasons.push(Reason {
                component: "tag".into(),
                tag_name: Some(tag.name.to_string()),
                line: Some(tag.line),
                message: reason.clone(),
            });
        }
        if let Some(more) = tags.len().checked_sub(LISTED_TAGS).filter(|more| *more > 0) {
            reasons.push(Reason::new("tag", format!("{more} more tags {what}")));
        }
    }
    reasons
}

fn respond(code: StatusCode, status: &'static str, reasons: Vec<Reason>) -> Response {
    (code, Json(Report { status, reasons })).into_response()
}
