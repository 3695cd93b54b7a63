//! The way of a value to a node: describe, check, coerce, look at the time once more, write. Commands and alarms take the
//! same one.

use std::{borrow::Cow, sync::Arc};

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    age::Limit,
    answer::{Answer, Rejection},
    coerce::coerce,
    plc::{Plc, PlcError},
    range,
};
use crate::{
    config::effective::Range,
    domain::{NodeDescription, RejectReason, StatusCode, TagId, TagValue},
    telemetry::Metrics,
};

/// Writes to tags whose mapping allows it. How long a write may take is the PLC link's own bound (`request_timeout`).
#[derive(Debug)]
pub(super) struct TagWriter<P> {
    pub(super) plc: P,
    pub(super) metrics: Arc<Metrics>,
    pub(super) symbol: fn(StatusCode) -> Cow<'static, str>,
    /// Cancelled when a shutdown has waited long enough for the PLC's answer.
    pub(super) hurry: CancellationToken,
}

impl<P: Plc> TagWriter<P> {
    /// Writes `json` to the tag's node once, unless a check refuses it or `limit` is over before the write is sent.
    pub(super) async fn write(&self, tag: TagId, json: &Value, range: Range, limit: Option<&Limit>) -> Answer {
        let value = match self.prepare(tag, json, range).await {
            Ok(value) => value,
            Err(rejection) => return rejection.into(),
        };
        let started = Instant::now();
        let write = async {
            match limit {
                Some(limit) => self.plc.write_before(limit.from, tag, value).await,
                None => self.plc.write(tag, value).await,
            }
        };
        let written = self.hurry.run_until_cancelled(write).await.unwrap_or_else(|| {
            Err(PlcError::NoAnswer { reason: "the adapter has shut down before the answer".to_owned() })
        });
        if !matches!(written, Err(PlcError::NotConnected | PlcError::TooLate)) {
            self.metrics.write_seconds.observe(started.elapsed().as_secs_f64());
        }
        match (written, limit) {
            (Err(PlcError::TooLate), Some(limit)) => limit.rejection.clone().into(),
            (written, _) => answer(written, self.symbol),
        }
    }

    /// The value as the node takes it.
    async fn prepare(&self, tag: TagId, json: &Value, range: Range) -> Result<TagValue, Rejection> {
        let described = self.hurry.run_until_cancelled(self.plc.describe(tag)).await.ok_or_else(|| {
            let message = "the adapter is shutting down and the PLC has not said what the node is, nothing was written";
            Rejection::new(RejectReason::ShuttingDown, message)
        })?;
        let node = described.map_err(|error| rejection(&error))?;
        let NodeDescription { data_type, value_rank, is_writable } = node;
        if !is_writable {
            let message = "the node's AccessLevel or UserAccessLevel does not allow CurrentWrite; allow it in the PLC";
            return Err(Rejection::new(RejectReason::NotWritable, message));
        }
        let data_type = data_type.ok_or_else(|| {
            Rejection::new(RejectReason::WrongType, "the node's DataType is none that can be written from JSON")
        })?;
        let value =
            coerce(json, data_type, value_rank).map_err(|error| Rejection::new(error.reason(), error.to_string()))?;
        range::check(&value, range)?;
        Ok(value)
    }
}

fn answer(written: Result<StatusCode, PlcError>, symbol: fn(StatusCode) -> Cow<'static, str>) -> Answer {
    match written {
        Ok(status) => Answer::from_status(status, &symbol(status)),
        Err(error @ PlcError::NoAnswer { .. }) => Answer::no_answer(error.to_string()),
        Err(error) => rejection(&error).into(),
    }
}

/// An error after which the PLC surely has nothing: one of describing the node, or one before a Write was sent.
fn rejection(error: &PlcError) -> Rejection {
    match error {
        PlcError::NotConnected => Rejection::new(
            RejectReason::NotConnected,
            "there is no OPC UA session, nothing was written; send it again later",
        ),
        PlcError::NoVariable { .. } => Rejection::new(RejectReason::NotWritable, error.to_string()),
        PlcError::NoForm { .. } => Rejection::new(RejectReason::WrongType, error.to_string()),
        PlcError::TooLate => Rejection::new(RejectReason::Expired, error.to_string()),
        PlcError::UnknownNode { .. } => Rejection::new(RejectReason::UnknownNode, error.to_string()),
        PlcError::NoAnswer { reason } => {
            let message =
                format!("the server did not say what the node is ({reason}), nothing was written; send it again later");
            Rejection::new(RejectReason::NotConnected, message)
        }
    }
}
