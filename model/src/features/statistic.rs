//! The statistics of a sliding window that can be asked for.

use serde::{Deserialize, Serialize};

/// One statistic of the last n values x of an input.
///
/// Moments are taken about the mean with the divisor n (`ddof` 0, numpy's and scipy's default). Every statistic of
/// finite values is finite; what would overflow is cut to the range of a 64-bit float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Arithmetic mean, in the input's unit.
    Mean,
    /// Standard deviation with the divisor n, in the input's unit. Exactly 0 when all values are equal.
    StandardDeviation,
    /// Root of the mean square, about zero and not about the mean, in the input's unit.
    Rms,
    /// Largest absolute value, in the input's unit.
    Peak,
    /// Largest less smallest value, in the input's unit.
    PeakToPeak,
    /// Fisher's (excess) kurtosis, biased: the fourth moment over the squared variance, less 3, so that normally
    /// distributed values give about 0. It is the default of `scipy.stats.kurtosis`, except that equal values give 0,
    /// where scipy gives NaN.
    Kurtosis,
    /// Fisher's skewness, biased: the third moment over the variance to the power 1.5. It is the default of
    /// `scipy.stats.skew`, except that equal values give 0, where scipy gives NaN.
    Skewness,
    /// Peak over RMS, from 1 to √n. Every constant signal has the crest factor 1, and so has a window of zeros, where
    /// the quotient itself is undefined: it is the limit of ever smaller constants, and a machine that stands still
    /// must not look like one whose signal has lost all its peaks.
    CrestFactor,
    /// Slope of the least-squares line through the window, in the input's unit per row.
    Slope,
}

impl Statistic {
    /// All of them, in the order of the documentation.
    pub const fn all() -> [Self; 9] {
        [
            Self::Mean,
            Self::StandardDeviation,
            Self::Rms,
            Self::Peak,
            Self::PeakToPeak,
            Self::Kurtosis,
            Self::Skewness,
            Self::CrestFactor,
            Self::Slope,
        ]
    }

    /// The name in the mapping and in the names of features.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::StandardDeviation => "standard_deviation",
            Self::Rms => "rms",
            Self::Peak => "peak",
            Self::PeakToPeak => "peak_to_peak",
            Self::Kurtosis => "kurtosis",
            Self::Skewness => "skewness",
            Self::CrestFactor => "crest_factor",
            Self::Slope => "slope",
        }
    }

    /// Whether it is made from the moments of the window.
    pub(super) const fn needs_moments(self) -> bool {
        !matches!(self, Self::Peak | Self::PeakToPeak)
    }

    /// Whether it is made from the smallest and the largest value of the window.
    pub(super) const fn needs_extremes(self) -> bool {
        matches!(self, Self::Peak | Self::PeakToPeak | Self::CrestFactor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_form_is_the_name() {
        for statistic in Statistic::all() {
            let written = serde_json::to_string(&statistic).unwrap();
            assert_eq!(written, format!("{:?}", statistic.name()));
            assert_eq!(serde_json::from_str::<Statistic>(&written).unwrap(), statistic);
        }
    }
}
