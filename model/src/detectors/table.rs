//! Rows that distances are measured from, laid out so that eight of them are measured at once.

use serde::{Deserialize, Serialize};

use crate::RestoreError;

/// Rows of a block.
pub(super) const LANES: usize = 8;
/// Features between two looks at whether a whole block is too far away already.
const STRIDE: usize = 8;

/// A fixed table of finite rows. Each block of eight rows lies feature by feature, so that the compiler measures several
/// rows with one instruction; the sum over the features is taken in their order whatever the machine, so that distances
/// have the same bits everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Plain", try_from = "Plain")]
pub(super) struct Table {
    width: usize,
    count: usize,
    /// The last block is filled up with rows at infinity, which are nobody's neighbours.
    cells: Box<[f64]>,
}

/// How a table is stored: row by row.
#[derive(Serialize, Deserialize)]
struct Plain {
    width: usize,
    rows: Box<[f64]>,
}

impl Table {
    /// Of rows of `width` values each, one at least.
    pub(super) fn of<'a>(width: usize, rows: impl ExactSizeIterator<Item = &'a [f64]>) -> Self {
        let count = rows.len();
        let mut cells = vec![f64::INFINITY; count.div_ceil(LANES) * LANES * width].into_boxed_slice();
        for (place, row) in rows.enumerate() {
            for (feature, value) in row.iter().enumerate() {
                cells[position(width, place, feature)] = *value;
            }
        }
        Self { width, count, cells }
    }

    /// Values per row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// One value of a row.
    pub(super) fn value(&self, place: usize, feature: usize) -> f64 {
        self.cells[position(self.width, place, feature)]
    }

    /// The only column of a table of one feature.
    pub(super) fn column(&self) -> &[f64] {
        &self.cells[..self.count]
    }

    /// A row, into a buffer of its width.
    pub(super) fn copy_row(&self, place: usize, row: &mut [f64]) {
        row.iter_mut().enumerate().for_each(|(feature, value)| *value = self.value(place, feature));
    }

    /// Blocks of eight rows, the last one filled up.
    pub(super) fn blocks(&self) -> usize {
        self.count.div_ceil(LANES)
    }

    /// Squared Euclidean distances of the eight rows of a block. Where all eight come to `limit` or more before the last
    /// feature, what has been summed up so far is returned, which is `limit` or more as well.
    pub(super) fn squared_distances(&self, block: usize, x: &[f64], limit: f64) -> [f64; LANES] {
        let size = self.width * LANES;
        let cells = &self.cells[block * size..(block + 1) * size];
        let mut sums = [0.0; LANES];
        for (values, cells) in x.chunks(STRIDE).zip(cells.chunks(STRIDE * LANES)) {
            for (value, lanes) in values.iter().zip(cells.as_chunks::<LANES>().0) {
                for (sum, lane) in sums.iter_mut().zip(lanes) {
                    let difference = value - lane;
                    *sum += difference * difference;
                }
            }
            if !any_below(&sums, limit) {
                break;
            }
        }
        sums
    }
}

/// Whether any of them lies below. Looks at all of them, which is quicker than stopping at the first.
#[expect(clippy::needless_bitwise_bool, reason = "without branches it is a few vector instructions")]
pub(super) fn any_below(sums: &[f64; LANES], limit: f64) -> bool {
    sums.iter().fold(false, |any, sum| any | (*sum < limit))
}

/// Indices of at most `most` of `count` rows, evenly spaced.
pub(super) fn evenly_spaced(count: usize, most: usize) -> impl ExactSizeIterator<Item = usize> {
    let kept = count.min(most);
    (0..kept).map(move |place| place * count / kept)
}

fn position(width: usize, place: usize, feature: usize) -> usize {
    (place / LANES * width + feature) * LANES + place % LANES
}

impl From<Table> for Plain {
    fn from(table: Table) -> Self {
        let cells = (0..table.count).flat_map(|place| (0..table.width).map(move |feature| (place, feature)));
        Self { width: table.width, rows: cells.map(|(place, feature)| table.value(place, feature)).collect() }
    }
}

impl TryFrom<Plain> for Table {
    type Error = RestoreError;

    fn try_from(Plain { width, rows }: Plain) -> Result<Self, RestoreError> {
        if width == 0 || rows.is_empty() || !rows.len().is_multiple_of(width) {
            return Err(RestoreError::new(format!("{} values do not make rows of {width}", rows.len())));
        }
        if !rows.iter().all(|value| value.is_finite()) {
            return Err(RestoreError::new("the rows must be finite"));
        }
        Ok(Self::of(width, rows.chunks_exact(width)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, encode};

    /// Rows whose values say where they stand.
    fn rows(count: usize, width: usize) -> Vec<f64> {
        (0..count * width).map(|cell| (cell * cell % 97) as f64).collect()
    }

    #[test]
    fn every_row_is_measured_whatever_the_shape() {
        for (count, width) in [(1, 1), (7, 3), (8, 8), (9, 9), (30, 17)] {
            let rows = rows(count, width);
            let table = Table::of(width, rows.chunks_exact(width));
            let x: Vec<f64> = (0..width).map(|feature| feature as f64).collect();
            let measured = (0..table.blocks()).flat_map(|block| table.squared_distances(block, &x, f64::INFINITY));
            let expected = rows.chunks_exact(width).map(|row| row.iter().zip(&x).map(|(a, b)| (b - a) * (b - a)).sum());
            let filling = std::iter::repeat(f64::INFINITY);
            let expected: Vec<f64> = expected.chain(filling).take(table.blocks() * LANES).collect();
            assert_eq!(measured.collect::<Vec<_>>(), expected, "{count} rows of {width}");
        }
    }

    #[test]
    fn evenly_spaced_rows_begin_with_the_first_and_reach_to_the_end() {
        assert_eq!(evenly_spaced(3, 5).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(evenly_spaced(10, 4).collect::<Vec<_>>(), [0, 2, 5, 7]);
        assert_eq!(evenly_spaced(0, 4).len(), 0);
    }

    #[test]
    fn what_is_given_up_early_is_not_below_the_limit() {
        let rows = rows(8, 20);
        let table = Table::of(20, rows.chunks_exact(20));
        let whole = table.squared_distances(0, &[1000.0; 20], f64::INFINITY);
        let given_up = table.squared_distances(0, &[1000.0; 20], 10.0);
        assert!(given_up.iter().zip(whole).all(|(part, whole)| 10.0 <= *part && *part < whole));
    }

    #[test]
    fn a_table_is_stored_row_by_row_and_nothing_else_is_read() {
        let rows = rows(11, 3);
        let table = Table::of(3, rows.chunks_exact(3));
        assert_eq!(decode::<Table>(&encode(&table)).unwrap(), table);
        assert_eq!(Plain::from(table).rows.to_vec(), rows);
        let refused = |width, rows: &[f64]| {
            decode::<Table>(&encode(&Plain { width, rows: rows.into() })).unwrap_err().to_string()
        };
        assert!(refused(2, &[1.0; 3]).contains("3 values do not make rows of 2"));
        assert!(refused(0, &[1.0]).contains("rows of 0") && refused(usize::MAX, &[]).contains("0 values"));
        assert!(refused(1, &[f64::NAN]).contains("finite"));
    }
}
