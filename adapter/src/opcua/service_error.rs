//! Why a service call has no result.

use opcua::types::StatusCode;
use thiserror::Error;

use crate::opcua::status;

/// Why a service call has no result. Whether the server has carried it out is known only where it has answered, or where
/// nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::opcua) enum ServiceError {
    /// The server has answered with this StatusCode.
    #[error("{}", status::library_symbol(*.0))]
    Refused(StatusCode),
    /// There is no connection; nothing was sent.
    #[error("there is no connection")]
    NotConnected,
    /// The request cannot be sent, such as one that is larger than the server takes; nothing was sent.
    #[error("the request was not sent: {}", status::library_symbol(*.0))]
    NotSent(StatusCode),
    /// No answer came in time.
    #[error("no answer came in time")]
    Timeout,
    /// The connection was lost before the answer came.
    #[error("the connection was lost before the answer came")]
    Lost,
    /// The answer cannot be read.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

impl ServiceError {
    /// Whether nobody knows more than that the connection is of no use.
    pub(in crate::opcua) const fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::NotConnected | Self::Lost | Self::Timeout)
    }

    /// The StatusCode that says most about it.
    pub(in crate::opcua) fn status(&self) -> StatusCode {
        match self {
            Self::Refused(status) | Self::NotSent(status) => *status,
            Self::NotConnected => StatusCode::BadNotConnected,
            Self::Lost => StatusCode::BadConnectionClosed,
            Self::Timeout => StatusCode::BadTimeout,
            Self::Unreadable(_) => StatusCode::BadDecodingError,
        }
    }
}
