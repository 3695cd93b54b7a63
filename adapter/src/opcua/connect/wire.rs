//! The library's event loop in a task of its own, which says when the connection is lost and connects again when told.
//!
//! The library reactivates its session on a new channel, so that what the server has queued meanwhile is not lost; its
//! pauses, its patience and its subscription machinery are left alone, since none of them can be relied upon.

use std::time::Duration;

use futures_util::StreamExt;
use opcua::{
    client::{SessionActivity, SessionConnectMode, SessionEventLoop, SessionPollResult},
    types::StatusCode,
};
use tokio::{sync::mpsc, task::JoinError, time};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::opcua::{
    connect::connector::PlcConnector,
    problem::{Problem, Step},
    status,
};

/// Drives the connection of one session. The session is dead when it is dropped.
pub(in crate::opcua) struct Wire {
    connector: PlcConnector,
    events_rx: mpsc::Receiver<Event>,
    attempts_tx: mpsc::Sender<()>,
    task: AbortOnDropHandle<StatusCode>,
    state: State,
    /// How long one attempt to connect may take.
    patience: Duration,
    request_timeout: Duration,
}

/// What is known of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is none, and the task waits to be told to make one.
    Down,
    /// There is one.
    Up,
    /// The task does not answer any more.
    Stuck,
}

/// What a new connection is to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum Connected {
    /// The session of before lives on in it.
    SameSession,
    /// The server knows nothing of the session of before; there is a new one.
    NewSession,
}

/// What the task has to say.
#[derive(Debug)]
enum Event {
    Connected(Connected),
    Failed(StatusCode),
    Lost(StatusCode),
}

impl Wire {
    /// Starts the task, which waits until it is told to connect.
    pub(in crate::opcua) fn new(
        event_loop: SessionEventLoop<PlcConnector>,
        connector: PlcConnector,
        request_timeout: Duration,
        failures_allowed: u32,
    ) -> Self {
        let (events_tx, events_rx) = mpsc::channel(1);
        let (attempts_tx, attempts_rx) = mpsc::channel(1);
        // In a task of its own, since the library decodes what a stranger sends and may panic at it.
        let drive = drive(event_loop, connector.clone(), attempts_rx, events_tx, failures_allowed);
        let task = AbortOnDropHandle::new(tokio::spawn(drive));
        // Several requests follow one another in an attempt.
        let patience = 2 * request_timeout;
        Self { connector, events_rx, attempts_tx, task, state: State::Down, patience, request_timeout }
    }

    /// Makes one attempt to connect and to activate the session.
    pub(in crate::opcua) async fn connect(&mut self) -> Result<Connected, Problem> {
        self.cut().await;
        if self.attempts_tx.send(()).await.is_err() {
            return Err(self.end().await);
        }
        match time::timeout(self.patience, self.events_rx.recv()).await {
            Ok(Some(Event::Connected(connected))) => {
                self.state = State::Up;
                Ok(connected)
            }
            Ok(Some(Event::Failed(status) | Event::Lost(status))) => Err(self.failure(status)),
            Ok(None) => Err(self.end().await),
            Err(_) => {
                // Whatever the attempt hangs in ends with the connection.
                self.state = State::Up;
                self.cut().await;
                Err(Problem::Timeout { step: Step::Connect, limit: self.patience })
            }
        }
    }

    /// Waits until the connection is lost.
    pub(in crate::opcua) async fn lost(&mut self) -> Problem {
        match self.events_rx.recv().await {
            Some(Event::Lost(status) | Event::Failed(status)) => {
                self.state = State::Down;
                self.loss(status)
            }
            Some(Event::Connected(_)) => self.loss(StatusCode::Good),
            None => self.end().await,
        }
    }

    /// Cuts the connection, where there is one, without a word to the server, and waits until that was noticed.
    pub(in crate::opcua) async fn cut(&mut self) {
        if self.state != State::Up {
            return;
        }
        self.connector.cut();
        self.state = match time::timeout(self.patience, self.events_rx.recv()).await {
            Ok(_) => State::Down,
            Err(_) => State::Stuck,
        };
    }

    /// Whether nothing is left that could be connected or closed.
    pub(in crate::opcua) fn is_finished(&self) -> bool {
        self.task.is_finished() || self.state == State::Stuck
    }

    /// Whatever ended the connection, the server may still have the session; but the same message would end the next
    /// connection, too.
    fn loss(&self, status: StatusCode) -> Problem {
        match status {
            StatusCode::BadEncodingLimitsExceeded
            | StatusCode::BadTcpMessageTooLarge
            | StatusCode::BadResponseTooLarge => Problem::of_status(Step::Publish, status, self.request_timeout),
            _ => Problem::Lost { status: status::from_library(lost_status(status)) },
        }
    }

    fn failure(&self, status: StatusCode) -> Problem {
        self.connector.take_failure().unwrap_or_else(|| Problem::of_status(Step::Connect, status, self.request_timeout))
    }

    async fn end(&mut self) -> Problem {
        match (&mut self.task).await {
            Err(error) => panic_of(error),
            Ok(status) => self.failure(lost_status(status)),
        }
    }
}

/// A connection that was closed without a reason is lost all the same.
fn lost_status(status: StatusCode) -> StatusCode {
    if status.is_good() { StatusCode::BadConnectionClosed } else { status }
}

/// Polls the event loop. After each end of a connection or attempt it stands still until it may try again.
async fn drive(
    event_loop: SessionEventLoop<PlcConnector>,
    connector: PlcConnector,
    mut attempts_rx: mpsc::Receiver<()>,
    events_tx: mpsc::Sender<Event>,
    failures_allowed: u32,
) -> StatusCode {
    if attempts_rx.recv().await.is_none() {
        return StatusCode::Good;
    }
    let stream = event_loop.enter();
    tokio::pin!(stream);
    let mut failed_keep_alives = 0;
    loop {
        let event = match stream.next().await {
            None => return StatusCode::Good,
            Some(Err(status)) => return status,
            Some(Ok(result)) => match result {
                SessionPollResult::Reconnected(SessionConnectMode::NewSession(_)) => {
                    Event::Connected(Connected::NewSession)
                }
                SessionPollResult::Reconnected(SessionConnectMode::ReactivatedSession(_)) => {
                    Event::Connected(Connected::SameSession)
                }
                SessionPollResult::ReconnectFailed(status) => Event::Failed(status),
                SessionPollResult::ConnectionLost(status) => Event::Lost(status),
                SessionPollResult::SessionActivity(activity) => {
                    failed_keep_alives = follow(&activity, failed_keep_alives);
                    if failed_keep_alives > failures_allowed {
                        debug!(failed_keep_alives, "the session does not answer; its connection is cut");
                        connector.cut();
                    }
                    continue;
                }
                _ => continue,
            },
        };
        failed_keep_alives = 0;
        let is_connected = matches!(event, Event::Connected(_));
        if events_tx.send(event).await.is_err() || (!is_connected && attempts_rx.recv().await.is_none()) {
            return StatusCode::Good;
        }
    }
}

/// Keep-alives failed in a row.
fn follow(activity: &SessionActivity, failed: u32) -> u32 {
    match activity {
        SessionActivity::KeepAliveSucceeded => 0,
        // The session has answered, though without the state that was asked for: not every server has it to read.
        SessionActivity::KeepAliveFailed(StatusCode::BadUnknownResponse) => 0,
        // An answer with a bad state comes from a server that lives, but serves nobody.
        SessionActivity::KeepAliveFailed(status) => {
            debug!(status = %status::status_symbol(status::from_library(*status)), "a keep-alive of the session failed");
            failed + 1
        }
    }
}

/// What is left of a panic in the library.
pub(in crate::opcua) fn panic_of(error: JoinError) -> Problem {
    let reason = match error.try_into_panic() {
        Err(error) => error.to_string(),
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without words".to_owned()),
    };
    Problem::Panic { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_keeps_its_words() {
        let error = tokio::spawn(async { assert_eq!(7, 8, "at the {}th byte", 7) }).await.unwrap_err();
        let problem = panic_of(error).to_string();
        assert!(problem.contains("at the 7th byte") && problem.contains("report"), "{problem}");
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let failed = SessionActivity::KeepAliveFailed(StatusCode::BadTimeout);
        assert_eq!(follow(&failed, follow(&failed, 0)), 2);
        assert_eq!(follow(&SessionActivity::KeepAliveSucceeded, 2), 0);
    }

    #[test]
    fn an_answer_without_a_state_is_an_answer_and_a_halted_server_is_none() {
        assert_eq!(follow(&SessionActivity::KeepAliveFailed(StatusCode::BadUnknownResponse), 2), 0);
        assert_eq!(follow(&SessionActivity::KeepAliveFailed(StatusCode::BadServerHalted), 2), 3);
    }
}
