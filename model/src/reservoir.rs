//! A bounded, fair sample of everything seen so far, for retraining.

use crate::random::Random;
use crate::{Time, TrainingRows};

/// How rows are sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Row by row; neighbours in the sample are in general none in time. For kinds that look at rows alone.
    Rows,
    /// In blocks of 128 rows that followed each other, with their times. For kinds with short memory, to which rows drawn
    /// here and there would look less alike than neighbours do.
    Blocks,
}

impl Sampling {
    /// Rows that are kept or left together.
    const fn block(self) -> usize {
        match self {
            Self::Rows => 1,
            Self::Blocks => 128,
        }
    }
}

/// A uniform sample of all good-quality rows, flagged ones included, in bounded memory.
///
/// Retraining draws on it. Were it to hold only what the last model let through, contamination would trim the training
/// set at every round. Rows are kept as `f32`; each row ever pushed is equally likely to be in it (Vitter's algorithm R,
/// on rows or on whole blocks). A block that is still being filled belongs to the sample only until a first one is whole.
#[derive(Clone, Debug)]
pub struct Reservoir {
    width: usize,
    /// In blocks.
    capacity: usize,
    sampling: Sampling,
    cells: Vec<f32>,
    /// Microseconds since the Unix epoch; empty for `Sampling::Rows`.
    times: Vec<i64>,
    /// Of every block its place in the stream; empty for `Sampling::Rows`, where order does not matter.
    arrivals: Vec<u64>,
    /// Rows of the block that is being filled, and their times.
    open: Vec<f32>,
    open_times: Vec<i64>,
    /// Whole blocks seen.
    blocks: u64,
    /// Rows seen.
    seen: u64,
    random: Random,
}

impl Reservoir {
    /// The most rows that any reservoir holds; a larger capacity is cut to this.
    pub const MAXIMUM_CAPACITY: usize = 2048;

    /// An empty reservoir for `capacity` rows of `width` values; at least one row or block. Memory grows with the rows.
    pub fn new(width: usize, capacity: usize, sampling: Sampling, seed: u64) -> Self {
        let capacity = (capacity.min(Self::MAXIMUM_CAPACITY) / sampling.block()).max(1);
        Self {
            width,
            capacity,
            sampling,
            cells: Vec::new(),
            times: Vec::new(),
            arrivals: Vec::new(),
            open: Vec::new(),
            open_times: Vec::new(),
            blocks: 0,
            seen: 0,
            random: Random::new(seed),
        }
    }

    /// Offers a row. A row of another width, or with a value that is not finite, is not taken and not counted.
    pub fn push(&mut self, row: &[f64], t: Time) {
        if row.len() != self.width || !row.iter().all(|value| value.is_finite()) {
            return;
        }
        self.seen += 1;
        self.open.extend(row.iter().map(|value| to_finite_f32(*value)));
        if self.sampling == Sampling::Blocks {
            self.open_times.push(t.0);
        }
        if self.open.len() >= self.sampling.block() * self.width {
            self.close_block();
        }
    }

    /// Says that the next row does not follow the last one: a block that is being filled starts anew.
    pub fn interrupt(&mut self) {
        self.open.clear();
        self.open_times.clear();
    }

    fn close_block(&mut self) {
        let held = self.held();
        let drawn = if held < self.capacity {
            Some(held)
        } else {
            usize::try_from(self.random.below(self.blocks + 1)).ok().filter(|&place| place < self.capacity)
        };
        if let Some(place) = drawn {
            put(&mut self.cells, place, &self.open);
            if self.sampling == Sampling::Blocks {
                put(&mut self.times, place, &self.open_times);
                put(&mut self.arrivals, place, &[self.blocks]);
            }
        }
        self.blocks += 1;
        self.interrupt();
    }

    /// Whole blocks in the sample.
    fn held(&self) -> usize {
        usize::try_from(self.blocks).unwrap_or(usize::MAX).min(self.capacity)
    }

    /// The sample. Blocks come in the order of their arrival, each a segment unless it follows the one before; single rows
    /// come in no order that means anything.
    pub fn rows(&self) -> TrainingRows {
        let mut rows = TrainingRows::new(self.width);
        let block = self.sampling.block();
        let mut order: Vec<usize> = (0..self.held()).collect();
        order.sort_by_key(|&place| self.arrivals.get(place).copied());
        let mut last = None;
        for place in order {
            let arrival = self.arrivals.get(place).copied();
            if last.is_some() && arrival != last.map(|last: u64| last + 1) {
                rows.start_segment();
            }
            last = arrival;
            (place * block..(place + 1) * block)
                .for_each(|row| push(&mut rows, self.width, row, &self.cells, &self.times));
        }
        if rows.is_empty() {
            (0..self.open_times.len()).for_each(|row| push(&mut rows, self.width, row, &self.open, &self.open_times));
        }
        rows
    }

    /// Rows in the sample.
    pub fn len(&self) -> usize {
        match self.held() {
            0 => self.open_times.len(),
            held => held * self.sampling.block(),
        }
    }

    /// Whether the sample holds no row yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows seen in all.
    pub fn seen(&self) -> u64 {
        self.seen
    }
}

/// Writes a block over the one at a place, or behind the last.
fn put<T: Copy>(store: &mut Vec<T>, place: usize, block: &[T]) {
    let begin = place * block.len();
    if begin >= store.len() {
        store.extend_from_slice(block);
    } else {
        store[begin..begin + block.len()].copy_from_slice(block);
    }
}

fn push(rows: &mut TrainingRows, width: usize, index: usize, cells: &[f32], times: &[i64]) {
    let row: Vec<f64> = cells[index * width..(index + 1) * width].iter().copied().map(f64::from).collect();
    match times.get(index) {
        Some(time) => rows.push_at(&row, Time(*time)),
        None => rows.push(&row),
    }
}

/// The nearest `f32`; what lies beyond its range becomes its end, since an infinity could not be trained on.
#[expect(clippy::cast_possible_truncation, reason = "the reservoir is specified in f32")]
fn to_finite_f32(value: f64) -> f32 {
    (value as f32).clamp(f32::MIN, f32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(reservoir: &mut Reservoir, count: u32) {
        (0..count).for_each(|row| reservoir.push(&[f64::from(row)], Time(i64::from(row) * 1000)));
    }

    #[test]
    fn it_keeps_everything_until_it_is_full() {
        let mut reservoir = Reservoir::new(2, 3, Sampling::Rows, 0);
        assert!(reservoir.is_empty());
        reservoir.push(&[1.0, 2.0], Time(0));
        reservoir.push(&[3.0, 4.0], Time(0));
        assert_eq!(reservoir.rows().view(), ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0]]));

        let mut reservoir = Reservoir::new(1, 256, Sampling::Blocks, 0);
        fill(&mut reservoir, 100);
        assert_eq!((reservoir.len(), reservoir.rows().count()), (100, 100), "rows of the open block");
        fill(&mut reservoir, 28);
        assert_eq!(reservoir.rows().time(99), Time(99_000));
        fill(&mut reservoir, 130);
        assert_eq!(reservoir.rows().segments().next(), Some(0..256), "blocks that follow each other");
    }

    #[test]
    fn rows_that_could_not_be_trained_on_are_not_taken() {
        let mut reservoir = Reservoir::new(2, 3, Sampling::Rows, 0);
        reservoir.push(&[1.0], Time(0));
        reservoir.push(&[1.0, f64::NAN], Time(0));
        reservoir.push(&[f64::INFINITY, 1.0], Time(0));
        assert_eq!((reservoir.len(), reservoir.seen()), (0, 0));
        reservoir.push(&[1e300, -1e300], Time(0));
        assert!(reservoir.rows().view().iter().all(|value| value.is_finite()));
    }

    #[test]
    fn every_row_is_as_likely_as_any_other() {
        for (sampling, count, capacity) in [(Sampling::Rows, 1000, 50), (Sampling::Blocks, 128_000, 50 * 128)] {
            let mut tenths = [0_u32; 10];
            for seed in 0..400 {
                // Blocks are counted by their first rows.
                let mut reservoir = Reservoir::new(1, capacity, sampling, seed);
                reservoir.capacity = 50;
                fill(&mut reservoir, count);
                let rows = reservoir.rows();
                for index in (0..rows.count()).step_by(sampling.block()) {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
                    let tenth = (rows.row(index)[0] / f64::from(count / 10)) as usize;
                    tenths[tenth] += 1;
                }
            }
            // 2,000 are expected in each tenth; five standard deviations are about 212.
            assert!(tenths.iter().all(|&count| count.abs_diff(2000) < 212), "{sampling:?} {tenths:?}");
        }
    }

    #[test]
    fn blocks_hold_neighbours_with_their_times_and_borders_between_them() {
        let mut reservoir = Reservoir::new(1, 512, Sampling::Blocks, 3);
        fill(&mut reservoir, 50_000);
        let rows = reservoir.rows();
        assert_eq!(rows.count(), 512);
        assert!(rows.segments().count() > 1);
        for segment in rows.segments() {
            for index in segment.clone().skip(1) {
                assert!((rows.row(index)[0] - rows.row(index - 1)[0] - 1.0).abs() < 1e-9);
                assert_eq!(rows.time(index).0 - rows.time(index - 1).0, 1000);
            }
        }
    }

    #[test]
    fn no_block_spans_an_interruption() {
        let mut reservoir = Reservoir::new(1, 256, Sampling::Blocks, 0);
        fill(&mut reservoir, 60);
        reservoir.interrupt();
        fill(&mut reservoir, 128);
        assert!(reservoir.rows().column(0).eq((0..128).map(f64::from)));
    }

    proptest! {
        #[test]
        fn it_never_outgrows_its_bounds_and_holds_only_what_it_was_given(
            capacity in 0_usize..5000, width in 1_usize..3, seed: u64, count in 0_u32..6000, in_blocks: bool,
        ) {
            let sampling = if in_blocks { Sampling::Blocks } else { Sampling::Rows };
            let mut reservoir = Reservoir::new(width, capacity, sampling, seed);
            for row in 0..count {
                reservoir.push(&vec![f64::from(row); width], Time(i64::from(row)));
            }
            let rows = reservoir.rows();
            prop_assert_eq!((rows.count(), rows.width()), (reservoir.len(), width));
            prop_assert!(rows.count() <= capacity.clamp(sampling.block(), Reservoir::MAXIMUM_CAPACITY));
            prop_assert_eq!(reservoir.seen(), u64::from(count));
            let mut firsts: Vec<f64> = rows.column(0).collect();
            firsts.sort_by(f64::total_cmp);
            prop_assert!(firsts.is_sorted_by(|a, b| a < b), "no row twice");
            prop_assert!(firsts.iter().all(|&value| value < f64::from(count)));
        }
    }
}
