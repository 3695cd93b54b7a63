//! Training rows: a table, with the times of its rows and the places where their order is broken.

use std::ops::Range;

use ndarray::{ArrayView2, Axis};

use crate::Time;

/// Rows to train on, in order of time.
///
/// Rows of one segment follow each other without a hole; between segments something is missing. Kinds with short memory
/// must not look across such a border. Rows without times of their own all stand at `Time(0)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingRows {
    width: usize,
    count: usize,
    cells: Vec<f64>,
    /// Empty, or one per row.
    times: Vec<Time>,
    /// First rows of all segments but the first, ascending.
    breaks: Vec<usize>,
}

impl TrainingRows {
    /// No rows yet, of `width` values each.
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Appends a row of [`width`](Self::width) values; missing ones count as 0, further ones are left out.
    pub fn push(&mut self, row: &[f64]) {
        self.cells.extend(row.iter().copied().chain(std::iter::repeat(0.0)).take(self.width));
        self.count += 1;
    }

    /// Appends a row with its time. Rows that were pushed without one stand at `Time(0)`.
    pub fn push_at(&mut self, row: &[f64], t: Time) {
        self.times.resize(self.count, Time::default());
        self.push(row);
        self.times.push(t);
    }

    /// Says that the next row does not follow the last one.
    pub fn start_segment(&mut self) {
        if self.count > 0 && self.breaks.last() != Some(&self.count) {
            self.breaks.push(self.count);
        }
    }

    /// Values per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One row. Panics beyond the last.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.cells[index * self.width..(index + 1) * self.width]
    }

    /// Time of a row.
    pub fn time(&self, index: usize) -> Time {
        self.times.get(index).copied().unwrap_or_default()
    }

    /// Whether the rows have times of their own.
    pub fn has_times(&self) -> bool {
        !self.times.is_empty()
    }

    /// The rows one after another.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        (0..self.count).map(|index| self.row(index))
    }

    /// All rows as one table.
    pub fn view(&self) -> ArrayView2<'_, f64> {
        ArrayView2::from_shape((self.count, self.width), &self.cells).expect("invariant: whole rows")
    }

    /// One column, from the first row to the last.
    pub fn column(&self, column: usize) -> impl ExactSizeIterator<Item = f64> + '_ {
        (0..self.count).map(move |index| self.cells[index * self.width + column])
    }

    /// The stretches of rows that follow each other.
    pub fn segments(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let starts = std::iter::once(0).chain(self.breaks.iter().copied());
        let ends = self.breaks.iter().copied().chain(std::iter::once(self.count));
        starts.zip(ends).map(|(start, end)| start..end).filter(|segment| !segment.is_empty())
    }

    /// All values, row by row.
    pub(crate) fn cells(&self) -> &[f64] {
        &self.cells
    }

    /// Some of the rows.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let breaks = self.breaks.iter().filter(|start| range.start < **start && **start < range.end);
        Self {
            width: self.width,
            count: range.len(),
            cells: self.cells[range.start * self.width..range.end * self.width].to_vec(),
            times: self.times.get(range.clone()).unwrap_or_default().to_vec(),
            breaks: breaks.map(|start| start - range.start).collect(),
        }
    }

    /// First row of the segment that a row belongs to.
    pub(crate) fn segment_start(&self, index: usize) -> usize {
        let after = self.breaks.partition_point(|&start| start <= index);
        if after == 0 { 0 } else { self.breaks[after - 1] }
    }

    /// The same rows, times and segments with each row rewritten in place.
    pub(crate) fn map(&self, rewrite: impl FnMut(&mut [f64])) -> Self {
        let mut mapped = self.clone();
        if self.width > 0 {
            mapped.cells.chunks_exact_mut(self.width).for_each(rewrite);
        }
        mapped
    }

    /// All rows but those of `range`; what stood before and after it is no longer consecutive.
    pub(crate) fn without(&self, range: Range<usize>) -> Self {
        let mut rest = Self::new(self.width);
        for (segment, rows) in self.segments().enumerate() {
            if segment > 0 {
                rest.start_segment();
            }
            for index in rows {
                if range.contains(&index) {
                    rest.start_segment();
                } else if self.has_times() {
                    rest.push_at(self.row(index), self.time(index));
                } else {
                    rest.push(self.row(index));
                }
            }
        }
        rest
    }
}

impl From<ArrayView2<'_, f64>> for TrainingRows {
    /// One segment without times.
    fn from(table: ArrayView2<'_, f64>) -> Self {
        let cells = table.axis_iter(Axis(0)).flat_map(|row| row.to_vec()).collect();
        Self { width: table.ncols(), count: table.nrows(), cells, times: Vec::new(), breaks: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn ramp(count: usize) -> TrainingRows {
        Array2::from_shape_fn((count, 2), |(row, column)| (10 * row + column) as f64).view().into()
    }

    #[test]
    fn segments_lie_between_the_breaks() {
        let mut rows = TrainingRows::new(1);
        rows.start_segment();
        rows.push(&[1.0]);
        rows.push(&[2.0]);
        rows.start_segment();
        rows.start_segment();
        rows.push(&[3.0]);
        rows.start_segment();
        assert_eq!(rows.segments().collect::<Vec<_>>(), [0..2, 2..3]);
        assert_eq!([0, 1, 2].map(|index| rows.segment_start(index)), [0, 0, 2]);
    }

    #[test]
    fn leaving_rows_out_breaks_the_order_there() {
        let rest = ramp(6).without(2..4);
        assert_eq!(rest.column(0).collect::<Vec<_>>(), [0.0, 10.0, 40.0, 50.0]);
        assert_eq!(rest.segments().collect::<Vec<_>>(), [0..2, 2..4]);
        assert_eq!(ramp(3).without(0..1).segments().next(), Some(0..2));
        assert!(ramp(3).without(0..3).is_empty());
    }

    #[test]
    fn times_stay_with_their_rows() {
        let mut rows = TrainingRows::new(1);
        rows.push(&[1.0]);
        rows.push_at(&[2.0], Time(20));
        rows.push_at(&[3.0], Time(30));
        assert_eq!([0, 1, 2].map(|index| rows.time(index)), [Time(0), Time(20), Time(30)]);
        assert_eq!(rows.without(1..2).time(1), Time(30));
        assert!(!ramp(2).has_times());
    }

    #[test]
    fn a_slice_keeps_the_breaks_and_times_within() {
        let mut rows = TrainingRows::new(1);
        for index in 0..6 {
            if index == 1 || index == 4 {
                rows.start_segment();
            }
            rows.push_at(&[f64::from(index)], Time(i64::from(index)));
        }
        let slice = rows.slice(1..5);
        assert_eq!(slice.segments().collect::<Vec<_>>(), [0..3, 3..4]);
        assert_eq!((slice.row(0), slice.time(3)), (&[1.0][..], Time(4)));
    }

    #[test]
    fn a_table_in_any_memory_layout_gives_the_same_rows() {
        let table = Array2::from_shape_fn((4, 3), |(row, column)| (row * 3 + column) as f64);
        let mut turned = Array2::zeros((3, 4));
        turned.assign(&table.t());
        assert_eq!(TrainingRows::from(table.view()), TrainingRows::from(turned.t()));
        assert_eq!(TrainingRows::from(table.view()).view(), table);
    }

    #[test]
    fn a_table_without_columns_still_counts_its_rows() {
        let rows = TrainingRows::from(Array2::zeros((5, 0)).view());
        assert_eq!((rows.count(), rows.rows().len(), rows.map(|_| ()).count()), (5, 5, 5));
    }
}
