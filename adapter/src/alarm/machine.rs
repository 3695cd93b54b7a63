//! The hysteresis itself: no I/O, no clock.

use crate::domain::Timestamp;

/// What an observation changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AlarmChange {
    /// So many anomalous values came in a row.
    Raised {
        /// The time of the first of them.
        since: Timestamp,
        /// The score of the last of them.
        score: f64,
        /// The highest score among them.
        peak_score: f64,
    },
    /// So many normal values came in a row.
    Cleared,
}

/// Where an alarm stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Since the start neither enough anomalous nor enough normal values came in a row. A message retained by an
    /// earlier process may still say that the alarm is active, so the first clear is announced like any other.
    Unknown,
    Active,
    Clear,
}

/// Values of one kind in a row.
#[derive(Clone, Copy, Debug)]
struct Run {
    is_anomalous: bool,
    length: u32,
    since: Timestamp,
    peak_score: f64,
}

/// Turns labels into alarms.
///
/// Values without a label (warming up, bad quality, over budget) neither count nor break a row: they say nothing about
/// the machine, and a flickering sensor must neither hide a fault nor end one.
#[derive(Clone, Debug)]
pub struct AlarmMachine {
    raise_after: u32,
    clear_after: u32,
    state: State,
    run: Option<Run>,
    /// The highest score since the active alarm's first anomalous value.
    peak_score: Option<f64>,
}

impl AlarmMachine {
    /// Raised after `raise_after` anomalous values in a row, cleared after `clear_after` normal ones; 0 counts as 1.
    pub const fn new(raise_after: u32, clear_after: u32) -> Self {
        Self { raise_after, clear_after, state: State::Unknown, run: None, peak_score: None }
    }

    /// Whether the alarm is raised.
    pub fn is_active(&self) -> bool {
        self.state == State::Active
    }

    /// The highest score of the active alarm so far; `None` while there is none.
    pub fn peak_score(&self) -> Option<f64> {
        self.peak_score
    }

    /// Takes the next value of the mapping: `Some(true)` anomalous, `Some(false)` normal, `None` not scored.
    ///
    /// `score` is looked at only where there is a label; `at` is the value's own time.
    pub fn observe(&mut self, label: Option<bool>, score: f64, at: Timestamp) -> Option<AlarmChange> {
        let is_anomalous = label?;
        let run = self.extend_run(is_anomalous, score, at);
        self.peak_score = self.peak_score.map(|peak| peak.max(score));
        match (is_anomalous, self.state) {
            (true, State::Unknown | State::Clear) if run.length >= self.raise_after => {
                self.state = State::Active;
                self.peak_score = Some(run.peak_score);
                Some(AlarmChange::Raised { since: run.since, score, peak_score: run.peak_score })
            }
            (false, State::Unknown | State::Active) if run.length >= self.clear_after => {
                self.state = State::Clear;
                self.peak_score = None;
                Some(AlarmChange::Cleared)
            }
            _ => None,
        }
    }

    fn extend_run(&mut self, is_anomalous: bool, score: f64, at: Timestamp) -> Run {
        let run = match self.run {
            Some(run) if run.is_anomalous == is_anomalous => {
                Run { length: run.length.saturating_add(1), peak_score: run.peak_score.max(score), ..run }
            }
            _ => Run { is_anomalous, length: 1, since: at, peak_score: score },
        };
        self.run = Some(run);
        run
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: usize) -> Timestamp {
        Timestamp::from_unix_millis(i64::try_from(seconds).unwrap() * 1000)
    }

    /// Feeds one value a second: `!` anomalous, `.` normal, `?` not scored. Returns the second of each change.
    fn changes(machine: &mut AlarmMachine, values: &str) -> Vec<(usize, AlarmChange)> {
        let label = |value| match value {
            '!' => Some(true),
            '.' => Some(false),
            _ => None,
        };
        values
            .chars()
            .enumerate()
            .filter_map(|(second, value)| {
                machine.observe(label(value), second as f64, at(second)).map(|change| (second, change))
            })
            .collect()
    }

    #[track_caller]
    fn check(values: &str, expected: &[(usize, AlarmChange)]) {
        assert_eq!(changes(&mut AlarmMachine::new(3, 2), values), expected, "{values}");
    }

    fn raised(since: usize, now: usize) -> (usize, AlarmChange) {
        (now, AlarmChange::Raised { since: at(since), score: now as f64, peak_score: now as f64 })
    }

    fn cleared(now: usize) -> (usize, AlarmChange) {
        (now, AlarmChange::Cleared)
    }

    #[test]
    fn it_takes_a_row_to_raise_and_a_row_to_clear() {
        check("!!!", &[raised(0, 2)]);
        check("!!.!!", &[]);
        check("!!!!!!", &[raised(0, 2)]);
        check("!!!.!.!..", &[raised(0, 2), cleared(8)]);
        check("!!!..!!!", &[raised(0, 2), cleared(4), raised(5, 7)]);
    }

    #[test]
    fn values_without_a_score_neither_count_nor_break_a_row() {
        check("!?!??!", &[raised(0, 5)]);
        check("!!!.?.", &[raised(0, 2), cleared(5)]);
        check("??????", &[]);
    }

    #[test]
    fn the_first_clear_is_announced_for_the_sake_of_an_earlier_process() {
        check("..", &[cleared(1)]);
        check("....", &[cleared(1)]);
        check("!.!..", &[cleared(4)]);
    }

    #[test]
    fn the_peak_is_that_of_the_row_and_then_of_the_alarm() {
        let mut machine = AlarmMachine::new(2, 2);
        machine.observe(Some(true), 9.0, at(0));
        let change = machine.observe(Some(true), 4.0, at(1));
        assert_eq!(change, Some(AlarmChange::Raised { since: at(0), score: 4.0, peak_score: 9.0 }));
        machine.observe(Some(true), 12.0, at(2));
        machine.observe(None, 99.0, at(3));
        assert_eq!((machine.is_active(), machine.peak_score()), (true, Some(12.0)));
        machine.observe(Some(true), f64::NAN, at(4));
        assert_eq!(machine.peak_score(), Some(12.0));
        machine.observe(Some(false), 0.0, at(5));
        machine.observe(Some(false), 0.0, at(6));
        assert_eq!((machine.is_active(), machine.peak_score()), (false, None));
    }

    proptest! {
        /// Against the plain reading of the rule: after each value, look back at the scored ones.
        #[test]
        fn it_does_what_looking_back_would_do(
            labels in prop::collection::vec(prop::option::of(any::<bool>()), 0..200),
            raise_after in 1_u32..5,
            clear_after in 1_u32..5,
        ) {
            let mut machine = AlarmMachine::new(raise_after, clear_after);
            let mut seen = Vec::new();
            let mut is_active = None;
            for (second, &label) in labels.iter().enumerate() {
                let change = machine.observe(label, second as f64, at(second));
                seen.extend(label.map(|label| (label, second)));
                let row_of = |wanted: bool| seen.iter().rev().take_while(|(label, _)| *label == wanted).count();
                let expected = if label == Some(true) && is_active != Some(true) && row_of(true) >= raise_after as usize {
                    is_active = Some(true);
                    let since = seen[seen.len() - row_of(true)].1;
                    Some(AlarmChange::Raised { since: at(since), score: second as f64, peak_score: second as f64 })
                } else if label == Some(false) && is_active != Some(false) && row_of(false) >= clear_after as usize {
                    is_active = Some(false);
                    Some(AlarmChange::Cleared)
                } else {
                    None
                };
                prop_assert_eq!(change, expected);
                prop_assert_eq!(machine.is_active(), is_active == Some(true));
            }
        }
    }
}
