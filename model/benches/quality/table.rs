//! Tables of numbers, read from CSV.

use std::fs;
use std::path::Path;

use crate::Result;

/// Rows of equal width, one after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) width: usize,
    pub(crate) cells: Vec<f64>,
}

impl Table {
    pub(crate) fn rows(&self) -> usize {
        self.cells.len() / self.width.max(1)
    }

    /// The rows whose index the function chooses.
    pub(crate) fn choose(&self, is_chosen: impl Fn(usize) -> bool) -> Self {
        let rows = self.cells.chunks_exact(self.width).enumerate().filter(|(index, _)| is_chosen(*index));
        Self { width: self.width, cells: rows.flat_map(|(_, row)| row.iter().copied()).collect() }
    }
}

/// A table with a header, and the label, 0 or 1, in its last column.
pub(crate) fn read_labelled(path: &Path) -> Result<(Table, Vec<bool>)> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut table = Table::default();
    let mut truth = Vec::new();
    for (number, line) in (1..).zip(text.lines()).skip(1).filter(|(_, line)| !line.is_empty()) {
        let cells: std::result::Result<Vec<f64>, _> = line.split(',').map(|cell| cell.trim().parse()).collect();
        let mut cells = cells.map_err(|error| format!("{}:{number}: {error}", path.display()))?;
        let label = cells.pop().ok_or_else(|| format!("{}:{number} is empty", path.display()))?;
        truth.push(label > 0.5);
        table.width = cells.len();
        table.cells.extend(cells);
    }
    Ok((table, truth))
}
