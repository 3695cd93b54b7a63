//! What a model says about one row.

use serde::{Deserialize, Serialize};

use crate::RowError;

/// The verdict on a row, spelled as PyOD does: 0 normal, 1 anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The score is at or below the threshold.
    Normal,
    /// The score is strictly above the threshold.
    Anomaly,
}

impl Label {
    /// 0 for normal, 1 for an anomaly.
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::Anomaly => 1,
        }
    }
}

/// Score, threshold and label of one row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// How anomalous the row is; higher is more so. The scale is the detector's own; with a contamination threshold
    /// it is the excess over that threshold. Behind the out-of-range guard it grows by one for every training range.
    pub score: f64,
    /// The score above which a row is an anomaly.
    pub threshold: f64,
    /// The verdict that holds from this row on. Debouncing and a refractory time may make it differ from the row's own.
    pub label: Label,
}

impl Assessment {
    /// Whether the row's own score is strictly above the threshold.
    pub fn is_above(&self) -> bool {
        self.score > self.threshold
    }
}

/// Why a row has no score.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoScore {
    /// It is no row for this model.
    #[error(transparent)]
    Row(#[from] RowError),
    /// Windows, lags or the detector's own memory have not seen enough rows yet.
    #[error("the model has not seen enough rows yet to say anything")]
    WarmingUp,
    /// A detector came to something that is no number; only kinds from outside this crate can.
    #[error("the detector came to {0}, which is no score")]
    NotFinite(f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_score_strictly_above_the_threshold_is_above() {
        let check = |score: f64, expected: bool| {
            let assessment = Assessment { score, threshold: 0.5, label: Label::Normal };
            assert_eq!(assessment.is_above(), expected, "{score}");
        };
        check(0.4, false);
        check(0.5, false);
        check(0.500_001, true);
        check(f64::NAN, false);
    }
}
