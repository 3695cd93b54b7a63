//! Tables of numbers in CSV: training data, rows to score, labelled rows to judge a model by.

pub mod error;
pub mod options;
pub mod read;
pub mod time;

pub use error::{BadCell, TableError};
pub use options::{Columns, TableOptions};
pub use read::Table;
