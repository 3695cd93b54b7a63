//! Points in time, in the resolution OPC UA has.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 100 ns ticks between 1601-01-01, where OPC UA starts to count, and the Unix epoch.
const UNIX_EPOCH_IN_OPCUA_TICKS: i64 = 116_444_736_000_000_000;
const TICKS_PER_MILLISECOND: i64 = 10_000;

/// A point in time: 100 ns ticks since the Unix epoch, negative before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From 100 ns ticks since 1601-01-01, as OPC UA encodes a DateTime.
    pub const fn from_opcua_ticks(ticks: i64) -> Self {
        Self(ticks.saturating_sub(UNIX_EPOCH_IN_OPCUA_TICKS))
    }

    /// From milliseconds since the Unix epoch.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(TICKS_PER_MILLISECOND))
    }

    /// The wall clock. Only the rooms at the edge of the adapter call this; what flows carries its time with it.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// 100 ns ticks since 1601-01-01.
    pub const fn opcua_ticks(self) -> i64 {
        self.0.saturating_add(UNIX_EPOCH_IN_OPCUA_TICKS)
    }

    /// Whole milliseconds since the Unix epoch, rounded down.
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(TICKS_PER_MILLISECOND)
    }

    /// Whole microseconds since the Unix epoch, rounded down.
    pub const fn unix_micros(self) -> i64 {
        self.0.div_euclid(10)
    }

    /// Seconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e7
    }

    /// This point in time, later by `duration`; saturates at the end of the range.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let ticks = i64::try_from(duration.as_nanos() / 100).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ticks))
    }

    /// This point in time, earlier by `duration`; saturates at the beginning of the range.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let ticks = i64::try_from(duration.as_nanos() / 100).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(ticks))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let ticks = |duration: Duration| i64::try_from(duration.as_nanos() / 100).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(ticks(after)),
            Err(before) => Self(-ticks(before.duration())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opcua_and_unix_agree_on_the_epoch() {
        assert_eq!(Timestamp::from_opcua_ticks(UNIX_EPOCH_IN_OPCUA_TICKS).unix_millis(), 0);
        // The metadata timestamp of a payload recorded from HiveMQ Edge and its publish time.
        assert_eq!(Timestamp::from_opcua_ticks(134_398_709_210_823_570).unix_millis(), 1_795_397_321_082);
    }

    #[test]
    fn milliseconds_before_the_epoch_round_down() {
        assert_eq!(Timestamp::from_opcua_ticks(UNIX_EPOCH_IN_OPCUA_TICKS - 1).unix_millis(), -1);
    }

    #[test]
    fn extremes_saturate() {
        assert_eq!(Timestamp::from_opcua_ticks(i64::MIN).opcua_ticks(), i64::MIN + UNIX_EPOCH_IN_OPCUA_TICKS);
        assert!(Timestamp::from_unix_millis(i64::MAX).plus(Duration::MAX).unix_millis() > 0);
    }
}
