//! Why a figure cannot be computed.

/// Why a figure cannot be computed from these rows.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum EvaluationError {
    /// There are not as many true labels as rows.
    #[error("{rows} rows have {truths} true labels; give one for each row")]
    Lengths {
        /// Scores or labels given.
        rows: usize,
        /// True labels given.
        truths: usize,
    },
    /// A score is NaN or infinite.
    #[error("the score of row {row} is {score}; leave out rows without a finite score")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Its score.
        score: f64,
    },
    /// No row is an anomaly in truth, and the figure says how they are found.
    #[error("none of the rows is a true anomaly; give some that are")]
    NoAnomalies,
    /// No row is normal in truth, and the figure says how anomalies are told from normal rows.
    #[error("all of the rows are true anomalies; give some that are normal")]
    NoNormalRows,
}
