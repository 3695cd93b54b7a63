//! The seam between a command and the PLC it is for: the OPC UA link behind it in production, a scripted one in tests.

use std::future::Future;

use thiserror::Error;
use tokio::time::Instant;

use crate::domain::{NodeDescription, StatusCode, TagId, TagValue};

/// Why a node could not be described or written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlcError {
    /// There is no session; nothing was sent.
    #[error("there is no OPC UA session")]
    NotConnected,
    /// The node's attributes cannot be read, or its namespace is not known to the server; nothing was written.
    #[error("the server does not know the node: {reason}")]
    UnknownNode {
        /// The StatusCode's symbol, or the namespace that is missing.
        reason: String,
    },
    /// The node is there and is no Variable; nothing was written.
    #[error("{reason}; map a Variable")]
    NoVariable {
        /// What it is.
        reason: String,
    },
    /// The node's values have no form in JSON that could be written; nothing was written.
    #[error("{reason}")]
    NoForm {
        /// What they are.
        reason: String,
    },
    /// The server did not say what the node is, or where it is; nothing was written.
    #[error("the server did not say what the node is: {reason}")]
    Undescribed {
        /// What it answered, or what became of the question.
        reason: String,
    },
    /// The write could not be sent before its time was over; nothing was sent.
    #[error("the time for the write was over before it could be sent")]
    TooLate,
    /// The request was sent and no answer came: the PLC may have the value.
    #[error("the write was sent and no answer came: {reason}")]
    NoAnswer {
        /// What became of the request.
        reason: String,
    },
}

/// What a command needs of a PLC. Several tags may be written at once, one tag never twice at once.
pub trait Plc: Send + Sync + 'static {
    /// DataType, ValueRank and AccessLevel of the tag's node. What was read of a node that can be written may be remembered.
    fn describe(&self, tag: TagId) -> impl Future<Output = Result<NodeDescription, PlcError>> + Send;

    /// Like `describe`, with nothing remembered.
    fn describe_anew(&self, tag: TagId) -> impl Future<Output = Result<NodeDescription, PlcError>> + Send {
        self.describe(tag)
    }

    /// Writes the value, without timestamps, and returns what the server answered. Never tried twice.
    fn write(&self, tag: TagId, value: TagValue) -> impl Future<Output = Result<StatusCode, PlcError>> + Send;

    /// Like `write`, but sends nothing from `deadline` on. A PLC that has to ask something before it can write looks at the
    /// time again after that.
    fn write_before(
        &self,
        deadline: Instant,
        tag: TagId,
        value: TagValue,
    ) -> impl Future<Output = Result<StatusCode, PlcError>> + Send {
        async move {
            if Instant::now() >= deadline {
                return Err(PlcError::TooLate);
            }
            self.write(tag, value).await
        }
    }
}
