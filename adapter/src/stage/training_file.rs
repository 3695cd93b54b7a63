//! Training values from a CSV file with a header.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use ndarray::Array2;
use thiserror::Error;

/// Rows that are read at most; more would not make a better model, only a slower start.
const MAX_ROWS: usize = 1_000_000;

/// Why a file cannot be trained on.
#[derive(Debug, Error)]
pub enum TrainingFileError {
    /// The file cannot be read as CSV.
    #[error("cannot read training file `{path}`", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// Several columns, none of which is the right one.
    #[error(
        "training file `{path}` has the columns {columns}; name one `{wanted}` or `value`, or leave only one",
        path = path.display()
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// The columns found, each in backticks.
        columns: String,
        /// The tag's name.
        wanted: String,
    },
    /// A cell is no finite number.
    #[error("training file `{path}`, line {line}, column `{column}`: `{cell}` is no finite number", path = path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line, from 1, the header included.
        line: u64,
        /// The column's name.
        column: String,
        /// What stands there.
        cell: String,
    },
    /// More rows than are read.
    #[error("training file `{path}` has more than {MAX_ROWS} rows; leave out the oldest", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

/// The columns read so far: many mappings may share one file, and its rows are then held once.
#[derive(Debug, Default)]
pub struct TrainingFiles {
    columns: HashMap<(PathBuf, usize), Arc<Array2<f64>>>,
}

impl TrainingFiles {
    /// Reads the file's only column, or the one named `tag`, or the one named `value`.
    pub fn read(&mut self, path: &Path, tag: &str) -> Result<Arc<Array2<f64>>, TrainingFileError> {
        let (mut reader, headers, index) = open(path, tag)?;
        let key = (path.to_owned(), index);
        if let Some(rows) = self.columns.get(&key) {
            return Ok(Arc::clone(rows));
        }
        let rows = Arc::new(read_column(path, &mut reader, &headers, index)?);
        self.columns.insert(key, Arc::clone(&rows));
        Ok(rows)
    }
}

type Opened = (csv::Reader<File>, csv::StringRecord, usize);

fn open(path: &Path, tag: &str) -> Result<Opened, TrainingFileError> {
    let read = |source| TrainingFileError::Read { path: path.to_owned(), source };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(read)?;
    let headers = reader.headers().map_err(read)?.clone();
    let index = pick_column(&headers, tag).ok_or_else(|| TrainingFileError::Column {
        path: path.to_owned(),
        columns: headers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        wanted: tag.to_owned(),
    })?;
    Ok((reader, headers, index))
}

fn read_column(
    path: &Path,
    reader: &mut csv::Reader<File>,
    headers: &csv::StringRecord,
    index: usize,
) -> Result<Array2<f64>, TrainingFileError> {
    let read = |source| TrainingFileError::Read { path: path.to_owned(), source };
    let mut values = Vec::new();
    for record in reader.records() {
        let record = record.map_err(read)?;
        let cell = record.get(index).unwrap_or_default();
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            _ => {
                return Err(TrainingFileError::Cell {
                    path: path.to_owned(),
                    line: record.position().map_or(0, csv::Position::line),
                    column: headers.get(index).unwrap_or_default().to_owned(),
                    cell: cell.chars().take(40).collect(),
                });
            }
        }
        if values.len() > MAX_ROWS {
            return Err(TrainingFileError::TooLong { path: path.to_owned() });
        }
    }
    Ok(Array2::from_shape_vec((values.len(), 1), values).expect("one column has as many cells as rows"))
}

fn pick_column(headers: &csv::StringRecord, tag: &str) -> Option<usize> {
    if headers.len() == 1 {
        return Some(0);
    }
    let position = |wanted: &str| headers.iter().position(|name| name == wanted);
    position(tag).or_else(|| position("value"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(content: &str) -> Result<Vec<f64>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("normal.csv");
        fs::write(&path, content).unwrap();
        TrainingFiles::default()
            .read(&path, "line1/vibration")
            .map(|rows| rows.iter().copied().collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_column_is_found_by_being_alone_by_tag_or_by_value() {
        assert_eq!(read("anything\n1\n2.5\n").unwrap(), [1.0, 2.5]);
        assert_eq!(read("time,line1/vibration,value\n0,1,9\n0,2,9\n").unwrap(), [1.0, 2.0]);
        assert_eq!(read("time,value\n0, 1e3\n").unwrap(), [1000.0]);
    }

    #[test]
    fn mistakes_name_line_and_column() {
        assert!(read("a,b\n1,2\n").unwrap_err().contains("has the columns `a`, `b`"));
        for cell in ["", "NaN", "inf", "abc"] {
            let error = read(&format!("time,value\n0,1\n0,{cell}\n")).unwrap_err();
            assert!(error.contains("line 3, column `value`"), "{error}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("normal.csv");
        fs::write(&path, [b'v', b'\n', 0xFF, 0xFE, b'\n']).unwrap();
        let mut files = TrainingFiles::default();
        assert!(files.read(&path, "t").is_err());
        assert!(files.read(&dir.path().join("absent.csv"), "t").is_err());
    }

    #[test]
    fn mappings_that_share_a_column_share_its_rows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("normal.csv");
        fs::write(&path, "a,value\n1,2\n").unwrap();
        let mut files = TrainingFiles::default();
        let rows = ["a", "b", "c"].map(|tag| files.read(&path, tag).unwrap());
        assert_eq!((rows[0][[0, 0]], rows[1][[0, 0]]), (1.0, 2.0));
        assert!(Arc::ptr_eq(&rows[1], &rows[2]));
    }
}
