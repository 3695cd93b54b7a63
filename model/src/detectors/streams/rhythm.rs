//! What is usual at this time of the day: a mean for each half-hour, and how far values lie from it lately.

use serde::{Deserialize, Serialize};

use crate::{Domain, ParamError, Parameter, Params, Time};

const SLOTS: usize = 48;
/// Microseconds.
const SLOT: i64 = 1_800_000_000;
const DAY: i64 = 86_400_000_000;
const MINUTE: i64 = 60_000_000;
/// The least weight of the newest value in its slot's mean.
const LEAST_WEIGHT: f64 = 0.03;

/// Places in the memory: the two deviations before, how many of them there are, the slots' means, the slots' counts.
const NEWER: usize = 0;
const OLDER: usize = 1;
const LAGS: usize = 2;
const MEANS: usize = 3;
const COUNTS: usize = MEANS + SLOTS;

pub(in crate::detectors) const UTC_OFFSET_PARAMETER: Parameter = Parameter {
    name: "utc_offset_minutes",
    domain: Domain::Integer { min: -14 * 60, max: 14 * 60, default: 0 },
    doc: "How far local time is ahead of UTC, in minutes, for the slots of the day; matters only where it is no multiple of 30.",
};

/// The rhythm that the parameters `rhythm` and `utc_offset_minutes` ask for.
pub(in crate::detectors) fn rhythm_of(params: &Params) -> Result<Option<Rhythm>, ParamError> {
    let utc_offset = params.integer("utc_offset_minutes")? * MINUTE;
    Ok((params.text("rhythm")? == "daily").then_some(Rhythm { utc_offset }))
}

/// The rhythm of the day. All zeros is the memory of one that has seen nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::detectors) struct Rhythm {
    /// Microseconds that local time is ahead of UTC. Daylight saving shifts the slots by two, and the means follow within
    /// some days.
    utc_offset: i64,
}

impl Rhythm {
    /// Numbers in its memory.
    pub(in crate::detectors) const MEMORY: usize = COUNTS + SLOTS;

    /// The half-hour of the day that a time lies in.
    pub(in crate::detectors) fn slot(self, t: Time) -> usize {
        let slot = t.0.saturating_add(self.utc_offset).rem_euclid(DAY) / SLOT;
        usize::try_from(slot).expect("invariant: a remainder is not negative")
    }

    /// How far a value lies from the mean of its slot, averaged over it and the two values before: 0 for the first value
    /// that a slot ever sees.
    pub(in crate::detectors) fn deviation(memory: &[f64], slot: usize, value: f64) -> f64 {
        let newest = Self::alone(memory, slot, value);
        // Added from the oldest on, and divided by their number: what is kept must give the same bits for ever.
        if memory[LAGS] >= 2.0 {
            (memory[OLDER] + memory[NEWER] + newest) / 3.0
        } else if memory[LAGS] >= 1.0 {
            f64::midpoint(memory[NEWER], newest)
        } else {
            newest
        }
    }

    /// Moves the slot's mean towards a value.
    pub(in crate::detectors) fn take_in(memory: &mut [f64], slot: usize, value: f64) {
        let newest = Self::alone(memory, slot, value);
        memory[OLDER] = memory[NEWER];
        memory[NEWER] = newest;
        memory[LAGS] = (memory[LAGS] + 1.0).min(2.0);
        memory[COUNTS + slot] += 1.0;
        let weight = f64::max(LEAST_WEIGHT, 1.0 / memory[COUNTS + slot]);
        memory[MEANS + slot] += weight * (value - memory[MEANS + slot]);
    }

    /// Forgets the values just before, since the next one does not follow them.
    pub(in crate::detectors) fn break_off(memory: &mut [f64]) {
        memory[LAGS] = 0.0;
    }

    fn alone(memory: &[f64], slot: usize, value: f64) -> f64 {
        if memory[COUNTS + slot] > 0.0 { value - memory[MEANS + slot] } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_half_hours_of_local_time_also_before_1970() {
        let slot = |minutes: i64, offset: i64| Rhythm { utc_offset: offset * MINUTE }.slot(Time(minutes * MINUTE));
        assert_eq!([slot(0, 0), slot(29, 0), slot(30, 0), slot(1439, 0), slot(1440, 0)], [0, 0, 1, 47, 0]);
        assert_eq!([slot(0, 345), slot(0, -60), slot(-1, 0)], [11, 46, 47]);
        assert!(Rhythm { utc_offset: i64::MAX }.slot(Time(i64::MAX)) < SLOTS);
    }

    #[test]
    fn deviations_are_averaged_over_three_values_and_not_across_a_break() {
        let mut memory = [0.0; Rhythm::MEMORY];
        let mut see = |slot: usize, value: f64| {
            let deviation = Rhythm::deviation(&memory, slot, value);
            Rhythm::take_in(&mut memory, slot, value);
            if slot == 47 {
                Rhythm::break_off(&mut memory);
            }
            deviation
        };
        // The slot's mean is 10, then 11, 12 and 12.
        let found = [see(5, 10.0), see(5, 12.0), see(5, 14.0), see(5, 12.0), see(47, 3.0), see(5, 15.0)];
        assert_eq!(found.map(f64::to_bits), [0.0, 1.0, 5.0 / 3.0, 5.0 / 3.0, 1.0, 3.0_f64].map(f64::to_bits));
    }
}
