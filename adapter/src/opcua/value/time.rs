//! Where OPC UA's time begins and ends (Part 6, 5.2.2.5).

use crate::domain::Timestamp;

/// 1601-01-01T00:00:00Z, which servers also write where they have no time.
const FIRST_TICK: i64 = 0;
/// 9999-12-31T23:59:59Z: "no end", where it is a time at all.
const LAST_TICK: i64 = 2_650_467_743_990_000_000;

/// A DateTime that is a value. What lies outside the calendar becomes its first or its last second, as Part 6 wants it.
pub(in crate::opcua) fn date_time(ticks: i64) -> Timestamp {
    Timestamp::from_opcua_ticks(ticks.clamp(FIRST_TICK, LAST_TICK))
}

/// A DateTime that says when something was; `None` for what is no point in time.
pub(in crate::opcua) fn time(ticks: i64) -> Option<Timestamp> {
    (ticks > FIRST_TICK && ticks < LAST_TICK).then(|| Timestamp::from_opcua_ticks(ticks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::TagValue, pipeline::northbound::value_json::write_value};

    /// -1, year 1, the least there is, 9999-12-31T23:59:59, year 10000, the most there is.
    const NO_TIMES: [i64; 7] =
        [0, -1, -504_911_232_000_000_000, i64::MIN, 2_650_467_743_990_000_000, 2_650_467_744_000_000_000, i64::MAX];

    #[test]
    fn what_is_no_point_in_time_says_nothing_of_when() {
        assert!(NO_TIMES.iter().all(|ticks| time(*ticks).is_none()));
        for ticks in [1, 134_398_709_210_823_571, LAST_TICK - 1] {
            assert_eq!(time(ticks), Some(Timestamp::from_opcua_ticks(ticks)));
        }
    }

    #[test]
    fn a_value_stays_within_the_calendar_as_json_too() {
        let json = |ticks| {
            let mut out = Vec::new();
            write_value(&mut out, &TagValue::DateTime(date_time(ticks)));
            String::from_utf8(out).unwrap()
        };
        for ticks in NO_TIMES {
            let expected = if ticks <= 0 { "\"1601-01-01T00:00:00Z\"" } else { "\"9999-12-31T23:59:59Z\"" };
            assert_eq!(json(ticks), expected, "{ticks}");
        }
        assert_eq!(json(LAST_TICK - 1), "\"9999-12-31T23:59:58.999999900Z\"");
    }
}
