//! Rows of the kernel matrix, computed when they are asked for and kept while there is room.

use crate::detectors::table::Table;

/// Room for kernel rows. The whole matrix of 4096 rows fits.
const MOST_BYTES: usize = 64 << 20;
/// In no slot.
const NOWHERE: u32 = u32::MAX;

/// The radial kernel exp(−γ |x − y|²) between the rows of a table. Values are kept in 32 bits, as libsvm keeps them: they
/// decide on the way that its solver takes, and so on the solution that it stops at.
#[derive(Debug)]
pub(super) struct Kernel<'a> {
    rows: &'a Table,
    gamma: f64,
    /// Slots at most.
    room: usize,
    slots: Vec<Slot>,
    /// In which slot each row lies.
    slot_of: Vec<u32>,
    clock: u64,
    /// A row of the table.
    x: Vec<f64>,
}

#[derive(Debug)]
struct Slot {
    row: usize,
    used: u64,
    values: Box<[f32]>,
}

impl<'a> Kernel<'a> {
    pub(super) fn new(rows: &'a Table, gamma: f64) -> Self {
        let count = rows.count();
        Self::with_room(rows, gamma, MOST_BYTES / (size_of::<f32>() * count.max(1)))
    }

    /// With room for so many rows; two are needed at a time.
    fn with_room(rows: &'a Table, gamma: f64, room: usize) -> Self {
        let (slot_of, x) = (vec![NOWHERE; rows.count()], vec![0.0; rows.width()]);
        Self { rows, gamma, room: room.max(2), slots: Vec::new(), slot_of, clock: 0, x }
    }

    /// Rows, and values per row.
    pub(super) fn count(&self) -> usize {
        self.rows.count()
    }

    /// One row.
    pub(super) fn row(&mut self, row: usize) -> &[f32] {
        let slot = self.load(row);
        &self.slots[slot].values
    }

    /// Two rows.
    pub(super) fn pair(&mut self, one: usize, other: usize) -> (&[f32], &[f32]) {
        self.load(one);
        // This cannot displace the first, which was used last.
        let other = self.load(other);
        (&self.slots[self.slot_of[one] as usize].values, &self.slots[other].values)
    }

    /// Computes a row unless it is there, in place of the one that was not used for the longest time. Returns its slot.
    #[expect(clippy::cast_possible_truncation, reason = "fewer slots than rows, and far fewer rows than 2^32")]
    fn load(&mut self, row: usize) -> usize {
        self.clock += 1;
        if self.slot_of[row] == NOWHERE {
            let slot = if self.slots.len() < self.room {
                let values = vec![0.0; self.count()].into_boxed_slice();
                self.slots.push(Slot { row, used: 0, values });
                self.slots.len() - 1
            } else {
                let oldest = (0..self.slots.len()).min_by_key(|&slot| self.slots[slot].used).unwrap_or(0);
                self.slot_of[self.slots[oldest].row] = NOWHERE;
                oldest
            };
            self.slot_of[row] = slot as u32;
            self.compute(row, slot);
        }
        let slot = self.slot_of[row] as usize;
        self.slots[slot].used = self.clock;
        slot
    }

    #[expect(clippy::cast_possible_truncation, reason = "rounded to 32 bits on purpose")]
    fn compute(&mut self, row: usize, slot: usize) {
        self.rows.copy_row(row, &mut self.x);
        self.slots[slot].row = row;
        for (block, values) in self.slots[slot].values.chunks_mut(crate::detectors::table::LANES).enumerate() {
            let squares = self.rows.squared_distances(block, &self.x, f64::INFINITY);
            for (value, square) in values.iter_mut().zip(squares) {
                *value = libm::exp(-self.gamma * square) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_same_however_little_room_there_is() {
        let cells: Vec<f64> = (0..40).map(|cell| f64::from(cell * cell % 13)).collect();
        let table = Table::of(2, cells.chunks_exact(2));
        let mut narrow = Kernel::with_room(&table, 0.1, 0);
        let mut wide = Kernel::new(&table, 0.1);
        for (one, other) in (0..20).flat_map(|one| [(one, 19 - one), (7, one), (one, one)]) {
            assert_eq!(narrow.pair(one, other), wide.pair(one, other), "{one} {other}");
            assert_eq!(narrow.row(other), wide.row(other));
        }
        assert_eq!((narrow.slots.len(), wide.slots.len()), (2, 20));
    }

    #[test]
    fn the_kernel_is_one_at_a_row_itself_and_falls_with_the_distance() {
        let table = Table::of(1, [[0.0], [1.0], [3.0]].iter().map(<[f64; 1]>::as_slice));
        let mut kernel = Kernel::new(&table, 0.5);
        // numpy.float32(numpy.exp([-0.0, -0.5, -4.5])) prints these.
        assert_eq!(kernel.row(0), [1.0, 0.606_530_66, 0.011_108_996]);
    }
}
