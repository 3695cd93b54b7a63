//! The model stage: binds detectors to mappings, isolates their failures, trains and swaps them, remembers versions.
//!
//! It fails open: whatever happens here, the value leaves and says why it has no score.

pub mod assessed;
mod bind;
mod fitted;
mod inputs;
pub mod instance;
pub mod models;
pub mod question;
#[cfg(test)]
pub(crate) mod test_support;
pub mod trainer;
pub mod training_source;
pub mod versions;

pub use assessed::{Assessed, Contribution, Unscored};
pub use instance::Instance;
pub use models::{ModelError, ModelStage};
pub use question::Prediction;
pub use trainer::{Retrained, TrainError, Trainer};
pub use versions::Versions;
