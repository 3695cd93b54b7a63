//! How a write ended, before it is told to anyone.

use crate::domain::{Outcome, RejectReason, StatusCode};

/// Codes by which a server says that the device behind it did not answer: it may have the value.
const UNANSWERED: [StatusCode; 3] = [
    StatusCode(0x800A_0000), // BadTimeout
    StatusCode(0x8084_0000), // BadRequestInterrupted
    StatusCode(0x8085_0000), // BadRequestTimeout
];

/// A check that was not passed; the PLC saw nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    /// Why, in one word.
    pub(super) reason: RejectReason,
    /// Why, in a sentence.
    pub(super) message: String,
}

impl Rejection {
    pub(super) fn new(reason: RejectReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// How a wish to write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// How it ended.
    pub(super) outcome: Outcome,
    /// Why, in one word; absent when it succeeded.
    pub(super) reason: Option<String>,
    /// Why, in a sentence; absent when it succeeded.
    pub(super) message: Option<String>,
    /// What the server answered, once it was asked.
    pub(super) status_code: Option<StatusCode>,
}

impl Answer {
    /// The server's answer to a Write. An Uncertain one, and one that only says that time ran out, leaves open
    /// whether the device has the value.
    pub(super) fn from_status(status: StatusCode, symbol: &str) -> Self {
        let StatusCode(code) = status;
        let is_open = !status.is_good() && (code >> 30 == 1 || UNANSWERED.contains(&status.without_info_bits()));
        let (outcome, message) = if status.is_good() {
            (Outcome::Succeeded, None)
        } else if is_open {
            (
                Outcome::Unknown,
                Some(format!("the server cannot say whether the value was written: {symbol} (0x{code:08X})")),
            )
        } else {
            (Outcome::Failed, Some(format!("the server refused the write: {symbol} (0x{code:08X})")))
        };
        let reason = (outcome != Outcome::Succeeded).then(|| snake_case(symbol));
        Self { outcome, reason, message, status_code: Some(status) }
    }

    /// The write was sent and nothing came back.
    pub(super) fn no_answer(message: String) -> Self {
        Self {
            outcome: Outcome::Unknown,
            reason: Some("no_answer".to_owned()),
            message: Some(message),
            status_code: None,
        }
    }
}

impl From<Rejection> for Answer {
    fn from(rejection: Rejection) -> Self {
        Self {
            outcome: Outcome::Rejected,
            reason: Some(rejection.reason.as_str().to_owned()),
            message: Some(rejection.message),
            status_code: None,
        }
    }
}

/// `BadTypeMismatch` as `bad_type_mismatch`, so that all reasons are spelt alike.
fn snake_case(symbol: &str) -> String {
    let mut text = String::with_capacity(symbol.len() + 8);
    let mut follows_lower_case = false;
    for character in symbol.chars() {
        if character.is_ascii_uppercase() && follows_lower_case {
            text.push('_');
        }
        follows_lower_case = character.is_ascii_lowercase() || character.is_ascii_digit();
        text.push(character.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: u32, symbol: &str, outcome: Outcome, reason: Option<&str>) {
        let answer = Answer::from_status(StatusCode(code), symbol);
        assert_eq!((answer.outcome, answer.reason.as_deref()), (outcome, reason), "{symbol}");
        assert_eq!(answer.message.is_some(), reason.is_some(), "{symbol}");
    }

    #[test]
    fn the_severity_decides_unless_the_device_kept_silent() {
        check(0, "Good", Outcome::Succeeded, None);
        check(0x002E_0000, "GoodCompletesAsynchronously", Outcome::Succeeded, None);
        check(0x8074_0000, "BadTypeMismatch", Outcome::Failed, Some("bad_type_mismatch"));
        check(0x800A_0000, "BadTimeout", Outcome::Unknown, Some("bad_timeout"));
        check(0x4090_0000, "UncertainLastUsableValue", Outcome::Unknown, Some("uncertain_last_usable_value"));
    }
}
