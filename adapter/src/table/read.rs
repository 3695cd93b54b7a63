//! Reading a table, row by row, with the place of every mistake.

use std::io::Read;

use csv::StringRecord;
use tagwise_model::{Time, TrainingRows};

use super::{BadCell, TableError, TableOptions, error::BadCells, options::Places, time};

/// Rows that are read at most; more would not make a better model, only a slower one.
const MAX_ROWS: usize = 10_000_000;
/// Rows between two words on progress.
const PROGRESS_ROWS: usize = 10_000;

/// A table of numbers.
#[derive(Debug)]
pub struct Table {
    names: Vec<String>,
    rows: TrainingRows,
    labels: Vec<bool>,
    /// Rows, from 0, that have a bad cell; ascending.
    bad_rows: Vec<usize>,
    bad_cells: BadCells,
}

impl Table {
    /// Reads a table. `progress` hears now and then how many rows there are so far.
    pub fn read(
        source: impl Read,
        options: &TableOptions,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self, TableError> {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(options.delimiter).trim(csv::Trim::All).from_reader(source);
        let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        if header.is_empty() {
            return Err(TableError::Empty);
        }
        let places = Places::find(options, &header)?;
        let mut table = Self::empty(places.values.iter().map(|place| header[*place].clone()).collect());
        let mut record = StringRecord::new();
        while reader.read_record(&mut record)? {
            table.take(&record, &header, &places)?;
            if table.rows.count() > MAX_ROWS {
                return Err(TableError::TooLong(MAX_ROWS));
            }
            if table.rows.count().is_multiple_of(PROGRESS_ROWS) {
                progress(table.rows.count());
            }
        }
        match () {
            () if table.rows.is_empty() => Err(TableError::NoRows),
            () if !options.keeps_bad_rows && table.bad_cells.count > 0 => Err(TableError::Cells(table.bad_cells)),
            () => Ok(table),
        }
    }

    fn empty(names: Vec<String>) -> Self {
        let rows = TrainingRows::new(names.len());
        Self { names, rows, labels: Vec::new(), bad_rows: Vec::new(), bad_cells: BadCells::default() }
    }

    fn take(&mut self, record: &StringRecord, header: &[String], places: &Places) -> Result<(), TableError> {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let bad_cell = |place: usize| BadCell {
            line,
            column: header[place].clone(),
            cell: cell(place).chars().take(40).collect(),
        };
        let bad_before = self.bad_cells.count;
        let mut row = Vec::with_capacity(places.values.len());
        for &place in &places.values {
            match cell(place).parse::<f64>() {
                Ok(value) if value.is_finite() => row.push(value),
                _ => {
                    self.bad_cells.push(|| bad_cell(place));
                    row.push(f64::NAN);
                }
            }
        }
        if self.bad_cells.count > bad_before {
            self.bad_rows.push(self.rows.count());
        }
        match places.time {
            None => self.rows.push(&row),
            Some(place) => {
                let BadCell { column, cell, .. } = bad_cell(place);
                let t = time::parse(record.get(place).unwrap_or_default());
                self.rows.push_at(&row, t.ok_or(TableError::Time { line, column, cell })?);
            }
        }
        if let Some(place) = places.label {
            let label = match cell(place).parse::<f64>() {
                Ok(0.0) => false,
                Ok(1.0) => true,
                _ => {
                    let BadCell { line, column, cell } = bad_cell(place);
                    return Err(TableError::Label { line, column, cell });
                }
            };
            self.labels.push(label);
        }
        Ok(())
    }

    /// The names of the columns of values.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows; a bad cell is NaN.
    pub fn rows(&self) -> &TrainingRows {
        &self.rows
    }

    /// The rows alone; a bad cell is NaN.
    pub fn into_rows(self) -> TrainingRows {
        self.rows
    }

    /// Whether each row is labelled an anomaly; empty without a column of labels.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// Whether a row has a bad cell.
    pub fn is_bad(&self, row: usize) -> bool {
        self.bad_rows.binary_search(&row).is_ok()
    }

    /// The cells that are no finite numbers, where they are kept.
    pub fn bad_cells(&self) -> &BadCells {
        &self.bad_cells
    }

    /// Time of a row; 1970 without a column of times.
    pub fn time(&self, row: usize) -> Time {
        self.rows.time(row)
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
