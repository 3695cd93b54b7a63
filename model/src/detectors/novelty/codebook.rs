//! The values of late, a few of them standing for all.

use serde::{Deserialize, Serialize};

use crate::detectors::streams::count;

/// Places in the memory: codewords in use, lowest and highest value of late, their mean; then the codewords, and then the
/// row in which each was used last.
const USED: usize = 0;
const LOW: usize = 1;
const HIGH: usize = 2;
const MEAN: usize = 3;
const CODEWORDS: usize = 4;

/// More cost time and bring nothing.
pub(super) const MOST_CODEWORDS: u16 = 1024;
/// The least weight of the newest value in the mean.
const LEAST_WEIGHT: f64 = 0.001;
/// Distances compared side by side.
const LANES: usize = 8;

/// How a codebook is kept. All zeros is the memory of an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Codebook {
    /// How many codewords it holds, at least 1.
    pub(super) size: u16,
    /// How far from a codeword a value is still known, as a share of the range.
    pub(super) radius: f64,
    /// How far the ends of the range move back towards the mean with each row, as a share.
    pub(super) forgetting: f64,
    /// The configured range; 0 where the range of late counts.
    pub(super) range: f64,
}

/// How a value looks to a codebook that has not taken it in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sighting {
    /// Distance to the nearest codeword; infinite where there is none.
    distance: f64,
    radius: f64,
}

impl Sighting {
    /// From 0 for a known value to 1 for one that is new beyond compare.
    pub(super) fn novelty(self) -> f64 {
        let is_new = self.distance > self.radius && self.radius > 0.0 && self.distance < f64::INFINITY;
        if is_new { 1.0 - self.radius / self.distance } else { 0.0 }
    }
}

impl Codebook {
    /// Numbers in its memory.
    pub(super) fn memory(self) -> usize {
        CODEWORDS + 2 * usize::from(self.size)
    }

    /// Looks at a value.
    pub(super) fn look(self, memory: &[f64], value: f64) -> Sighting {
        let used = self.used(memory);
        let range = if self.range > 0.0 { self.range } else { memory[HIGH] - memory[LOW] };
        // A constant has no range, and its first change is to be seen all the same.
        let least = self.radius * f64::EPSILON * memory[MEAN].abs();
        Sighting {
            distance: least_distance(&memory[CODEWORDS..CODEWORDS + used], value),
            radius: f64::max(self.radius * range, least),
        }
    }

    /// Takes in a value, in the row of that number, that was looked at before. A known one keeps its codeword alive; a new
    /// one becomes a codeword, in place of the one that was not used for the longest time.
    pub(super) fn take_in(self, memory: &mut [f64], row: f64, value: f64, sighting: Sighting) {
        let (used, size) = (self.used(memory), usize::from(self.size));
        let (head, places) = memory.split_at_mut(CODEWORDS);
        let (codewords, last_used) = places.split_at_mut(size);
        if used == 0 {
            head[LOW..=MEAN].fill(value);
        }
        if used > 0 && sighting.distance <= sighting.radius {
            last_used[nearest(&codewords[..used], value, sighting.distance)] = row;
        } else {
            let place = if used < size { used } else { least(last_used) };
            head[USED] = used.max(place + 1) as f64;
            codewords[place] = value;
            last_used[place] = row;
        }
        head[MEAN] += f64::max(LEAST_WEIGHT, 1.0 / (row + 1.0)) * (value - head[MEAN]);
        let mean = head[MEAN];
        head[HIGH] = if value > head[HIGH] { value } else { head[HIGH] - self.forgetting * (head[HIGH] - mean) };
        head[LOW] = if value < head[LOW] { value } else { head[LOW] + self.forgetting * (mean - head[LOW]) };
    }

    fn used(self, memory: &[f64]) -> usize {
        count(memory[USED], usize::from(self.size))
    }
}

/// Distance to the nearest codeword. Several are compared side by side, without branches.
fn least_distance(codewords: &[f64], value: f64) -> f64 {
    let (groups, rest) = codewords.as_chunks::<LANES>();
    let mut lanes = [f64::INFINITY; LANES];
    for group in groups {
        for (lane, codeword) in lanes.iter_mut().zip(group) {
            *lane = smaller((codeword - value).abs(), *lane);
        }
    }
    let least = lanes.into_iter().fold(f64::INFINITY, |least, lane| smaller(lane, least));
    rest.iter().fold(least, |least, codeword| smaller((codeword - value).abs(), least))
}

/// One instruction, unlike `f64::min`, which looks after NaN.
fn smaller(left: f64, right: f64) -> f64 {
    if left < right { left } else { right }
}

/// The first codeword at the least distance.
fn nearest(codewords: &[f64], value: f64, distance: f64) -> usize {
    codewords.iter().position(|codeword| (codeword - value).abs() <= distance).unwrap_or(0)
}

/// The first place of the smallest number.
fn least(numbers: &[f64]) -> usize {
    let smallest = numbers.iter().fold(f64::INFINITY, |least, &number| smaller(number, least));
    numbers.iter().position(|&number| number <= smallest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAIR: Codebook = Codebook { size: 2, radius: 0.1, forgetting: 0.0, range: 0.0 };

    /// The novelty of each value, in order.
    fn see(codebook: Codebook, values: &[f64]) -> Vec<f64> {
        let mut memory = vec![0.0; codebook.memory()];
        let looks = (0..).zip(values).map(|(row, &value)| {
            let sighting = codebook.look(&memory, value);
            codebook.take_in(&mut memory, f64::from(row), value, sighting);
            sighting.novelty()
        });
        looks.collect()
    }

    #[test]
    fn a_value_is_new_by_its_distance_and_known_from_then_on() {
        let found = see(Codebook { size: 8, ..PAIR }, &[0.0, 10.0, 4.0, 4.5, 10.9]);
        // Nothing has a scale at first; then the radius is 1.
        assert_eq!(found, [0.0, 0.0, 0.75, 0.0, 0.0]);
    }

    #[test]
    fn the_codeword_that_was_not_used_for_longest_makes_room() {
        // 0 is used again before 5 comes, so that 10 is forgotten, and comes as a new value 5 away from the nearest.
        let found = see(PAIR, &[0.0, 10.0, 0.0, 5.0, 10.0, 0.0]);
        assert_eq!(found, [0.0, 0.0, 0.0, 0.8, 0.8, 0.8]);
    }

    #[test]
    fn a_configured_range_counts_from_the_second_value_on() {
        let found = see(Codebook { range: 10.0, ..PAIR }, &[0.0, 4.0, 4.5]);
        assert_eq!(found, [0.0, 0.75, 0.0]);
    }

    #[test]
    fn the_first_change_of_a_constant_is_seen_and_that_of_zero_is_not() {
        let seen = see(PAIR, &[5.0, 5.0, 5.0, 5.001])[3];
        assert!(seen > 0.999, "{seen}");
        assert_eq!(see(PAIR, &[0.0, 0.0, 0.0, 1.0]), [0.0; 4]);
    }

    #[test]
    fn the_range_shrinks_towards_the_mean_as_rows_go_by() {
        let values = [[0.0, 100.0].as_slice(), &[50.0; 2000], &[50.5]].concat();
        let codebook = Codebook { size: 8, ..PAIR };
        let last = |forgetting| see(Codebook { forgetting, ..codebook }, &values)[2002];
        assert!(last(0.0) <= 0.0 && last(0.01) > 0.9, "{} {}", last(0.0), last(0.01));
    }

    proptest! {
        #[test]
        fn the_nearest_codeword_is_the_first_of_the_closest(
            codewords in prop::collection::vec(-5_i8..5, 1..40), value in -50_i8..50,
        ) {
            let (codewords, value): (Vec<f64>, f64) = (codewords.into_iter().map(f64::from).collect(), f64::from(value) / 4.0);
            let distance = least_distance(&codewords, value);
            let plain = codewords.iter().map(|codeword| (codeword - value).abs()).fold(f64::INFINITY, f64::min);
            prop_assert_eq!(distance.to_bits(), plain.to_bits());
            let place = nearest(&codewords, value, distance);
            prop_assert!((codewords[place] - value).abs() <= distance);
            prop_assert!(codewords[..place].iter().all(|codeword| (codeword - value).abs() > distance));
        }
    }
}
