//! The entries of `features:` as they are written in a mapping.

use serde::{Deserialize, Serialize};

use super::{FeatureError, Statistic};

/// Inputs are numbered below this, so that a damaged list cannot ask for absurd rows.
const MOST_INPUTS: usize = 65_536;

/// One entry of `features:`. Its written form is the mapping's, such as
/// `{"kind": "window", "input": 0, "size": 64, "statistics": ["mean", "rms"]}`.
///
/// `input` is the position of the value in the row, from 0, and 0 where it is not written. Sizes and lags are counted in
/// rows, whatever time lies between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", from = "Written")]
pub enum FeatureSpec {
    /// The input as it is: one feature.
    Value {
        /// The input.
        input: usize,
    },
    /// Statistics of the last rows: one feature each.
    Window {
        /// The input.
        input: usize,
        /// Rows in the window: 2 to 65,536.
        size: usize,
        /// What to compute: at least one, each once.
        statistics: Vec<Statistic>,
    },
    /// The input less what it was `lag` rows before: one feature.
    Difference {
        /// The input.
        input: usize,
        /// Rows between the two: 1 to 4,096, 1 where it is not written.
        lag: usize,
    },
    /// Power of the last rows in frequency bands of equal width on a logarithmic axis, as its decimal logarithm: `count`
    /// features. A list with bands yields a feature row every `hop` rows only.
    Bands {
        /// The input.
        input: usize,
        /// Rows in a frame: a power of two from 16 to 4,096.
        size: usize,
        /// Bands: 1 to `size / 4`, 8 (or `size / 4` if that is less) where it is not written.
        count: usize,
        /// Rows from frame to frame: 1 to `size`, `size / 2` where it is not written. All `bands` of a list have the
        /// same.
        hop: usize,
    },
    /// The time of day as the number of its slot, from 0: one feature.
    TimeOfDay {
        /// Slots in a day: 2 to 1,440, 48 where it is not written.
        slots: usize,
        /// Minutes by which local time is ahead of UTC: −1,440 to 1,440, 0 where it is not written. It is constant:
        /// daylight saving time shifts the slots by an hour.
        utc_offset_minutes: i32,
    },
}

impl FeatureSpec {
    /// The features that the entry yields.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Window { statistics, .. } => statistics.len(),
            Self::Bands { count, .. } => *count,
            Self::Value { .. } | Self::Difference { .. } | Self::TimeOfDay { .. } => 1,
        }
    }

    /// The inputs that a row must have for the entry. The time of day reads none, and there is no row without one.
    pub(super) fn inputs(&self) -> usize {
        match self {
            Self::Value { input }
            | Self::Window { input, .. }
            | Self::Difference { input, .. }
            | Self::Bands { input, .. } => input + 1,
            Self::TimeOfDay { .. } => 1,
        }
    }

    /// The rows that the entry must have seen before its features mean something.
    pub(super) fn rows_to_fill(&self) -> usize {
        match self {
            Self::Value { .. } | Self::TimeOfDay { .. } => 1,
            Self::Window { size, .. } | Self::Bands { size, .. } => *size,
            Self::Difference { lag, .. } => lag + 1,
        }
    }

    /// The names of the entry's features; `name` knows those of the inputs.
    pub(super) fn names(&self, name: impl Fn(usize) -> String) -> Vec<String> {
        match self {
            Self::Value { input } => vec![name(*input)],
            Self::Window { input, size, statistics } => {
                statistics.iter().map(|statistic| format!("{}_{size}({})", statistic.name(), name(*input))).collect()
            }
            Self::Difference { input, lag: 1 } => vec![format!("difference({})", name(*input))],
            Self::Difference { input, lag } => vec![format!("difference_{lag}({})", name(*input))],
            Self::Bands { input, count, .. } => {
                (0..*count).map(|band| format!("band_{band}({})", name(*input))).collect()
            }
            Self::TimeOfDay { .. } => vec!["time_of_day".to_owned()],
        }
    }

    /// Checks the numbers of what is `features[entry]`.
    pub(super) fn validate(&self, entry: usize) -> Result<(), FeatureError> {
        let within = |key, found: usize, least: usize, most: usize| {
            in_range(entry, key, found as i128, least as i128..=most as i128)
        };
        match self {
            Self::Value { input } => within("input", *input, 0, MOST_INPUTS - 1),
            Self::Window { input, size, statistics } => {
                within("input", *input, 0, MOST_INPUTS - 1)?;
                within("size", *size, 2, 65_536)?;
                if statistics.is_empty() {
                    return Err(FeatureError::NoStatistics { entry });
                }
                match statistics.iter().enumerate().find(|(at, statistic)| statistics[..*at].contains(statistic)) {
                    Some((_, &statistic)) => Err(FeatureError::RepeatedStatistic { entry, statistic }),
                    None => Ok(()),
                }
            }
            Self::Difference { input, lag } => {
                within("input", *input, 0, MOST_INPUTS - 1)?;
                within("lag", *lag, 1, 4096)
            }
            Self::Bands { input, size, count, hop } => {
                within("input", *input, 0, MOST_INPUTS - 1)?;
                if !(size.is_power_of_two() && (16..=4096).contains(size)) {
                    let nearest = (*size).clamp(16, 4096).next_power_of_two();
                    return Err(FeatureError::NotAPowerOfTwo { entry, found: *size, nearest });
                }
                within("count", *count, 1, size / 4)?;
                within("hop", *hop, 1, *size)
            }
            Self::TimeOfDay { slots, utc_offset_minutes } => {
                within("slots", *slots, 2, 1440)?;
                in_range(entry, "utc_offset_minutes", i128::from(*utc_offset_minutes), -1440..=1440)
            }
        }
    }
}

fn in_range(
    entry: usize,
    key: &'static str,
    found: i128,
    range: std::ops::RangeInclusive<i128>,
) -> Result<(), FeatureError> {
    let (least, most) = range.clone().into_inner();
    if range.contains(&found) { Ok(()) } else { Err(FeatureError::OutOfRange { entry, key, found, least, most }) }
}

/// The form in the mapping, where some keys may be missing and the default of one depends on another.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Written {
    Value {
        #[serde(default)]
        input: usize,
    },
    Window {
        #[serde(default)]
        input: usize,
        size: usize,
        statistics: Vec<Statistic>,
    },
    Difference {
        #[serde(default)]
        input: usize,
        lag: Option<usize>,
    },
    Bands {
        #[serde(default)]
        input: usize,
        size: usize,
        count: Option<usize>,
        hop: Option<usize>,
    },
    TimeOfDay {
        slots: Option<usize>,
        #[serde(default)]
        utc_offset_minutes: i32,
    },
}

impl From<Written> for FeatureSpec {
    fn from(written: Written) -> Self {
        match written {
            Written::Value { input } => Self::Value { input },
            Written::Window { input, size, statistics } => Self::Window { input, size, statistics },
            Written::Difference { input, lag } => Self::Difference { input, lag: lag.unwrap_or(1) },
            Written::Bands { input, size, count, hop } => {
                Self::Bands { input, size, count: count.unwrap_or(8.min(size / 4)), hop: hop.unwrap_or(size / 2) }
            }
            Written::TimeOfDay { slots, utc_offset_minutes } => {
                Self::TimeOfDay { slots: slots.unwrap_or(48), utc_offset_minutes }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_form_is_that_of_the_mapping() {
        let check = |text: &str, spec: FeatureSpec| {
            assert_eq!(serde_json::from_str::<FeatureSpec>(text).unwrap(), spec);
            assert_eq!(serde_json::to_string(&spec).unwrap(), text);
        };
        check(r#"{"kind":"value","input":3}"#, FeatureSpec::Value { input: 3 });
        check(
            r#"{"kind":"window","input":0,"size":64,"statistics":["mean","rms"]}"#,
            FeatureSpec::Window { input: 0, size: 64, statistics: vec![Statistic::Mean, Statistic::Rms] },
        );
        check(r#"{"kind":"difference","input":1,"lag":5}"#, FeatureSpec::Difference { input: 1, lag: 5 });
        check(
            r#"{"kind":"bands","input":0,"size":1024,"count":8,"hop":512}"#,
            FeatureSpec::Bands { input: 0, size: 1024, count: 8, hop: 512 },
        );
        check(
            r#"{"kind":"time_of_day","slots":24,"utc_offset_minutes":60}"#,
            FeatureSpec::TimeOfDay { slots: 24, utc_offset_minutes: 60 },
        );
    }

    #[test]
    fn keys_that_are_not_written_have_defaults() {
        let check =
            |text: &str, spec: FeatureSpec| assert_eq!(serde_json::from_str::<FeatureSpec>(text).unwrap(), spec);
        check(r#"{"kind":"value"}"#, FeatureSpec::Value { input: 0 });
        check(r#"{"kind":"difference"}"#, FeatureSpec::Difference { input: 0, lag: 1 });
        check(r#"{"kind":"bands","size":256}"#, FeatureSpec::Bands { input: 0, size: 256, count: 8, hop: 128 });
        check(r#"{"kind":"bands","size":16}"#, FeatureSpec::Bands { input: 0, size: 16, count: 4, hop: 8 });
        check(r#"{"kind":"time_of_day"}"#, FeatureSpec::TimeOfDay { slots: 48, utc_offset_minutes: 0 });
    }

    #[test]
    fn an_unknown_key_or_kind_or_statistic_is_an_error() {
        let check = |text: &str, expected: &str| {
            let error = serde_json::from_str::<FeatureSpec>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(r#"{"kind":"value","inptu":1}"#, "unknown field `inptu`");
        check(r#"{"kind":"wavelet"}"#, "unknown variant `wavelet`");
        check(r#"{"kind":"window","size":8,"statistics":["median"]}"#, "unknown variant `median`");
        check(r#"{"kind":"window","size":8}"#, "missing field `statistics`");
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_entry_and_range() {
        let check = |spec: FeatureSpec, expected: &str| {
            assert_eq!(spec.validate(2).unwrap_err().to_string(), expected);
        };
        let bands = |size, count, hop| FeatureSpec::Bands { input: 0, size, count, hop };
        let window =
            |size, statistics: &[Statistic]| FeatureSpec::Window { input: 0, size, statistics: statistics.into() };
        check(FeatureSpec::Value { input: 65_536 }, "features[2]: input must be from 0 to 65535, not 65536");
        check(window(1, &[Statistic::Rms]), "features[2]: size must be from 2 to 65536, not 1");
        check(
            window(8, &[]),
            "features[2]: a window without statistics yields no feature; name at least one, such as rms",
        );
        check(
            window(8, &[Statistic::Rms, Statistic::Peak, Statistic::Rms]),
            "features[2]: rms is named twice; name it once",
        );
        check(FeatureSpec::Difference { input: 0, lag: 0 }, "features[2]: lag must be from 1 to 4096, not 0");
        check(bands(100, 8, 50), "features[2]: size must be a power of two from 16 to 4096, not 100; take 128");
        check(bands(8192, 8, 50), "features[2]: size must be a power of two from 16 to 4096, not 8192; take 4096");
        check(bands(64, 17, 32), "features[2]: count must be from 1 to 16, not 17");
        check(bands(64, 16, 65), "features[2]: hop must be from 1 to 64, not 65");
        check(
            FeatureSpec::TimeOfDay { slots: 48, utc_offset_minutes: -1441 },
            "features[2]: utc_offset_minutes must be from -1440 to 1440, not -1441",
        );
    }

    #[test]
    fn names_say_what_was_done_to_which_input() {
        let check = |spec: FeatureSpec, expected: &[&str]| {
            assert_eq!(spec.names(|input| format!("x{input}")), expected);
            assert_eq!(spec.width(), expected.len());
        };
        check(FeatureSpec::Value { input: 1 }, &["x1"]);
        check(
            FeatureSpec::Window { input: 0, size: 64, statistics: vec![Statistic::Rms, Statistic::CrestFactor] },
            &["rms_64(x0)", "crest_factor_64(x0)"],
        );
        check(FeatureSpec::Difference { input: 2, lag: 1 }, &["difference(x2)"]);
        check(FeatureSpec::Difference { input: 2, lag: 7 }, &["difference_7(x2)"]);
        check(FeatureSpec::Bands { input: 0, size: 16, count: 2, hop: 8 }, &["band_0(x0)", "band_1(x0)"]);
        check(FeatureSpec::TimeOfDay { slots: 48, utc_offset_minutes: 0 }, &["time_of_day"]);
    }
}
