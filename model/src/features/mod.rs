//! The first link of the chain: from the inputs of a row to the features that scaler and detector see.

mod bands;
mod compiled;
mod entry;
mod error;
mod extremes;
mod fft;
mod frame;
mod memory;
mod moments;
mod ring;
mod sliding;
mod spec;
mod statistic;
mod time_of_day;
mod window;

pub use compiled::{Features, Readiness};
pub use error::FeatureError;
pub use memory::FeatureMemory;
pub use spec::FeatureSpec;
pub use statistic::Statistic;
