//! Tables as JSON writes them: an array of rows.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Rows of the same length, one after another. Read as one array, since a text of many empty rows would otherwise ask
/// for many times its own size.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    pub(super) columns: usize,
    pub(super) cells: Vec<f64>,
}

impl Table {
    pub(super) fn rows(&self) -> usize {
        self.cells.len() / self.columns.max(1)
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;

        impl<'de> Visitor<'de> for Rows {
            type Value = Table;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of rows")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Table, A::Error> {
                let mut table = Table { columns: 0, cells: Vec::new() };
                while let Some(row) = rows.next_element::<Vec<f64>>()? {
                    if row.is_empty() {
                        return Err(A::Error::custom("a row without entries"));
                    }
                    if table.columns == 0 {
                        table.columns = row.len();
                    } else if table.columns != row.len() {
                        let (found, expected) = (row.len(), table.columns);
                        let reason = format!("a row of {found} entries below one of {expected}");
                        return Err(A::Error::custom(reason));
                    }
                    table.cells.extend(row);
                }
                Ok(table)
            }
        }

        deserializer.deserialize_seq(Rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_one_after_another() {
        let table: Table = serde_json::from_str("[[1, 2], [3.5, 4], [5, 6]]").unwrap();
        assert_eq!(table, Table { columns: 2, cells: vec![1.0, 2.0, 3.5, 4.0, 5.0, 6.0] });
        assert_eq!(table.rows(), 3);
        assert_eq!(serde_json::from_str::<Table>("[]").unwrap().rows(), 0);
    }

    #[test]
    fn ragged_and_empty_rows_are_refused() {
        let check = |text: &str, expected: &str| {
            let error = serde_json::from_str::<Table>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("[[1, 2], [3]]", "a row of 1 entries below one of 2");
        check("[[], []]", "a row without entries");
        check("[1, 2]", "invalid type");
        check("{}", "an array of rows");
    }
}
