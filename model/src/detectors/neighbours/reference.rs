//! The training rows that are kept to be compared with.

use serde::{Deserialize, Serialize};

use super::nearest::{MOST, Nearest};
use crate::detectors::table::{LANES, Table, any_below, evenly_spaced};
use crate::{FitError, RestoreError, TrainingRows};

/// The rows that are kept. A single feature lies in order of size, so that neighbours are found by a binary search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Reference(Table);

impl Reference {
    /// Of at most so many of the rows, evenly spaced ones if there are more.
    ///
    /// # Errors
    /// Rows so far apart that their distances overflow.
    pub(super) fn of(rows: &TrainingRows, most: usize) -> Result<Self, FitError> {
        check_extent(rows)?;
        let picked = pick(rows, most);
        Ok(Self(Table::of(rows.width(), picked.iter().map(|&index| rows.row(index)))))
    }

    /// Values per row.
    pub(super) fn width(&self) -> usize {
        self.0.width()
    }

    /// Rows that are kept.
    pub(super) fn count(&self) -> usize {
        self.0.count()
    }

    /// A row that is kept, into a buffer of its width.
    pub(super) fn copy_row(&self, place: usize, row: &mut [f64]) {
        self.0.copy_row(place, row);
    }

    /// For each of the rows that this was made of, at which place it is kept, if it is.
    pub(super) fn places(&self, rows: &TrainingRows) -> Vec<Option<usize>> {
        let mut places = vec![None; rows.count()];
        for (place, index) in pick(rows, self.count()).into_iter().enumerate() {
            places[index] = Some(place);
        }
        places
    }

    /// How many neighbours a row can have if so many are asked for: a row that is kept is none of its own.
    pub(super) fn possible(&self, asked: usize) -> usize {
        asked.min(self.count().saturating_sub(1)).clamp(1, MOST)
    }

    /// Whether so many neighbours can be found here; what is kept may come from a file.
    pub(super) fn check(&self, neighbours: usize) -> Result<(), RestoreError> {
        if !(1..=MOST).contains(&neighbours) || neighbours >= self.count() {
            let count = self.count();
            return Err(RestoreError::new(format!("{neighbours} neighbours cannot be found among {count} rows")));
        }
        if self.width() == 1 && !self.0.column().is_sorted() {
            return Err(RestoreError::new("the values are not in order of size"));
        }
        Ok(())
    }

    /// Finds the rows nearest to `x` in Euclidean distance, leaving out the one kept at the place `without`.
    pub(super) fn find(&self, x: &[f64], without: Option<usize>, nearest: &mut Nearest<'_>) {
        match x {
            [value] => self.walk(*value, without, nearest),
            _ => self.scan(x, without, nearest),
        }
    }

    /// Measures every row; roots are taken of the nearest only.
    #[expect(clippy::cast_possible_truncation, reason = "far fewer than 2^32 rows are kept")]
    fn scan(&self, x: &[f64], without: Option<usize>, nearest: &mut Nearest<'_>) {
        for block in 0..self.0.blocks() {
            let squares = self.0.squared_distances(block, x, nearest.limit());
            if !any_below(&squares, nearest.limit()) {
                continue;
            }
            for (place, square) in (block * LANES..).zip(squares) {
                if square < nearest.limit() && without != Some(place) {
                    nearest.insert(square, place as u32);
                }
            }
        }
        nearest.distances.iter_mut().for_each(|distance| *distance = f64::sqrt(*distance));
    }

    /// Walks outward from where the value would stand. The distances are the same to the last bit as a scan's, since the
    /// root of a square is exact unless the square leaves the range of numbers; `abs` is for the sign of a zero.
    #[expect(clippy::cast_possible_truncation, reason = "far fewer than 2^32 rows are kept")]
    fn walk(&self, value: f64, without: Option<usize>, nearest: &mut Nearest<'_>) {
        let sorted = self.0.column();
        let mut above = sorted.partition_point(|kept| *kept < value);
        // All places before this one lie below.
        let mut below = above;
        for (distance, place) in nearest.distances.iter_mut().zip(&mut *nearest.places) {
            below -= usize::from(below > 0 && without == Some(below - 1));
            above += usize::from(without == Some(above));
            let down = if below > 0 { (value - sorted[below - 1]).abs() } else { f64::INFINITY };
            let up = sorted.get(above).map_or(f64::INFINITY, |kept| (kept - value).abs());
            if below > 0 && down <= up {
                below -= 1;
                (*distance, *place) = (down, below as u32);
            } else if above < sorted.len() {
                (*distance, *place) = (up, above as u32);
                above += 1;
            }
        }
    }

    /// Adds the squared differences between `x` and a kept row, feature by feature.
    pub(super) fn add_squares(&self, x: &[f64], place: u32, sums: &mut [f64]) {
        for (feature, (value, sum)) in x.iter().zip(sums).enumerate() {
            let difference = value - self.0.value(place as usize, feature);
            *sum += difference * difference;
        }
    }
}

/// Indices of at most `most` evenly spaced rows, in the order in which they are kept.
fn pick(rows: &TrainingRows, most: usize) -> Vec<usize> {
    let mut picked: Vec<usize> = evenly_spaced(rows.count(), most).collect();
    if rows.width() == 1 {
        // Equal values stay in order of time, so that the same rows are always kept at the same places.
        picked.sort_by(|&one, &other| rows.row(one)[0].total_cmp(&rows.row(other)[0]));
    }
    picked
}

fn check_extent(rows: &TrainingRows) -> Result<(), FitError> {
    let extent = |column| {
        let (least, most) =
            rows.column(column).fold((f64::MAX, f64::MIN), |(least, most), value| (value.min(least), value.max(most)));
        most - least
    };
    let extents: Vec<f64> = (0..rows.width()).map(extent).collect();
    if extents.iter().map(|extent| extent * extent).sum::<f64>().is_finite() {
        return Ok(());
    }
    let widest = (0..extents.len()).max_by(|&one, &other| extents[one].total_cmp(&extents[other]));
    Err(FitError::TooLarge { column: widest.unwrap_or(0) })
}
