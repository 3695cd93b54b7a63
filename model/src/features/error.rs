//! Why a list of features cannot be.

use super::Statistic;

/// A list of features that cannot be. Entries are counted from 0, as in `features[2]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// A number of an entry lies outside its range.
    #[error("features[{entry}]: {key} must be from {least} to {most}, not {found}")]
    OutOfRange {
        /// The entry, from 0.
        entry: usize,
        /// The key of the number.
        key: &'static str,
        /// What was given.
        found: i128,
        /// The smallest number allowed.
        least: i128,
        /// The largest number allowed.
        most: i128,
    },
    /// The frame of a `bands` entry is no power of two.
    #[error("features[{entry}]: size must be a power of two from 16 to 4096, not {found}; take {nearest}")]
    NotAPowerOfTwo {
        /// The entry, from 0.
        entry: usize,
        /// What was given.
        found: usize,
        /// The next power of two that is allowed.
        nearest: usize,
    },
    /// A window without statistics yields no feature.
    #[error("features[{entry}]: a window without statistics yields no feature; name at least one, such as rms")]
    NoStatistics {
        /// The entry, from 0.
        entry: usize,
    },
    /// A statistic is named twice in one window.
    #[error("features[{entry}]: {} is named twice; name it once", statistic.name())]
    RepeatedStatistic {
        /// The entry, from 0.
        entry: usize,
        /// The statistic.
        statistic: Statistic,
    },
    /// An entry says the same as an earlier one.
    #[error("features[{entry}] repeats features[{first}]; leave one of them out")]
    Repeated {
        /// The later entry, from 0.
        entry: usize,
        /// The earlier entry, from 0.
        first: usize,
    },
    /// Two `bands` entries would yield rows at different times.
    #[error(
        "features[{entry}]: a hop of {found} rows does not go with the hop of {expected} in features[{first}], and one \
         feature row needs one rhythm; give both the same hop"
    )]
    DifferentHops {
        /// The later `bands` entry, from 0.
        entry: usize,
        /// Its hop.
        found: usize,
        /// The first `bands` entry, from 0.
        first: usize,
        /// The hop of the first.
        expected: usize,
    },
    /// The list asks for more memory than one model may have.
    #[error("the features would keep {found} values in memory; shorten windows, lags or the list to at most {most}")]
    TooLarge {
        /// Values that the list would keep.
        found: usize,
        /// The most that it may.
        most: usize,
    },
    /// The list has too many entries.
    #[error("{found} features are too many; name at most {most} entries")]
    TooMany {
        /// Entries in the list.
        found: usize,
        /// The most that there may be.
        most: usize,
    },
}
