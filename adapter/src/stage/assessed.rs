//! What the stage says of one value.

use std::sync::Arc;

use tagwise_model::Assessment;

/// What the stage says of one value of one mapping.
#[derive(Clone, Debug)]
pub struct Assessed {
    /// Score, threshold and label, or why there are none.
    pub result: Result<Assessment, Unscored>,
    /// What contributed most to a score above the threshold, where the mapping asks for it.
    pub contributions: Vec<Contribution>,
    /// The model's name in the mapping.
    pub model: Arc<str>,
    /// The version of the instance that was asked; `None` before the first training.
    pub version: Option<u64>,
}

/// How much one feature has to do with a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// The feature: the tag's name, or what was made of it, such as `rms_64(line1/vibration)`.
    pub feature: Arc<str>,
    /// Its share, above 0 and at most 1.
    pub share: f64,
}

/// Why a value has no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unscored {
    /// The instance has not been trained yet, or its windows or another of its inputs have not seen enough.
    WarmingUp,
    /// The value's StatusCode is not good.
    BadQuality,
    /// The value is no number, or none that is finite.
    NotNumeric,
    /// The value repeats the one before it, as after a reconnect or by heartbeat.
    Repeated,
    /// The value is an old one for which nobody vouches.
    Stale,
    /// The detector panicked, now or before; a retraining gives it another chance.
    Faulted,
}

impl Unscored {
    /// All reasons.
    pub const ALL: [Self; 6] =
        [Self::WarmingUp, Self::BadQuality, Self::NotNumeric, Self::Repeated, Self::Stale, Self::Faulted];

    /// The reason as payloads and metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WarmingUp => "warming_up",
            Self::BadQuality => "bad_quality",
            Self::NotNumeric => "not_numeric",
            Self::Repeated => "repeated",
            Self::Stale => "stale",
            Self::Faulted => "faulted",
        }
    }
}
