//! The slot of the day that a time falls into.

use crate::Time;

const MICROSECONDS_PER_MINUTE: i64 = 60_000_000;
const MICROSECONDS_PER_DAY: i64 = 24 * 60 * MICROSECONDS_PER_MINUTE;

/// The slot, from 0, when the day is cut into `slots` equal ones, the first starting at midnight of a local time that is
/// `utc_offset_minutes` ahead of UTC. Times before 1970 count as well.
pub(super) fn slot(t: Time, slots: usize, utc_offset_minutes: i32) -> f64 {
    // Reduced to one day before the offset is added, so that no time is too far away for the sum.
    let utc = t.0.rem_euclid(MICROSECONDS_PER_DAY);
    let local = (utc + i64::from(utc_offset_minutes) * MICROSECONDS_PER_MINUTE).rem_euclid(MICROSECONDS_PER_DAY);
    (local.unsigned_abs() * slots as u64 / MICROSECONDS_PER_DAY.unsigned_abs()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * MICROSECONDS_PER_MINUTE;

    fn check(t: i64, slots: usize, offset: i32, expected: f64) {
        assert_eq!(slot(Time(t), slots, offset).to_bits(), expected.to_bits(), "{t} {slots} {offset}");
    }

    #[test]
    fn slots_start_at_midnight_and_are_equally_long() {
        check(0, 48, 0, 0.0);
        check(HOUR / 2 - 1, 48, 0, 0.0);
        check(HOUR / 2, 48, 0, 1.0);
        check(24 * HOUR - 1, 48, 0, 47.0);
        check(24 * HOUR, 48, 0, 0.0);
        check(24 * HOUR / 7 + 1, 7, 0, 1.0);
    }

    #[test]
    fn times_before_1970_fall_into_their_slot_too() {
        check(-1, 24, 0, 23.0);
        check(-24 * HOUR, 24, 0, 0.0);
        check(-25 * HOUR, 24, 0, 23.0);
    }

    #[test]
    fn the_offset_moves_midnight() {
        check(23 * HOUR, 24, 60, 0.0);
        check(0, 24, -60, 23.0);
        check(0, 24, 1440, 0.0);
        check(0, 24, 330, 5.0);
    }

    #[test]
    fn the_ends_of_time_have_a_slot() {
        for t in [i64::MIN, i64::MAX] {
            for offset in [-1440, 0, 1440] {
                assert!((0.0..1440.0).contains(&slot(Time(t), 1440, offset)));
            }
        }
    }
}
