//! From a PUBLISH of the broker to a `Command`, and its way into the pipeline.

use std::fmt;

use tokio::{sync::mpsc, time::Instant};

use super::packet::Incoming;
use crate::domain::{BrokerId, Command, RejectReason};

/// Where commands go: into a bounded queue, or straight to a refusal when the queue is full.
///
/// Every command gets a verdict, also the one that nobody has time for. So the pipeline gives a function that refuses:
/// it encodes the verdict and appends it to the spool, without waiting for anything.
pub struct CommandIntake {
    commands_tx: mpsc::Sender<Command>,
    refuse: Box<dyn Fn(Command, RejectReason) + Send + Sync>,
}

impl CommandIntake {
    /// `refuse` is called on the link's task, with [`RejectReason::Overloaded`] or [`RejectReason::ShuttingDown`]; it
    /// must not block.
    pub fn new(
        commands_tx: mpsc::Sender<Command>,
        refuse: impl Fn(Command, RejectReason) + Send + Sync + 'static,
    ) -> Self {
        Self { commands_tx, refuse: Box::new(refuse) }
    }

    /// Hands a command on; `is_open` is false once a shutdown has begun.
    pub(super) fn offer(&self, command: Command, is_open: bool) {
        if !is_open {
            (self.refuse)(command, RejectReason::ShuttingDown);
            return;
        }
        match self.commands_tx.try_send(command) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(command)) => (self.refuse)(command, RejectReason::Overloaded),
            Err(mpsc::error::TrySendError::Closed(command)) => (self.refuse)(command, RejectReason::ShuttingDown),
        }
    }
}

impl fmt::Debug for CommandIntake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CommandIntake").field("commands_tx", &self.commands_tx).finish_non_exhaustive()
    }
}

/// A message that has just come from this broker is a command.
pub(super) fn command(message: Incoming, broker: BrokerId) -> Command {
    Command {
        broker,
        topic: message.topic,
        payload: message.payload,
        is_retained: message.is_retained,
        is_duplicate: message.is_duplicate,
        response_topic: message.response_topic,
        correlation_data: message.correlation_data,
        message_expiry_seconds: message.expiry_seconds,
        received_at: Instant::now().into_std(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn a_command(topic: &str) -> Command {
        let message = Incoming {
            id: 1,
            topic: topic.to_owned(),
            payload: "1".into(),
            is_retained: false,
            is_duplicate: false,
            response_topic: None,
            correlation_data: None,
            expiry_seconds: None,
        };
        command(message, BrokerId(0))
    }

    #[test]
    fn what_nobody_has_time_for_is_refused_at_once() {
        let refused = Arc::new(Mutex::new(Vec::new()));
        let (commands_tx, mut commands_rx) = mpsc::channel(1);
        let record = Arc::clone(&refused);
        let intake = CommandIntake::new(commands_tx, move |command, reason| {
            record.lock().unwrap().push((command.topic, reason));
        });
        intake.offer(a_command("a"), true);
        intake.offer(a_command("b"), true);
        intake.offer(a_command("c"), false);
        assert_eq!(commands_rx.try_recv().unwrap().topic, "a");
        drop(commands_rx);
        intake.offer(a_command("d"), true);
        let expected = [
            ("b".to_owned(), RejectReason::Overloaded),
            ("c".to_owned(), RejectReason::ShuttingDown),
            ("d".to_owned(), RejectReason::ShuttingDown),
        ];
        assert_eq!(*refused.lock().unwrap(), expected);
    }
}
