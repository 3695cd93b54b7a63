//! A packet that is retained: whole, without its retain bit, or not at all.

use std::time::Instant;

use super::search::{TRIED_AGAIN_AFTER, words};
use crate::{domain::TopicName, mqtt::packet::Reason};

/// How a retained packet of the link's own is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::mqtt) enum Sending {
    /// As it should be.
    #[default]
    Whole,
    /// Without its retain bit.
    NotRetained,
    /// Not at all.
    Not,
}

/// What was given up of a retained packet, and why.
#[derive(Debug, Default)]
pub(super) struct Retained {
    sending: Sending,
    reason: Option<Reason>,
    until: Option<Instant>,
}

impl Retained {
    /// A connection is about to be made.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now >= until) {
            *self = Self::default();
        }
    }

    pub(super) const fn sending(&self) -> Sending {
        self.sending
    }

    /// The broker does not take it as it was sent last.
    pub(super) fn give_up(&mut self, reason: Option<Reason>, now: Instant) {
        let is_about_retain = matches!(reason, None | Some(Reason::RETAIN_NOT_SUPPORTED | Reason::NOT_AUTHORIZED));
        let sending =
            if self.sending == Sending::Whole && is_about_retain { Sending::NotRetained } else { Sending::Not };
        self.settle(sending, reason, now);
    }

    /// The broker takes it so and not otherwise.
    pub(super) fn settle(&mut self, sending: Sending, reason: Option<Reason>, now: Instant) {
        (self.sending, self.reason, self.until) = (sending, reason, Some(now + TRIED_AGAIN_AFTER));
    }

    /// In a sentence with the way out; `None` while nothing is given up.
    pub(super) fn concern(&self, what: &str, topic: &TopicName) -> Option<String> {
        let words = words(self.reason);
        match self.sending {
            Sending::Whole => None,
            Sending::NotRetained => Some(format!(
                "the broker does not take {what} `{topic}` retained ({words}), so it is sent without the retain bit; \
                 allow retained messages there or choose another `adapter.status_topic`"
            )),
            Sending::Not => Some(format!(
                "the broker does not take {what} `{topic}` ({words}), so it is left out; allow this topic or choose \
                 another `adapter.status_topic`"
            )),
        }
    }
}
