//! `subscription:` as the adapter runs it, for one tag.

use std::time::Duration;

/// How the values of a tag are got.
#[derive(Clone, Debug, PartialEq)]
pub struct TagSubscription {
    /// Whether the server sends changes or the node is read.
    pub mode: Mode,
    /// How often the server sends what has changed; of no meaning when polled.
    pub publishing_interval: Duration,
    /// How often the server looks at the node, zero asking for the fastest it has; how often it is read when polled.
    pub sampling_interval: Duration,
    /// How many values the server queues between two publishes.
    pub queue_size: QueueSize,
    /// Which value a full queue loses.
    pub discard: Discard,
    /// Which change counts.
    pub trigger: Trigger,
    /// The change of a number that does not count.
    pub deadband: Option<Deadband>,
    /// After how long without a message the last value is repeated.
    pub heartbeat: Option<Duration>,
    /// After how long without a value the tag is stale.
    pub stale_after: Option<Duration>,
}

/// `server_queue_size:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueSize {
    /// Twice the values that are sampled between two publishes.
    Auto,
    /// So many values.
    Values(u32),
}

/// `mode:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By a MonitoredItem.
    Subscribe,
    /// By Read.
    Poll,
}

/// `discard:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// The oldest value goes.
    Oldest,
    /// The newest value goes.
    Newest,
}

/// `trigger:`, OPC UA's DataChangeTrigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A change of the StatusCode.
    Status,
    /// A change of StatusCode or value.
    StatusValue,
    /// A change of StatusCode, value or SourceTimestamp; with a deadband the same as `StatusValue` (Part 4, 7.22.2).
    StatusValueTimestamp,
}

/// `deadband:`; always above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deadband {
    /// In the value's own unit.
    Absolute(f64),
    /// In percent of the node's EURange, at most 100.
    Percent(f64),
}

impl Default for TagSubscription {
    /// The mapping language's defaults.
    fn default() -> Self {
        Self {
            mode: Mode::Subscribe,
            publishing_interval: Duration::from_millis(500),
            sampling_interval: Duration::from_millis(250),
            queue_size: QueueSize::Auto,
            discard: Discard::Oldest,
            trigger: Trigger::StatusValue,
            deadband: None,
            heartbeat: None,
            stale_after: None,
        }
    }
}

/// Stands for a sampling interval of 0, "as fast as the server can", when a queue is sized.
const FASTEST_SAMPLING: Duration = Duration::from_millis(10);
/// The longest queue that `auto` asks for.
const MAX_AUTO_QUEUE: u128 = 10_000;

impl TagSubscription {
    /// How many values the server has to queue where it publishes this often.
    pub fn queue_size_at(&self, publishing_interval: Duration) -> u32 {
        if let QueueSize::Values(size) = self.queue_size {
            return size;
        }
        let sampling = if self.sampling_interval.is_zero() { FASTEST_SAMPLING } else { self.sampling_interval };
        let ratio = publishing_interval.as_micros().div_ceil(sampling.as_micros().max(1));
        u32::try_from((2 * ratio).clamp(2, MAX_AUTO_QUEUE)).unwrap_or(2)
    }

    /// How many values are asked to be queued, if the server publishes as often as asked.
    pub fn asked_queue_size(&self) -> u32 {
        self.queue_size_at(self.publishing_interval)
    }

    /// Whether the tag is read instead of subscribed.
    pub fn is_polled(&self) -> bool {
        self.mode == Mode::Poll
    }
}

impl Mode {
    /// The mode as the mapping spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Poll => "poll",
        }
    }
}

impl Discard {
    /// The policy as the mapping spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oldest => "oldest",
            Self::Newest => "newest",
        }
    }
}

impl Trigger {
    /// The trigger as the mapping spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::StatusValue => "status_value",
            Self::StatusValueTimestamp => "status_value_timestamp",
        }
    }
}
