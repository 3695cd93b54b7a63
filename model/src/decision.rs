//! The last link of the chain: from "above the threshold" to the label, with debouncing and a refractory time.

use serde::{Deserialize, Serialize};

use crate::{Label, Time};

/// When scores above the threshold become an anomaly, and when it is over. The default says so at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionSpec {
    /// An anomaly begins with the last of so many rows in a row above the threshold; at least 1.
    #[serde(default = "once")]
    pub raise_after: u32,
    /// It ends with the last of so many rows in a row at or below the threshold; at least 1.
    #[serde(default = "once")]
    pub clear_after: u32,
    /// Microseconds after the beginning of an anomaly in which no new one begins; 0 for none.
    #[serde(default)]
    pub refractory: i64,
}

const fn once() -> u32 {
    1
}

impl Default for DecisionSpec {
    fn default() -> Self {
        Self { raise_after: once(), clear_after: once(), refractory: 0 }
    }
}

/// What a label depends on besides the row's own score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    is_raised: bool,
    /// Rows in a row that speak against the label that holds.
    against: u32,
    began: Option<Time>,
}

impl DecisionSpec {
    /// Takes a row's verdict in and gives the label that holds from this row on.
    pub(crate) fn decide(&self, memory: &mut Decision, is_above: bool, t: Time) -> Label {
        if is_above == memory.is_raised {
            memory.against = 0;
        } else {
            memory.against = memory.against.saturating_add(1);
            let needed = if memory.is_raised { self.clear_after } else { self.raise_after };
            let may_turn = memory.is_raised || !self.is_refractory(memory.began, t);
            if memory.against >= needed && may_turn {
                *memory =
                    Decision { is_raised: is_above, against: 0, began: if is_above { Some(t) } else { memory.began } };
            }
        }
        if memory.is_raised { Label::Anomaly } else { Label::Normal }
    }

    fn is_refractory(&self, began: Option<Time>, t: Time) -> bool {
        began.is_some_and(|began| t >= began && t.0.saturating_sub(began.0) < self.refractory)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `^` is a row above the threshold, `.` one below; `1` and `0` are the labels. A row a second.
    #[track_caller]
    fn check(spec: DecisionSpec, rows: &str, labels: &str) {
        let mut memory = Decision::default();
        let found: String = (0..)
            .zip(rows.chars())
            .map(|(second, row)| match spec.decide(&mut memory, row == '^', Time(second * 1_000_000)) {
                Label::Normal => '0',
                Label::Anomaly => '1',
            })
            .collect();
        assert_eq!(found, labels, "{rows}");
    }

    #[test]
    fn by_default_every_row_speaks_for_itself() {
        check(DecisionSpec::default(), "..^.^^.", "0010110");
    }

    #[test]
    fn an_anomaly_begins_after_n_and_ends_after_m_rows_in_a_row() {
        let spec = DecisionSpec { raise_after: 3, clear_after: 2, refractory: 0 };
        check(spec, "^^.^^^^.^..^^^", "00000111110001");
    }

    #[test]
    fn no_anomaly_begins_within_the_refractory_time_of_the_last_beginning() {
        let spec = DecisionSpec { refractory: 4_000_000, ..DecisionSpec::default() };
        check(spec, "^.^.^.^..^", "1000100001");
        check(spec, "^^^^^^.^", "11111101");
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_silence_anything() {
        let spec = DecisionSpec { refractory: 60_000_000, ..DecisionSpec::default() };
        let mut memory = Decision::default();
        assert_eq!(spec.decide(&mut memory, true, Time(1_000_000_000)), Label::Anomaly);
        assert_eq!(spec.decide(&mut memory, false, Time(1_000_000_001)), Label::Normal);
        assert_eq!(spec.decide(&mut memory, true, Time(5)), Label::Anomaly);
    }

    proptest! {
        #[test]
        fn debouncing_only_ever_delays(rows in prop::collection::vec(any::<bool>(), 0..60), raise in 1_u32..5, clear in 1_u32..5) {
            let spec = DecisionSpec { raise_after: raise, clear_after: clear, refractory: 0 };
            let mut memory = Decision::default();
            let mut last = Label::Normal;
            for (place, &is_above) in rows.iter().enumerate() {
                let label = spec.decide(&mut memory, is_above, Time(0));
                if label != last {
                    let needed = if label == Label::Anomaly { raise } else { clear } as usize;
                    prop_assert!(place + 1 >= needed);
                    prop_assert!(rows[place + 1 - needed..=place].iter().all(|&row| row == (label == Label::Anomaly)));
                }
                last = label;
            }
        }
    }
}
