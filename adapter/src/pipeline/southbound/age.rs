//! Whether a command is still what its sender wants.
//!
//! Its age is known by a `timestamp` in the payload or bounded by an MQTT message expiry, which the sender chose and the
//! brokers on the way have counted down. With `max_age` one of them must be there, and an expiry that is longer than
//! `max_age` says nothing: a bridge may give one of 136 years to every command. An expiry is obeyed even without
//! `max_age`: a command may have waited here, behind a slow write, until it was worthless.
//!
//! Clocks differ. A timestamp that lies ahead of our clock is taken as far as the command may be old; further ahead, it
//! says nothing about the age any more. The wall clock is read once, when the command has come; from then on its age is
//! counted by a clock that nobody sets.

use std::time::Duration;

use tokio::time::Instant;

use super::answer::Rejection;
use crate::domain::{Command, RejectReason, Timestamp};

/// Timestamps are whole milliseconds, so a limit is passed one later.
const RESOLUTION: Duration = Duration::from_millis(1);

/// A moment from which nothing may be written any more, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) from: Instant,
    pub(super) rejection: Rejection,
}

impl Limit {
    /// Refuses what comes too late.
    pub(super) fn check(&self, now: Instant) -> Result<(), Rejection> {
        if now < self.from { Ok(()) } else { Err(self.rejection.clone()) }
    }
}

/// The two moments at which a command is read: by the wall clock and by the one that nobody sets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) wall: Timestamp,
    pub(super) steady: Instant,
}

/// From when on a command is too old, where anything says so; refuses one that is already, and one that says nothing about
/// its age where it must.
pub(super) fn limit(
    command: &Command,
    timestamp: Option<Timestamp>,
    max_age: Option<Duration>,
    now: Now,
) -> Result<Option<Limit>, Rejection> {
    let age = timestamp.map(|timestamp| now.wall.seconds_since(timestamp));
    if let Some(max_age) = max_age {
        check_known(command, age, max_age)?;
    }
    let limits = [expiry(command), max_age.zip(age).and_then(|(max_age, age)| oldest(max_age, age, now.steady))];
    let first = limits.into_iter().flatten().min_by_key(|limit| limit.from);
    first.as_ref().map_or(Ok(()), |limit| limit.check(now.steady))?;
    Ok(first)
}

fn check_known(command: &Command, age: Option<f64>, max_age: Duration) -> Result<(), Rejection> {
    let limit = max_age.as_secs_f64();
    let message = match (age, command.message_expiry_seconds) {
        (Some(age), _) if age < -limit => {
            format!("the command's timestamp is {:.1} s ahead of this clock; set the clocks", -age)
        }
        (None, Some(expiry)) if f64::from(expiry) > limit => format!(
            "the command may be {limit} s old (`max_age`) and its MQTT message expiry of {expiry} s is longer, so that \
             nobody knows how old it is: a `timestamp` (epoch milliseconds or ISO 8601 with an offset) or a shorter \
             expiry is due"
        ),
        (None, None) => format!(
            "the command may be {limit} s old but does not say how old it is: a `timestamp` (epoch milliseconds or \
             ISO 8601 with an offset) or an MQTT message expiry of at most `max_age` is due"
        ),
        _ => return Ok(()),
    };
    Err(Rejection::new(RejectReason::AgeUnknown, message))
}

fn expiry(command: &Command) -> Option<Limit> {
    let left = command.message_expiry_seconds?;
    let end = Instant::from_std(command.received_at).checked_add(Duration::from_secs(left.into()) + RESOLUTION)?;
    let message = format!("the command expired here: {left} s were left of its MQTT message expiry when it arrived");
    Some(Limit { from: end, rejection: Rejection::new(RejectReason::TooOld, message) })
}

fn oldest(max_age: Duration, age: f64, now: Instant) -> Option<Limit> {
    let limit = max_age.as_secs_f64();
    let left = Duration::try_from_secs_f64((limit - age + RESOLUTION.as_secs_f64()).max(0.0)).ok()?;
    let message =
        format!("the command was {:.1} s old when it arrived, and at most {limit} s are allowed", age.max(0.0));
    Some(Limit { from: now.checked_add(left)?, rejection: Rejection::new(RejectReason::TooOld, message) })
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
        waited: u64,
        expiry: Option<u32>,
        age: Option<i64>,
        max_age: Option<u64>,
        expected: Option<RejectReason>,
    ) {
        let steady = Instant::now() + Duration::from_hours(1);
        let command = Command {
            broker: BrokerId(0),
            topic: "a".into(),
            payload: Bytes::new(),
            is_retained: false,
            is_duplicate: false,
            response_topic: None,
            correlation_data: None,
            message_expiry_seconds: expiry,
            received_at: (steady - Duration::from_millis(waited)).into_std(),
        };
        let timestamp = age.map(|age| Timestamp::from_unix_millis(NOW - age));
        let now = Now { wall: Timestamp::from_unix_millis(NOW), steady };
        let checked = limit(&command, timestamp, max_age.map(Duration::from_secs), now);
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

    #[test]
    fn an_expiry_longer_than_the_limit_says_nothing_about_the_age() {
        expect(0, Some(5), None, Some(5), None);
        for longer in [6, 3600, u32::MAX] {
            expect(0, Some(longer), None, Some(5), Some(RejectReason::AgeUnknown));
            expect(0, Some(longer), Some(1_000), Some(5), None);
            expect(0, Some(longer), None, None, None);
        }
    }

    #[test]
    fn the_earliest_limit_counts_on() {
        let steady = Instant::now();
        let now = Now { wall: Timestamp::from_unix_millis(NOW), steady };
        let from = |expiry: Option<u32>, age: Option<i64>| {
            let command = Command {
                broker: BrokerId(0),
                topic: "a".into(),
                payload: Bytes::new(),
                is_retained: false,
                is_duplicate: false,
                response_topic: None,
                correlation_data: None,
                message_expiry_seconds: expiry,
                received_at: steady.into_std(),
            };
            let timestamp = age.map(|age| Timestamp::from_unix_millis(NOW - age));
            let limit = limit(&command, timestamp, Some(Duration::from_secs(5)), now).unwrap().unwrap();
            (limit.from - steady).as_millis()
        };
        assert_eq!(from(None, Some(1_000)), 4_001);
        assert_eq!(from(Some(3), Some(1_000)), 3_001);
        assert_eq!(from(Some(3), Some(4_500)), 501);
        assert_eq!(from(Some(4_000_000), Some(-4_000)), 9_001);
    }
}
