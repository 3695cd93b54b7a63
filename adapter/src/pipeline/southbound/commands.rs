//! From a message on a command topic to its verdict.
//!
//! What can be said at once is said at once, in this order: mapped, not retained, not answered before, readable, no possible
//! duplicate, not too old, room to wait. Then a command waits for the turn of its tag, and for no longer than its mapping
//! allows; one that comes again waits for the verdict on the first. When its turn has come: session, node known, writable, of
//! the right type, in range. What passes them all in time is written, once.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    age::{self, Limit, Now},
    answer::{Answer, Rejection},
    lanes::{Full, Lanes},
    memory::{CommandKey, Recalled, SharedMemory},
    payload::CommandPayload,
    plc::Plc,
    routes::Destination,
    session_clock::SessionClock,
    verdicts::{Subject, Verdicts},
    writer::TagWriter,
};
use crate::{
    config::effective::SouthboundMapping,
    domain::{BrokerId, Command, OutboundMessage, RejectReason, TagId},
};

const ID_REUSED: &str = "a command with the same `id`, or correlation data and response topic, and another value came within 5 minutes, \
     and nothing was written; send it under a new id";

/// All commands that have no verdict yet, and what is remembered of the others.
pub(super) struct Commands<O> {
    pub(super) verdicts: Arc<Verdicts<O>>,
    pub(super) memory: SharedMemory,
    pub(super) lanes: Lanes<Taken>,
    pub(super) session: SessionClock,
}

/// A command on a mapped topic that owes a verdict.
#[derive(Debug)]
pub(super) struct Taken {
    command: Command,
    mapping: Arc<SouthboundMapping>,
    key: Option<CommandKey>,
    /// When it is too old.
    age_limit: Option<Limit>,
}

/// A command whose turn has come.
#[derive(Debug)]
pub(super) struct Turn {
    taken: Taken,
    payload: CommandPayload,
    /// When it has waited too long, or is too old.
    limit: Option<Limit>,
}

impl<O: Fn(BrokerId, OutboundMessage)> Commands<O> {
    /// Takes a command: it waits for its turn, or has its verdict (or, being one itself, needs none) when this returns.
    pub(super) fn take(&mut self, command: Command, now: Instant) {
        let verdicts = Arc::clone(&self.verdicts);
        let mapping = match verdicts.routes.find(command.broker, &command.topic) {
            Destination::Command(mapping) => Arc::clone(mapping),
            Destination::Verdict => return verdicts.ignore(&command),
            Destination::Unmapped => {
                let message = "no southbound mapping has a topic filter that matches this topic";
                return verdicts.refuse(&command, Rejection::new(RejectReason::Unmapped, message));
            }
        };
        if command.is_retained && !mapping.accepts_retained {
            let message =
                "the broker had retained the command, so nobody may want it now; publish without the retain bit";
            return verdicts.refuse(&command, Rejection::new(RejectReason::Retained, message));
        }
        let payload = CommandPayload::read(&command.payload, mapping.value.as_deref());
        let key = CommandKey::of(&command, &payload);
        let recalled = self.memory.recall(key.as_ref(), now);
        let mut taken = Taken { command, mapping, key, age_limit: None };
        match recalled {
            Recalled::Known(first) => return verdicts.repeat(&taken.command, first),
            Recalled::Pending => return self.wait_for_first(taken),
            Recalled::Reused => {
                return verdicts.refuse(&taken.command, Rejection::new(RejectReason::IdReused, ID_REUSED));
            }
            Recalled::Unknown => {}
        }
        match self.check(&taken, &payload, now) {
            Ok(limit) => taken.age_limit = limit,
            Err(rejection) => return self.give(taken, payload, rejection.into(), now),
        }
        let waited = now.saturating_duration_since(Instant::from_std(taken.command.received_at));
        let left = taken.mapping.max_wait.saturating_sub(waited);
        let expires = self.session.read(now).saturating_add(left);
        self.line_up(taken, expires);
    }

    fn check(&self, taken: &Taken, payload: &CommandPayload, now: Instant) -> Result<Option<Limit>, Rejection> {
        if let Err(error) = &payload.value {
            return Err(Rejection::new(RejectReason::Malformed, error.to_string()));
        }
        if taken.command.is_duplicate && taken.key.is_none() {
            let message =
                "the broker may have sent it before and it has neither an `id` nor correlation data to tell by";
            return Err(Rejection::new(RejectReason::PossibleDuplicate, message));
        }
        if taken.key.is_some() && !self.memory.lock().has_room() {
            let message = "too many commands with an id within 5 minutes to remember them all; send it again later";
            return Err(Rejection::new(RejectReason::Overloaded, message));
        }
        let now = Now { wall: (self.verdicts.clock)(), steady: now };
        age::limit(&taken.command, payload.timestamp, taken.mapping.max_age, now)
    }

    /// A command that finds no room is not remembered: sent again later, it is taken.
    fn line_up(&mut self, taken: Taken, expires: Duration) {
        let tag = taken.mapping.tag;
        if let Err(Full { of_tag, of_all }) = self.lanes.check_room(tag) {
            let message = format!(
                "{of_tag} commands wait for this tag and {of_all} for all tags; send fewer, or send it again later"
            );
            return self.verdicts.refuse(&taken.command, Rejection::new(RejectReason::Overloaded, message));
        }
        if let Some(key) = &taken.key {
            self.memory.lock().begin(key);
        }
        self.lanes.line_up(tag, Some(expires), taken);
    }

    /// A repeat waits for the verdict on the first; where there is no room it gets none, as any other would contradict that.
    fn wait_for_first(&mut self, mut taken: Taken) {
        taken.command.payload = Bytes::new();
        match self.lanes.check_room(taken.mapping.tag) {
            Ok(()) => self.lanes.line_up(taken.mapping.tag, None, taken),
            Err(Full { .. }) => self.verdicts.pass_over_repeat(&taken.command),
        }
    }

    /// Rejects what has waited too long.
    pub(super) fn expire(&mut self, now: Instant) {
        let time = self.session.read(now);
        for taken in self.lanes.take_expired(time) {
            let rejection = expired(&taken.mapping);
            self.reject(taken, rejection, now);
        }
    }

    /// When `expire` has something to do next.
    pub(super) fn next_expiry(&self, now: Instant) -> Option<Instant> {
        self.lanes.next_expiry().and_then(|time| self.session.when(time, now))
    }

    /// The next command whose turn it is. While it is under way its time runs on, session or not: it must not come late.
    pub(super) fn start(&mut self, now: Instant) -> Option<(TagId, Turn)> {
        let (tag, expires, mut taken) = self.lanes.start()?;
        let payload = CommandPayload::read(&taken.command.payload, taken.mapping.value.as_deref());
        let left = expires.map(|expires| expires.saturating_sub(self.session.read(now)));
        let wait_limit = left.map(|left| Limit { from: now + left, rejection: expired(&taken.mapping) });
        let limit = taken.age_limit.take().into_iter().chain(wait_limit).min_by_key(|limit| limit.from);
        Some((tag, Turn { taken, payload, limit }))
    }

    /// Gives the verdict on a command whose turn has come.
    pub(super) fn conclude(&mut self, turn: Turn, answer: Answer, now: Instant) {
        self.lanes.finish(turn.taken.mapping.tag);
        self.give(turn.taken, turn.payload, answer, now);
    }

    /// Turns away one that waits; returns whether there was one.
    pub(super) fn turn_away_one(&mut self, now: Instant) -> bool {
        let Some(taken) = self.lanes.pop() else { return false };
        let message = "the adapter is shutting down, nothing was written; send it again later";
        self.reject(taken, Rejection::new(RejectReason::ShuttingDown, message), now);
        true
    }

    fn reject(&mut self, taken: Taken, rejection: Rejection, now: Instant) {
        let payload = CommandPayload::read(&taken.command.payload, taken.mapping.value.as_deref());
        self.give(taken, payload, rejection.into(), now);
    }

    /// The one verdict, which goes to those that wait for it as well.
    fn give(&mut self, taken: Taken, payload: CommandPayload, answer: Answer, now: Instant) {
        let Taken { command, mapping, key, .. } = taken;
        let verdict = self.verdicts.give(&command, Subject::new(Some(&mapping), payload), answer);
        let Some(key) = key else { return };
        for repeat in self.lanes.take_of(mapping.tag, |waiting| waiting.key.as_ref() == Some(&key)) {
            self.verdicts.repeat(&repeat.command, verdict.clone());
        }
        self.memory.lock().remember(&key, verdict, now);
    }
}

impl Turn {
    /// Brings the command to the PLC, unless something speaks against it.
    pub(super) async fn carry_out<P: Plc>(&self, writer: &TagWriter<P>) -> Answer {
        let value = match &self.payload.value {
            Ok(value) => value,
            Err(error) => return Rejection::new(RejectReason::Malformed, error.to_string()).into(),
        };
        let limit = self.limit.as_ref();
        if let Err(rejection) = limit.map_or(Ok(()), |limit| limit.check(Instant::now())) {
            return rejection.into();
        }
        writer.write(self.taken.mapping.tag, value, self.taken.mapping.range, limit).await
    }
}

fn expired(mapping: &SouthboundMapping) -> Rejection {
    let message = format!(
        "the command has waited for {} s (`max_wait`), for others before it or for the server, and nothing was written; send \
         it again under a new id if it is still wanted",
        mapping.max_wait.as_secs_f64()
    );
    Rejection::new(RejectReason::Expired, message)
}
