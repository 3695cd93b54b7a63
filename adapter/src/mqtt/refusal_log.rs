//! One line a second about refused messages, however many there are.

use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(1);

/// Remembers when the last line was written and what was left out since.
#[derive(Debug, Default)]
pub(super) struct RefusalLog {
    last: Option<Instant>,
    left_out: u64,
}

impl RefusalLog {
    /// Writes a line, or counts it when there was one within the last second.
    pub(super) fn warn(&mut self, now: Instant, topic: &str, reason: &str, what: &str) {
        if self.is_due(now) {
            let left_out = std::mem::take(&mut self.left_out);
            tracing::warn!(topic, reason, left_out, "{what}");
        } else {
            self.left_out += 1;
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.last.is_none_or(|last| now.saturating_duration_since(last) >= INTERVAL);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_between_are_counted() {
        let mut log = RefusalLog::default();
        let start = Instant::now();
        for _ in 0..5 {
            log.warn(start, "a", "quota exceeded", "refused");
        }
        assert_eq!(log.left_out, 4);
        log.warn(start + INTERVAL, "a", "quota exceeded", "refused");
        assert_eq!(log.left_out, 0);
    }
}
