//! Which columns of a table are meant.

use super::TableError;

/// How a table is read.
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Between cells.
    pub delimiter: u8,
    /// The columns of values.
    pub columns: Columns,
    /// The column of times; rows have none without it.
    pub time: Option<String>,
    /// The column of labels; rows have none without it.
    pub label: Option<String>,
    /// Whether rows with a bad cell are kept, and only marked; else they are an error.
    pub keeps_bad_rows: bool,
}

/// The columns of values.
#[derive(Clone, Debug)]
pub enum Columns {
    /// All but those of time and label.
    All,
    /// These, in this order.
    Named(Vec<String>),
    /// The inputs of a model: columns of these names. A model of one input also takes the only column of a table, or the
    /// one called `value`, which may stand for the first input of several as well.
    Inputs(Vec<String>),
    /// The columns that a model was trained on, by their names; a model of one input takes the only column of a table as
    /// well, whatever it is called.
    Trained(Vec<String>),
}

impl TableOptions {
    /// A plain table: comma, all columns, no time, no label, every cell a number.
    pub fn plain() -> Self {
        Self { delimiter: b',', columns: Columns::All, time: None, label: None, keeps_bad_rows: false }
    }

    /// A table with the inputs of a model.
    pub fn inputs(names: Vec<String>) -> Self {
        Self { columns: Columns::Inputs(names), ..Self::plain() }
    }
}

/// Where in a row the columns stand.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) values: Vec<usize>,
    pub(super) time: Option<usize>,
    pub(super) label: Option<usize>,
}

impl Places {
    /// Finds the columns in a header.
    pub(super) fn find(options: &TableOptions, header: &[String]) -> Result<Self, TableError> {
        let time = options.time.as_deref().map(|name| position(header, name)).transpose()?;
        let label = options.label.as_deref().map(|name| position(header, name)).transpose()?;
        let rest: Vec<usize> =
            (0..header.len()).filter(|place| Some(*place) != time && Some(*place) != label).collect();
        let values = match &options.columns {
            Columns::All => rest,
            Columns::Named(names) => names.iter().map(|name| position(header, name)).collect::<Result<Vec<_>, _>>()?,
            Columns::Inputs(names) => inputs(header, names, &rest)?,
            Columns::Trained(names) => trained(header, names, &rest)?,
        };
        if values.is_empty() { Err(TableError::NoValues) } else { Ok(Self { values, time, label }) }
    }
}

fn inputs(header: &[String], names: &[String], rest: &[usize]) -> Result<Vec<usize>, TableError> {
    if let ([_], [only]) = (names, rest) {
        return Ok(vec![*only]);
    }
    let find = |(place, name): (usize, &String)| match position(header, name) {
        Err(TableError::NoColumn { .. }) if place == 0 && header.iter().any(|column| column == "value") => {
            position(header, "value")
        }
        found => found,
    };
    names.iter().enumerate().map(find).collect()
}

fn trained(header: &[String], names: &[String], rest: &[usize]) -> Result<Vec<usize>, TableError> {
    if let ([_], [only]) = (names, rest) {
        return Ok(vec![*only]);
    }
    let find = |name: &String| match position(header, name) {
        Err(TableError::NoColumn { wanted, found }) => Err(TableError::NoTrainedColumn { wanted, found }),
        found => found,
    };
    names.iter().map(find).collect()
}

fn position(header: &[String], wanted: &str) -> Result<usize, TableError> {
    let mut found = header.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(place, _)| place);
    match (found.next(), found.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(TableError::TwoColumns(wanted.to_owned())),
        (None, _) => Err(TableError::NoColumn { wanted: wanted.to_owned(), found: header.to_vec() }),
    }
}
