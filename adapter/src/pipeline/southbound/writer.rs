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

    /// The value as the node takes it. Before a value is refused for its type, the node is asked whether it still has the
    /// remembered one.
    async fn prepare(&self, tag: TagId, json: &Value, range: Range) -> Result<TagValue, Rejection> {
        let node = self.unless_hurried(self.plc.describe(tag)).await?;
        let value = match as_node_takes_it(json, &node) {
            Err(refused) if node.is_writable => {
                let anew = self.unless_hurried(self.plc.describe_anew(tag)).await?;
                if anew == node { Err(refused) } else { as_node_takes_it(json, &anew) }
            }
            value => value,
        }?;
        range::check(&value, range)?;
        Ok(value)
    }

    async fn unless_hurried(
        &self,
        described: impl Future<Output = Result<NodeDescription, PlcError>>,
    ) -> Result<NodeDescription, Rejection> {
        let described = self.hurry.run_until_cancelled(described).await.ok_or_else(|| {
            let message = "the adapter is shutting down and the PLC has not said what the node is, nothing was written";
            Rejection::new(RejectReason::ShuttingDown, message)
        })?;
        described.map_err(|error| rejection(&error))
    }
}

fn as_node_takes_it(json: &Value, node: &NodeDescription) -> Result<TagValue, Rejection> {
    if !node.is_writable {
        let message = "the node's AccessLevel or UserAccessLevel does not allow CurrentWrite; allow it in the PLC";
        return Err(Rejection::new(RejectReason::NotWritable, message));
    }
    let data_type = node.data_type.ok_or_else(|| {
        Rejection::new(RejectReason::WrongType, "the node's DataType is none that can be written from JSON")
    })?;
    coerce(json, data_type, node.value_rank).map_err(|error| Rejection::new(error.reason(), error.to_string()))
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
            "there is no OPC UA session, nothing was written; send it again later, under a new id if it has one",
        ),
        PlcError::NoVariable { .. } => Rejection::new(RejectReason::NotWritable, error.to_string()),
        PlcError::NoForm { .. } => Rejection::new(RejectReason::WrongType, error.to_string()),
        PlcError::TooLate => Rejection::new(RejectReason::Expired, error.to_string()),
        PlcError::UnknownNode { .. } => Rejection::new(RejectReason::UnknownNode, error.to_string()),
        PlcError::Undescribed { reason } | PlcError::NoAnswer { reason } => {
            let message = format!(
                "the server did not say what the node is ({reason}), nothing was written; send it again later, under a new id \
                 if it has one"
            );
            Rejection::new(RejectReason::NotConnected, message)
        }
    }
}
