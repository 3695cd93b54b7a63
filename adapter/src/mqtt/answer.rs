//! What a PUBACK's reason code means for its message.

use super::packet::Reason;

/// What the broker says to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Taken.
    Accepted,
    /// Refused; the same message may be taken later.
    RefusedForNow,
    /// The same, for a reason that has nothing to do with the message.
    Postponed,
    /// Refused, and it would be again.
    RefusedForGood,
}

impl Answer {
    /// By MQTT 5's reason codes for PUBACK; one that is no word of the standard may pass.
    pub(super) const fn of(reason: Reason) -> Self {
        match reason {
            reason if !reason.is_error() => Self::Accepted,
            Reason::QUOTA_EXCEEDED | Reason::SERVER_BUSY | Reason::MESSAGE_RATE_TOO_HIGH => Self::Postponed,
            Reason::NOT_AUTHORIZED
            | Reason::TOPIC_NAME_INVALID
            | Reason::PAYLOAD_FORMAT_INVALID
            | Reason::PACKET_TOO_LARGE
            | Reason::RETAIN_NOT_SUPPORTED
            | Reason::QOS_NOT_SUPPORTED => Self::RefusedForGood,
            _ => Self::RefusedForNow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_says_whether_the_message_may_come_again() {
        for (code, expected) in [
            (0x00, Answer::Accepted),
            (0x10, Answer::Accepted),
            (0x80, Answer::RefusedForNow),
            (0x83, Answer::RefusedForNow),
            (0x87, Answer::RefusedForGood),
            (0x90, Answer::RefusedForGood),
            (0x97, Answer::Postponed),
            (0x99, Answer::RefusedForGood),
            (0xC3, Answer::RefusedForNow),
        ] {
            assert_eq!(Answer::of(Reason(code)), expected, "{code:#x}");
        }
    }
}
