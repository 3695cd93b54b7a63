//! The last value of each tag that asks for one to be kept, and what follows from time passing without another:
//! heartbeats and staleness.
//!
//! Nothing downstream reads a clock, so this stands before the ingress queue. Each tag with a time limit has one entry
//! in one queue of deadlines; a value only moves the tag's times, and the entry is set right when it comes up.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use tokio::time::Instant;

use crate::opcua::intake::deadband::Gate;
use crate::{
    config::effective::{Deadband, Tag, TagSubscription, Trigger},
    domain::{TagId, TagUpdate, Timestamp, UpdateFlags},
};

/// Stands for "no slot".
const NONE: u32 = u32::MAX;
/// Repeats in one batch; what is due besides follows at once.
const MOST_AT_ONCE: usize = 5_000;
/// No limit is shorter, whatever the configuration says, so that time always gets ahead.
const SHORTEST: Duration = Duration::from_millis(1);

/// The last values.
#[derive(Debug)]
pub(in crate::opcua) struct LastValues {
    /// By tag: its slot, or [`NONE`].
    slot_of: Vec<u32>,
    slots: Vec<Slot>,
    deadlines: BinaryHeap<Reverse<(Instant, u32)>>,
    is_connected: bool,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four independent answers about one tag")]
struct Slot {
    tag: TagId,
    heartbeat: Option<Duration>,
    stale_after: Option<Duration>,
    trigger: Trigger,
    /// The deadband, where it needs no EURange.
    absolute: Option<f64>,
    is_polled: bool,
    /// Decides which values go on; `None` where the server does.
    gate: Option<Gate>,
    last: Option<TagUpdate>,
    sent_at: Instant,
    heard_at: Instant,
    /// Whether the last value is of this session, and nothing speaks against it.
    is_current: bool,
    is_stale: bool,
    /// The last message said that the value is stale, so that the next value goes on whatever it is.
    said_stale: bool,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) struct Admission {
    /// Whether it goes on.
    pub(in crate::opcua) passes: bool,
    /// Whether the tag was stale until it came.
    pub(in crate::opcua) revives: bool,
}

/// What time has brought about.
#[derive(Debug, Default)]
pub(in crate::opcua) struct Due {
    /// What is to be sent.
    pub(in crate::opcua) updates: Vec<TagUpdate>,
    /// Tags that are stale from now on.
    pub(in crate::opcua) stale: Vec<TagId>,
}

impl LastValues {
    /// No values yet; time runs from `now`.
    pub(in crate::opcua) fn new(tags: &[Tag], now: Instant) -> Self {
        let mut values = Self {
            slot_of: vec![NONE; tags.len()],
            slots: Vec::new(),
            deadlines: BinaryHeap::new(),
            is_connected: false,
        };
        for (index, tag) in (0_u32..).zip(tags).filter(|(_, tag)| needs_slot(&tag.subscription)) {
            let number = u32::try_from(values.slots.len()).unwrap_or(NONE);
            let slot = Slot::new(TagId(index), &tag.subscription, now);
            if let Some(deadline) = slot.deadline(now) {
                values.deadlines.push(Reverse((deadline, number)));
            }
            values.slot_of[TagId(index).index()] = number;
            values.slots.push(slot);
        }
        values
    }

    /// Without a connection the values go on being the last ones, but nobody vouches for them.
    pub(in crate::opcua) fn set_connected(&mut self, is_connected: bool) {
        self.is_connected = is_connected;
    }

    /// A new session vouches for no value of an older one, and its server is asked to filter once more.
    pub(in crate::opcua) fn begin_session(&mut self) {
        self.is_connected = true;
        for slot in &mut self.slots {
            slot.is_current = false;
            slot.gate = slot.is_polled.then_some(Gate { trigger: slot.trigger, deadband: slot.absolute });
        }
    }

    /// Nobody vouches for a tag's last value any more.
    pub(in crate::opcua) fn doubt(&mut self, tag: TagId) {
        if let Some(slot) = self.slot(tag) {
            slot.is_current = false;
        }
    }

    /// The last value of a tag went no further: the next one goes on whatever it is.
    pub(in crate::opcua) fn forget(&mut self, tag: TagId) {
        if let Some(slot) = self.slot(tag) {
            slot.last = None;
        }
    }

    /// The values of a tag are filtered here from now on, with this deadband in the value's own unit.
    pub(in crate::opcua) fn filter_here(&mut self, tag: TagId, deadband: Option<f64>) {
        if let Some(slot) = self.slot(tag) {
            slot.gate = Some(Gate { trigger: slot.trigger, deadband });
        }
    }

    /// Takes note of a value that has come.
    pub(in crate::opcua) fn admit(&mut self, update: &TagUpdate, now: Instant) -> Admission {
        match self.slot(update.tag) {
            Some(slot) => slot.admit(update, now),
            None => Admission { passes: true, revives: false },
        }
    }

    /// What is due at `now`, and when something may be due next; `None` when never.
    pub(in crate::opcua) fn due(&mut self, now: Instant, received_at: Timestamp, due: &mut Due) -> Option<Instant> {
        while let Some(Reverse((deadline, number))) = self.deadlines.peek().copied() {
            if deadline > now || due.updates.len() + due.stale.len() >= MOST_AT_ONCE {
                return Some(deadline);
            }
            self.deadlines.pop();
            let Some(slot) = self.slots.get_mut(number as usize) else { continue };
            slot.fire(now, received_at, self.is_connected, due);
            if let Some(next) = slot.deadline(now) {
                self.deadlines.push(Reverse((next, number)));
            }
        }
        None
    }

    fn slot(&mut self, tag: TagId) -> Option<&mut Slot> {
        let number = *self.slot_of.get(tag.index())?;
        self.slots.get_mut(number as usize)
    }
}

/// Whether the last value of a tag may be needed.
fn needs_slot(subscription: &TagSubscription) -> bool {
    subscription.is_polled()
        || subscription.heartbeat.is_some()
        || subscription.stale_after.is_some()
        || subscription.deadband.is_some()
        || subscription.trigger != Trigger::StatusValue
}

impl Slot {
    fn new(tag: TagId, subscription: &TagSubscription, now: Instant) -> Self {
        Self {
            tag,
            heartbeat: subscription.heartbeat.map(|time| time.max(SHORTEST)),
            stale_after: subscription.stale_after.map(|time| time.max(SHORTEST)),
            trigger: subscription.trigger,
            absolute: match subscription.deadband {
                Some(Deadband::Absolute(size)) => Some(size),
                _ => None,
            },
            is_polled: subscription.is_polled(),
            gate: None,
            last: None,
            sent_at: now,
            heard_at: now,
            is_current: false,
            is_stale: false,
            said_stale: false,
        }
    }

    fn admit(&mut self, update: &TagUpdate, now: Instant) -> Admission {
        self.heard_at = now;
        self.is_current = true;
        let revives = std::mem::take(&mut self.is_stale);
        let is_asked = !self.said_stale && !update.flags.is_initial;
        let passes = match (self.gate, &self.last) {
            (Some(gate), Some(last)) if is_asked => gate.passes(last, update),
            _ => true,
        };
        if passes {
            self.said_stale = false;
            self.sent_at = now;
            let keeps = self.gate.is_some() || self.heartbeat.is_some() || self.stale_after.is_some();
            self.last = keeps.then(|| update.clone());
        }
        Admission { passes, revives }
    }

    fn fire(&mut self, now: Instant, received_at: Timestamp, is_connected: bool, due: &mut Due) {
        let is_over = |since: Instant, limit: Option<Duration>| limit.is_some_and(|limit| now >= since + limit);
        let turns_stale = !self.is_stale && is_over(self.heard_at, self.stale_after);
        let is_heartbeat = is_over(self.sent_at, self.heartbeat);
        if turns_stale {
            self.is_stale = true;
            due.stale.push(self.tag);
        }
        if !turns_stale && !is_heartbeat {
            return;
        }
        self.sent_at = now;
        let Some(last) = &self.last else { return };
        let is_stale = self.is_stale || !self.is_current || !is_connected;
        self.said_stale |= is_stale;
        let flags = UpdateFlags {
            is_heartbeat: is_heartbeat && !turns_stale,
            is_stale,
            is_undecoded: last.flags.is_undecoded,
            is_lossy_text: last.flags.is_lossy_text,
            is_missing_field: last.flags.is_missing_field,
            ..UpdateFlags::default()
        };
        due.updates.push(TagUpdate { received_at, flags, ..last.clone() });
    }

    /// When to look again: never later than the first moment at which something can be due, even if a value comes in
    /// the meantime, so that no entry ever has to be moved forward.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let stale = self.stale_after.map(|limit| if self.is_stale { now } else { self.heard_at } + limit);
        let heartbeat = self.heartbeat.map(|limit| self.sent_at + limit);
        stale.into_iter().chain(heartbeat).min()
    }
}

#[cfg(test)]
#[path = "heartbeat_tests.rs"]
mod tests;
