//! What the server granted less of than was asked, said once for all tags together.

use opcua::types::MonitoredItemCreateResult;
use tracing::warn;

use crate::config::effective::Tag;

/// A sampling interval this much longer than asked for is worth a word.
const TOLERANCE: f64 = 1.5;

/// Collects over many items.
#[derive(Debug, Default)]
pub(in crate::opcua) struct Revised {
    queues: usize,
    samplings: usize,
    queue_example: Option<String>,
    sampling_example: Option<String>,
}

impl Revised {
    /// Looks at the answer for one tag.
    pub(in crate::opcua) fn look_at(&mut self, tag: &Tag, asked_queue: u32, result: &MonitoredItemCreateResult) {
        if result.revised_queue_size < asked_queue {
            self.queues += 1;
            self.queue_example.get_or_insert_with(|| {
                format!("{}: {} instead of {} values", tag.name, result.revised_queue_size, asked_queue)
            });
        }
        let asked = tag.subscription.sampling_interval.as_secs_f64() * 1000.0;
        // Zero asks for the fastest there is, and whatever comes is that.
        if asked > 0.0 && result.revised_sampling_interval > asked * TOLERANCE {
            self.samplings += 1;
            self.sampling_example.get_or_insert_with(|| {
                format!("{}: every {} ms instead of {asked} ms", tag.name, result.revised_sampling_interval)
            });
        }
    }

    /// Says what was found.
    pub(in crate::opcua) fn report(&self) {
        if let Some(example) = &self.queue_example {
            warn!(
                tags = self.queues,
                example,
                "the server queues fewer values than asked; values may be lost between two publishes, so publish more often or sample less often"
            );
        }
        if let Some(example) = &self.sampling_example {
            warn!(tags = self.samplings, example, "the server samples more slowly than asked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::opcua::test_support::tag;

    fn look(asked: (u64, u32), granted: (f64, u32)) -> (usize, usize) {
        let mut tag = tag("t", 3, "x");
        tag.subscription.sampling_interval = Duration::from_millis(asked.0);
        let result = MonitoredItemCreateResult {
            revised_sampling_interval: granted.0,
            revised_queue_size: granted.1,
            ..MonitoredItemCreateResult::default()
        };
        let mut revised = Revised::default();
        revised.look_at(&tag, asked.1, &result);
        (revised.queues, revised.samplings)
    }

    #[test]
    fn less_than_asked_is_noticed_and_more_is_not() {
        assert_eq!(look((100, 10), (100.0, 10)), (0, 0));
        assert_eq!(look((100, 10), (50.0, 100)), (0, 0));
        assert_eq!(look((100, 10), (120.0, 1)), (1, 0));
        assert_eq!(look((100, 10), (1000.0, 10)), (0, 1));
        assert_eq!(look((0, 10), (1000.0, 10)), (0, 0));
    }
}
