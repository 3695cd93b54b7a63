//! Whether a command is still what its sender wants.
//!
//! Its age is known by a `timestamp` in the payload or bounded by an MQTT message expiry, which the sender chose and the
//! brokers on the way have counted down. With `max_age` one of them must be there. An expiry is obeyed even without
//! `max_age`: a command may have waited here, behind a slow write, until it was worthless.
//!
//! Clocks differ. A timestamp that lies ahead of our clock is taken as far as the command may be old; further ahead, it
//! says nothing about the age any more.

use std::time::Duration;

use super::answer::Rejection;
use crate::domain::{Command, RejectReason, Timestamp};

/// Refuses a command that is too old, or that says nothing about its age where it must.
pub(super) fn check(
    command: &Command,
    timestamp: Option<Timestamp>,
    max_age: Option<Duration>,
    now: Timestamp,
) -> Result<(), Rejection> {
    let waited = now.seconds_since(command.received_at);
    if let Some(left) = command.message_expiry_seconds.filter(|&left| waited > f64::from(left)) {
        let message =
            format!("the command expired here: {left} s were left when it arrived and it waited {waited:.1} s");
        return Err(Rejection::new(RejectReason::TooOld, message));
    }
    let Some(max_age) = max_age else { return Ok(()) };
    let limit = max_age.as_secs_f64();
    match timestamp.map(|timestamp| now.seconds_since(timestamp)) {
        Some(age) if age > limit => {
            let message = format!("the command is {age:.1} s old, at most {limit} s are allowed");
            Err(Rejection::new(RejectReason::TooOld, message))
        }
        Some(age) if age < -limit => {
            let message = format!("the command's timestamp is {:.1} s ahead of this clock; set the clocks", -age);
            Err(Rejection::new(RejectReason::AgeUnknown, message))
        }
        None if command.message_expiry_seconds.is_none() => {
            let message = format!(
                "the command may be {limit} s old but does not say how old it is: a `timestamp` (epoch milliseconds or \
                 ISO 8601 with an offset) or an MQTT message expiry is due"
            );
            Err(Rejection::new(RejectReason::AgeUnknown, message))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::BrokerId;

    const NOW: i64 = 1_767_225_600_000;

    /// A command that waited for so many milliseconds, against a `max_age` of 5 s.
    #[track_caller]
    fn expect(
        waited: i64,
        expiry: Option<u32>,
        age: Option<i64>,
        max_age: Option<u64>,
        expected: Option<RejectReason>,
    ) {
        let command = Command {
            broker: BrokerId(0),
            topic: "a".into(),
            payload: Bytes::new(),
            is_retained: false,
            is_duplicate: false,
            response_topic: None,
            correlation_data: None,
            message_expiry_seconds: expiry,
            received_at: Timestamp::from_unix_millis(NOW - waited),
        };
        let timestamp = age.map(|age| Timestamp::from_unix_millis(NOW - age));
        let checked = check(&command, timestamp, max_age.map(Duration::from_secs), Timestamp::from_unix_millis(NOW));
        assert_eq!(checked.err().map(|rejection| rejection.reason), expected);
    }

    #[test]
    fn without_a_limit_any_age_will_do() {
        expect(0, None, None, None, None);
        expect(0, None, Some(1_000_000), None, None);
    }

    #[test]
    fn a_timestamp_must_lie_within_the_limit_on_either_side() {
        expect(0, None, Some(5_000), Some(5), None);
        expect(0, None, Some(5_001), Some(5), Some(RejectReason::TooOld));
        expect(0, None, Some(-5_000), Some(5), None);
        expect(0, None, Some(-5_001), Some(5), Some(RejectReason::AgeUnknown));
        expect(0, Some(60), Some(5_001), Some(5), Some(RejectReason::TooOld));
    }

    #[test]
    fn an_expiry_speaks_for_the_age_until_it_is_over() {
        expect(0, Some(3), None, Some(5), None);
        expect(3_000, Some(3), None, Some(5), None);
        expect(3_001, Some(3), None, Some(5), Some(RejectReason::TooOld));
        expect(3_001, Some(3), None, None, Some(RejectReason::TooOld));
    }

    #[test]
    fn with_neither_the_age_is_unknown() {
        expect(0, None, None, Some(5), Some(RejectReason::AgeUnknown));
    }
}
