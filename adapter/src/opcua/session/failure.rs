//! What the failure of a whole service call is about.

use opcua::types::StatusCode;

use crate::opcua::service_error::ServiceError;

/// What the failure of a whole call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum Failure {
    /// The session is of no more use.
    Session,
    /// The call was too large.
    Size,
    /// Something in the call.
    Call,
    /// Every item of the call: there is no room for more.
    Items,
    /// No answer came: the call may be too much for the server, or the server is gone.
    Late,
}

impl Failure {
    /// By the StatusCode with which the call failed.
    pub(in crate::opcua) fn of(error: &ServiceError) -> Self {
        match error.status() {
            StatusCode::BadTooManyOperations
            | StatusCode::BadEncodingLimitsExceeded
            | StatusCode::BadRequestTooLarge
            | StatusCode::BadResponseTooLarge
            | StatusCode::BadTcpMessageTooLarge => Self::Size,
            StatusCode::BadTooManyMonitoredItems | StatusCode::BadOutOfMemory => Self::Items,
            StatusCode::BadTimeout | StatusCode::BadRequestTimeout => Self::Late,
            StatusCode::BadConnectionClosed
            | StatusCode::BadCommunicationError
            | StatusCode::BadNotConnected
            | StatusCode::BadSessionClosed
            | StatusCode::BadSessionIdInvalid
            | StatusCode::BadSessionNotActivated
            | StatusCode::BadSubscriptionIdInvalid
            | StatusCode::BadSecureChannelClosed
            | StatusCode::BadSecureChannelIdInvalid
            | StatusCode::BadServerHalted
            | StatusCode::BadShutdown => Self::Session,
            _ => Self::Call,
        }
    }

    /// Whether the work cannot go on.
    pub(in crate::opcua) const fn is_final(self) -> bool {
        matches!(self, Self::Session | Self::Late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_session_ends_the_session() {
        assert_eq!(Failure::of(&ServiceError::Refused(StatusCode::BadTooManyOperations)), Failure::Size);
        assert_eq!(Failure::of(&ServiceError::Refused(StatusCode::BadInternalError)), Failure::Call);
        assert_eq!(Failure::of(&ServiceError::Refused(StatusCode::BadTooManyMonitoredItems)), Failure::Items);
        assert_eq!(Failure::of(&ServiceError::Refused(StatusCode::BadSubscriptionIdInvalid)), Failure::Session);
    }
}
