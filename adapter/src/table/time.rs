//! Times in tables.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use tagwise_model::Time;

/// How a time without a zone may be written; it is taken as UTC.
const WITHOUT_ZONE: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];

/// Reads milliseconds since 1970 (as payloads have them, fractions allowed) or a time of ISO 8601; without a zone it is
/// UTC.
pub(super) fn parse(cell: &str) -> Option<Time> {
    if let Ok(milliseconds) = cell.parse::<f64>() {
        let micros = milliseconds * 1000.0;
        #[expect(clippy::cast_possible_truncation, reason = "checked to lie far within i64")]
        return (micros.abs() < 9e18).then(|| Time(micros.round() as i64));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(cell) {
        return Some(Time(time.timestamp_micros()));
    }
    let naive = WITHOUT_ZONE.iter().find_map(|format| NaiveDateTime::parse_from_str(cell, format).ok());
    let naive = naive.or_else(|| NaiveDate::parse_from_str(cell, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    naive.map(|time| Time(time.and_utc().timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_milliseconds_or_as_iso_8601() {
        let check = |cell: &str, expected: Option<i64>| assert_eq!(parse(cell), expected.map(Time), "{cell}");
        check("1767225600000", Some(1_767_225_600_000_000));
        check("1767225600000.5", Some(1_767_225_600_000_500));
        check("2026-01-01T00:00:00Z", Some(1_767_225_600_000_000));
        check("2026-01-01T01:00:00.25+01:00", Some(1_767_225_600_250_000));
        check("2026-01-01 00:00:00", Some(1_767_225_600_000_000));
        check("2026-01-01", Some(1_767_225_600_000_000));
        check("yesterday", None);
        check("NaN", None);
        check("1e300", None);
        check("", None);
    }
}
