//! Logging and the metric catalogue, nothing else.

pub mod logging;
pub mod metrics;

pub use metrics::Metrics;
