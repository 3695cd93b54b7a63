//! From a message on a command topic to its verdict, one after another.
//!
//! The checks, in this order: mapped, not retained, not answered before, readable, no possible duplicate, not too old,
//! session, node known, writable, of the right type, in range. What passes them all is written, once.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    age,
    answer::{Answer, Rejection},
    memory::{CommandKey, VerdictMemory},
    payload::CommandPayload,
    routes::Destination,
    verdicts::{Subject, Verdicts},
    writer::TagWriter,
};
use crate::{
    config::effective::SouthboundMapping,
    domain::{BrokerId, Command, OutboundMessage, RejectReason},
    opcua::Plc,
};

/// Handles commands; needs `&mut` for its memory, so that two can never be in hand at once.
pub(super) struct CommandHandler<P, O> {
    pub(super) verdicts: Arc<Verdicts<O>>,
    pub(super) writer: Arc<TagWriter<P>>,
    pub(super) memory: VerdictMemory,
}

/// A fresh command on a mapped topic.
struct Fresh<'routes> {
    mapping: &'routes SouthboundMapping,
    payload: CommandPayload,
    key: Option<CommandKey>,
}

impl<P: Plc, O: Fn(BrokerId, OutboundMessage)> CommandHandler<P, O> {
    /// Brings a command to its verdict.
    pub(super) async fn handle(&mut self, command: &Command) {
        let verdicts = Arc::clone(&self.verdicts);
        let Some(fresh) = self.receive(&verdicts, command) else { return };
        let answer = self.answer(command, &fresh).await;
        self.conclude(command, fresh, answer);
    }

    /// Gives a command the verdict `rejection` instead of handling it.
    pub(super) fn turn_away(&mut self, command: &Command, rejection: Rejection) {
        let verdicts = Arc::clone(&self.verdicts);
        let Some(fresh) = self.receive(&verdicts, command) else { return };
        self.conclude(command, fresh, rejection.into());
    }

    /// Sorts out what is no fresh command: it has its verdict (or, being one itself, needs none) when this returns `None`.
    fn receive<'routes>(&mut self, verdicts: &'routes Verdicts<O>, command: &Command) -> Option<Fresh<'routes>> {
        let mapping = match verdicts.routes.find(command.broker, &command.topic) {
            Destination::Command(mapping) => mapping,
            Destination::Verdict => {
                verdicts.ignore(command);
                return None;
            }
            Destination::Unmapped => {
                let message = "no southbound mapping has a topic filter that matches this topic";
                verdicts.refuse(command, Rejection::new(RejectReason::Unmapped, message));
                return None;
            }
        };
        if command.is_retained && !mapping.accepts_retained {
            let message =
                "the broker had retained the command, so nobody may want it now; publish without the retain bit";
            verdicts.refuse(command, Rejection::new(RejectReason::Retained, message));
            return None;
        }
        let payload = CommandPayload::read(&command.payload, mapping.value.as_deref());
        let key = CommandKey::of(command, payload.id.as_ref());
        if let Some(first) = key.as_ref().and_then(|key| self.memory.recall(key, Instant::now())) {
            verdicts.repeat(command, first.clone());
            return None;
        }
        Some(Fresh { mapping, payload, key })
    }

    async fn answer(&self, command: &Command, fresh: &Fresh<'_>) -> Answer {
        let value = match fresh.payload.value.as_ref() {
            Ok(value) => value,
            Err(error) => return Rejection::new(RejectReason::Malformed, error.to_string()).into(),
        };
        match self.check_freshness(command, fresh) {
            Ok(()) => self.writer.write(fresh.mapping.tag, value, fresh.mapping.range).await,
            Err(rejection) => rejection.into(),
        }
    }

    fn check_freshness(&self, command: &Command, fresh: &Fresh<'_>) -> Result<(), Rejection> {
        if command.is_duplicate && fresh.key.is_none() {
            let message =
                "the broker may have sent it before and it has neither an `id` nor correlation data to tell by";
            return Err(Rejection::new(RejectReason::PossibleDuplicate, message));
        }
        if fresh.key.is_some() && !self.memory.has_room() {
            let message = "too many commands with an id within 5 minutes to remember them all; send it again later";
            return Err(Rejection::new(RejectReason::Overloaded, message));
        }
        age::check(command, fresh.payload.timestamp, fresh.mapping.max_age, (self.verdicts.clock)())
    }

    fn conclude(&mut self, command: &Command, fresh: Fresh<'_>, answer: Answer) {
        let verdict = self.verdicts.give(command, Subject::new(Some(fresh.mapping), fresh.payload), answer);
        if let Some(key) = fresh.key {
            self.memory.remember(key, verdict, Instant::now());
        }
    }
}
