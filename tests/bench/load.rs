//! The load that all parts of the measurement agree on.

use std::time::Duration;

use clap::Args;

/// What flows.
#[derive(Args, Clone, Debug)]
pub(crate) struct Load {
    /// Double tags.
    #[arg(long, default_value_t = 1000)]
    pub(crate) tags: usize,
    /// Changes of each tag per second.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) rate: f64,
    /// Publishing interval of the subscription, in milliseconds.
    #[arg(long, default_value_t = 500)]
    pub(crate) publishing: u64,
    /// Sampling interval asked for, in milliseconds; 0 is as fast as the server can.
    #[arg(long, default_value_t = 0)]
    pub(crate) sampling: u64,
    /// Seconds before the measurement starts: models are trained by then.
    #[arg(long, default_value_t = 45)]
    pub(crate) warm_up: u64,
    /// Seconds of the measurement.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
}

impl Load {
    pub(crate) fn publishing_interval(&self) -> Duration {
        Duration::from_millis(self.publishing)
    }

    /// Values per second at the source.
    pub(crate) fn values_per_second(&self) -> f64 {
        self.tags as f64 * self.rate
    }

    /// Twice what comes in one publishing interval, and some.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    pub(crate) fn queue_size(&self) -> u32 {
        (self.rate * self.publishing_interval().as_secs_f64() * 2.0).ceil() as u32 + 2
    }

    /// The same for a child process.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self { tags, rate, publishing, sampling, warm_up, seconds } = self;
        let pairs = [
            ("--tags", tags.to_string()),
            ("--rate", rate.to_string()),
            ("--publishing", publishing.to_string()),
            ("--sampling", sampling.to_string()),
            ("--warm-up", warm_up.to_string()),
            ("--seconds", seconds.to_string()),
        ];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }
}
