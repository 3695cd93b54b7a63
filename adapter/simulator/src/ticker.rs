//! A ticker whose ticks lie on an even grid: no drift, no tick left out, and every late one counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opcua::types::DateTime;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// OPC UA counts time in units of 100 ns.
const NANOSECONDS_PER_UNIT: u128 = 100;
/// A step of the wall clock beyond this moves the grid; a smaller one is not worth an uneven tick.
const TOLERATED_CLOCK_STEP: i64 = 10_000_000;

/// One tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tick {
    /// 1, 2, 3, …
    pub(crate) number: u64,
    /// When the tick was due, by the wall clock. The grid is even, so a client that samples at the same rate as the
    /// ticks gets every one: the server compares these times with the sampling interval.
    pub(crate) due: DateTime,
}

/// Ticks at a fixed rate. A tick that comes late is followed at once by those it held up.
#[derive(Debug)]
pub(crate) struct Ticker {
    interval: Interval,
    grid: Grid,
    number: u64,
    late: Arc<AtomicU64>,
}

impl Ticker {
    /// The first tick is due now. Ticks more than a period late are counted in `late`.
    pub(crate) fn start(period: Duration, late: Arc<AtomicU64>) -> Self {
        let mut interval = interval(period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Self { interval, grid: Grid { start: DateTime::now().ticks(), period }, number: 0, late }
    }

    /// Waits for the next tick. May be cancelled without losing one.
    pub(crate) async fn next(&mut self) -> Tick {
        let due = self.interval.tick().await;
        let lateness = Instant::now().saturating_duration_since(due);
        if lateness > self.grid.period {
            self.late.fetch_add(1, Ordering::Relaxed);
        }
        self.grid.follow_clock(self.number, DateTime::now().ticks(), lateness);
        let tick = Tick { number: self.number + 1, due: self.grid.time_of(self.number) };
        self.number = tick.number;
        tick
    }
}

/// The wall-clock times of the ticks.
#[derive(Debug)]
struct Grid {
    start: i64,
    period: Duration,
}

impl Grid {
    fn time_of(&self, index: u64) -> DateTime {
        DateTime::from(self.units_of(index))
    }

    fn units_of(&self, index: u64) -> i64 {
        // Counted from the start each time, so that rounding does not add up.
        let offset = u128::from(index) * self.period.as_nanos() / NANOSECONDS_PER_UNIT;
        self.start.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX))
    }

    /// Moves the grid when somebody set the wall clock, or the machine slept, since the ticks before `index`.
    fn follow_clock(&mut self, index: u64, wall_clock: i64, lateness: Duration) {
        let lateness = i64::try_from(lateness.as_nanos() / NANOSECONDS_PER_UNIT).unwrap_or(i64::MAX);
        let step = wall_clock.saturating_sub(self.units_of(index)).saturating_sub(lateness);
        if step.abs() > TOLERATED_CLOCK_STEP {
            self.start = self.start.saturating_add(step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 10_000_000;

    #[tokio::test(start_paused = true)]
    async fn ticks_after_a_stall_all_come_and_are_counted_as_late() {
        let late = Arc::new(AtomicU64::new(0));
        let mut ticker = Ticker::start(Duration::from_millis(50), Arc::clone(&late));
        let first = ticker.next().await;
        assert_eq!(first.number, 1);

        tokio::time::advance(Duration::from_millis(210)).await;
        for number in 2..=5 {
            let tick = ticker.next().await;
            assert_eq!(tick.number, number);
        }
        assert_eq!(late.load(Ordering::Relaxed), 3, "those due 160, 110 and 60 ms ago; not the one due 10 ms ago");
    }

    #[test]
    fn times_lie_on_an_even_grid_without_drift() {
        let grid = Grid { start: 1000, period: Duration::from_secs(1) / 3 };
        assert_eq!(grid.units_of(0), 1000);
        assert_eq!(grid.units_of(1), 1000 + SECOND / 3);
        assert_eq!(grid.units_of(3_000_000_000), 1000 + 999_999_999 * SECOND, "a nanosecond short in each period");
        let tenth = Grid { start: 0, period: Duration::from_millis(100) };
        assert!((0..1000).all(|index| tenth.units_of(index + 1) - tenth.units_of(index) == SECOND / 10));
    }

    #[test]
    fn the_grid_follows_a_clock_that_was_set_but_not_a_late_tick() {
        let check = |wall_clock: i64, lateness: Duration, expected: i64| {
            let mut grid = Grid { start: 100 * SECOND, period: Duration::from_secs(1) };
            grid.follow_clock(5, wall_clock, lateness);
            assert_eq!(grid.units_of(5), expected, "wall clock {wall_clock}, late by {lateness:?}");
        };
        check(105 * SECOND, Duration::ZERO, 105 * SECOND);
        check(105 * SECOND + SECOND / 2, Duration::ZERO, 105 * SECOND);
        check(165 * SECOND, Duration::from_mins(1), 105 * SECOND);
        check(165 * SECOND, Duration::ZERO, 165 * SECOND);
        check(45 * SECOND, Duration::ZERO, 45 * SECOND);
    }
}
