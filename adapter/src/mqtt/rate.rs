//! How many messages a second are sent: what the mapping says, and what the broker shows that it takes.
//!
//! A cloud that has a quota leaves what is beyond it without a PUBACK, and says nothing. So after an answer that stayed
//! away no more is sent than was answered before, a little less; and again more, step by step, while all is answered.

use std::time::{Duration, Instant};

/// Of what was answered before, so much is sent after an answer that stayed away.
const LESS: f64 = 0.8;
/// By so much the rate grows after each quiet interval.
const MORE: f64 = 1.25;
const QUIET: Duration = Duration::from_secs(10);
/// A rate that is so many times what is sent limits nothing.
const AMPLE: f64 = 4.0;
/// Never less than this.
const LEAST: f64 = 1.0;
/// What may be sent at once, in time at the rate.
const BURST: Duration = Duration::from_millis(50);

/// Tokens for messages of the spool.
#[derive(Debug)]
pub(super) struct Rate {
    /// The mapping's `max_rate`, messages per second.
    configured: Option<f64>,
    /// What the broker has shown that it takes.
    learned: Option<f64>,
    tokens: f64,
    filled_at: Instant,
    grows_at: Instant,
    answered: u64,
    counted_since: Instant,
    last_answer: Instant,
}

impl Rate {
    /// `configured` in messages per second.
    pub(super) fn new(configured: Option<u32>, now: Instant) -> Self {
        Self {
            configured: configured.map(f64::from),
            learned: None,
            tokens: 0.0,
            filled_at: now,
            grows_at: now,
            answered: 0,
            counted_since: now,
            last_answer: now,
        }
    }

    /// Messages per second, where anything limits them.
    pub(super) fn limit(&self) -> Option<f64> {
        match (self.configured, self.learned) {
            (Some(configured), Some(learned)) => Some(configured.min(learned)),
            (configured, learned) => configured.or(learned),
        }
    }

    /// What was learned, for people: messages per second.
    pub(super) const fn learned(&self) -> Option<f64> {
        self.learned
    }

    /// A connection begins.
    pub(super) const fn begin(&mut self, now: Instant) {
        self.answered = 0;
        self.counted_since = now;
        self.last_answer = now;
        self.filled_at = now;
        self.tokens = 0.0;
    }

    /// A message was answered.
    pub(super) const fn on_answer(&mut self, now: Instant) {
        self.answered += 1;
        self.last_answer = now;
    }

    /// An answer has stayed away while others came.
    pub(super) fn on_overdue(&mut self, now: Instant) {
        let answered = self.answered_per_second();
        self.learned = Some((LESS * self.learned.map_or(answered, |learned| learned.min(answered))).max(LEAST));
        self.grows_at = now + QUIET;
    }

    /// How many messages may be sent now.
    pub(super) fn room(&mut self, now: Instant) -> usize {
        let Some(limit) = self.limit() else { return usize::MAX };
        let gained = limit * now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + gained).min((limit * BURST.as_secs_f64()).max(1.0));
        self.filled_at = now;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 50,000")]
        let whole = self.tokens as usize;
        whole
    }

    /// A message was sent.
    pub(super) fn on_sent(&mut self) {
        self.tokens -= 1.0;
    }

    /// When the next message may be sent, where the rate says later than now.
    pub(super) fn next_at(&self, now: Instant) -> Option<Instant> {
        let missing = 1.0 - self.tokens;
        let limit = self.limit().filter(|_| missing > 0.0)?;
        Some(now + Duration::try_from_secs_f64(missing / limit).unwrap_or(QUIET))
    }

    /// Grows again while all is answered.
    pub(super) fn tick(&mut self, now: Instant) {
        let Some(learned) = self.learned.filter(|_| now >= self.grows_at) else { return };
        self.grows_at = now + QUIET;
        let is_ample = learned > AMPLE * self.answered_per_second() && self.answered > 0;
        self.learned = (!is_ample).then_some(learned * MORE);
        self.answered = 0;
        self.counted_since = now;
    }

    fn answered_per_second(&self) -> f64 {
        // Quotas are per second, and what was taken in a burst is what is taken in one.
        let time = self.last_answer.saturating_duration_since(self.counted_since).as_secs_f64().max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "a count within seconds")]
        let answered = self.answered as f64;
        answered / time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as fast as it may for so many milliseconds, a broker answering all of it.
    fn send(rate: &mut Rate, from: Instant, milliseconds: u64) -> u64 {
        let mut sent = 0;
        for millisecond in 0..milliseconds {
            let now = from + Duration::from_millis(millisecond);
            for _ in 0..rate.room(now).min(100) {
                rate.on_sent();
                rate.on_answer(now);
                sent += 1;
            }
            rate.tick(now);
        }
        sent
    }

    #[test]
    fn without_a_limit_nothing_is_held_up() {
        let now = Instant::now();
        let mut rate = Rate::new(None, now);
        assert_eq!(rate.room(now), usize::MAX);
        assert_eq!(rate.next_at(now), None);
    }

    #[test]
    fn the_mapping_limits_messages_per_second() {
        let now = Instant::now();
        let mut rate = Rate::new(Some(200), now);
        let sent = send(&mut rate, now, 10_000);
        assert!((1_980..=2_010).contains(&sent), "{sent}");
        while rate.room(now + Duration::from_secs(10)) > 0 {
            rate.on_sent();
        }
        assert!(rate.next_at(now).unwrap() <= now + Duration::from_millis(5));
    }

    #[test]
    fn what_was_answered_is_what_is_sent_after_an_answer_that_stayed_away_and_it_grows_again() {
        let now = Instant::now();
        let mut rate = Rate::new(None, now);
        rate.begin(now);
        (0..1_000).for_each(|number| rate.on_answer(now + Duration::from_millis(number)));
        let later = now + Duration::from_secs(6);
        rate.on_overdue(later);
        let learned = rate.learned().unwrap();
        assert!((790.0..=810.0).contains(&learned), "{learned}");
        rate.begin(later);
        let sent = send(&mut rate, later, 9_900);
        assert!((7_800..=8_100).contains(&sent), "{sent}");
        rate.tick(later + QUIET);
        assert!(rate.learned().unwrap() > 1.2 * learned);
    }

    #[test]
    fn a_rate_that_limits_nothing_is_forgotten() {
        let now = Instant::now();
        let mut rate = Rate::new(None, now);
        rate.begin(now);
        rate.on_answer(now);
        rate.on_overdue(now);
        for round in 1..60 {
            rate.on_answer(now + QUIET * round);
            rate.tick(now + QUIET * round);
        }
        assert_eq!(rate.limit(), None);
    }
}
