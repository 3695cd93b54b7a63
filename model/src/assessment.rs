//! What a model says about one row.

use serde::{Deserialize, Serialize};

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
    /// it is the excess over that threshold. NaN for a row that cannot be scored (see `Model::check_row`).
    pub score: f64,
    /// The score above which a row is an anomaly.
    pub threshold: f64,
    /// The verdict.
    pub label: Label,
}

impl Assessment {
    /// Compares a score with a threshold: strictly above is an anomaly, NaN is not.
    pub(crate) fn new(score: f64, threshold: f64) -> Self {
        let label = if score > threshold { Label::Anomaly } else { Label::Normal };
        Self { score, threshold, label }
    }

    /// Whether the row could be scored at all.
    pub fn is_scored(&self) -> bool {
        !self.score.is_nan()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_score_strictly_above_the_threshold_is_an_anomaly() {
        let check =
            |score: f64, expected: u8| assert_eq!(Assessment::new(score, 0.5).label.as_u8(), expected, "{score}");
        check(0.4, 0);
        check(0.5, 0);
        check(0.500_001, 1);
        check(f64::INFINITY, 1);
        check(f64::NAN, 0);
    }

    #[test]
    fn a_nan_score_is_not_a_score() {
        assert!(!Assessment::new(f64::NAN, 0.0).is_scored());
        assert!(Assessment::new(-0.08, 0.0).is_scored());
    }
}
