//! A secure channel over one TCP connection: one task owns the socket, and whoever holds the [`Channel`] asks it.
//!
//! What the server sends can fail its own request, never more, as long as frames and chunks are what they should be.
//! Tokens are renewed by our own clock since the answer came: the server's may be anything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use opcua::{
    core::RequestMessage,
    types::{DateTime, NodeId, ObjectId, RequestHeader},
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    time,
};
use tokio_util::{codec::FramedRead, sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    channel_task::{ChannelTask, Outgoing},
    frame::{self, FrameDecoder, MAX_FRAME_BYTES, SendLimits},
    security::Security,
};
use crate::opcua::{
    codec::message::{self, Message},
    problem::{Problem, Step},
    service_error::ServiceError,
    value::reader::{Malformed, Reader},
};

/// Requests that may wait for the socket.
const MAX_WAITING: usize = 1_000;
/// Bytes of answers that are kept before the server is known to be ours.
const BYTES_BEFORE_TRUST: usize = 4 * 1024 * 1024;

/// An open secure channel. The connection ends when the last who holds it lets go.
#[derive(Debug)]
pub(in crate::opcua) struct Channel {
    requests_tx: mpsc::Sender<Outgoing>,
    handle: AtomicU32,
    /// Bytes that may be kept of messages that are not whole yet.
    budget: Arc<AtomicUsize>,
    ended_rx: watch::Receiver<Option<Problem>>,
    cut: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Channel {
    /// Says hello, which the server has to answer within `hello`, and opens the channel, for which it has `limit`: small
    /// controllers take seconds for the keys.
    ///
    /// # Errors
    /// What the server says instead, or that it says nothing.
    pub(in crate::opcua) async fn open(
        stream: TcpStream,
        url: &str,
        security: Option<Security>,
        hello: Duration,
        limit: Duration,
    ) -> Result<Arc<Self>, Problem> {
        let (reader, mut writer) = stream.into_split();
        let mut reader = FramedRead::with_capacity(reader, FrameDecoder, MAX_FRAME_BYTES);
        let greeted = time::timeout(hello, frame::hello(&mut reader, &mut writer, url)).await;
        let limits: SendLimits = greeted.map_err(|_| Problem::Mute { limit: hello })??;
        let (requests_tx, requests_rx) = mpsc::channel(MAX_WAITING);
        let (ended_tx, ended_rx) = watch::channel(None);
        let (cut, budget) = (CancellationToken::new(), Arc::new(AtomicUsize::new(BYTES_BEFORE_TRUST)));
        let mut task = ChannelTask::new(reader, writer, security, limits, requests_rx, Arc::clone(&budget));
        let too_late = |_| Problem::Timeout { step: Step::OpenSecureChannel, limit };
        time::timeout(limit, task.issue()).await.map_err(too_late)??;
        let stop = cut.clone();
        // In a task of its own, so that a panic in the library's cryptography ends no more than this connection.
        let run = async move {
            let problem = tokio::select! {
                problem = task.run() => problem,
                () = stop.cancelled() => Problem::lost("it was cut from this side"),
            };
            task.fail_all();
            ended_tx.send_replace(Some(problem));
        };
        let task = AbortOnDropHandle::new(tokio::spawn(run));
        Ok(Arc::new(Self { requests_tx, handle: AtomicU32::new(1), budget, ended_rx, cut, task }))
    }

    /// The server is who it should be: its answers may be as large as was agreed.
    pub(in crate::opcua) fn trust(&self) {
        self.budget.store(frame::MAX_MESSAGE_BYTES, Ordering::Relaxed);
    }

    /// A header for the next request.
    pub(in crate::opcua) fn header(&self, authentication_token: &NodeId, limit: Duration) -> RequestHeader {
        RequestHeader {
            authentication_token: authentication_token.clone(),
            timestamp: DateTime::now(),
            request_handle: self.handle.fetch_add(1, Ordering::Relaxed),
            timeout_hint: u32::try_from(limit.as_millis()).unwrap_or(u32::MAX),
            ..RequestHeader::default()
        }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When there is none within `limit`.
    pub(in crate::opcua) async fn call(
        &self,
        request: impl Into<RequestMessage>,
        limit: Duration,
    ) -> Result<Message, ServiceError> {
        let bytes = message::encode(&request.into())?;
        let (answer_tx, answer_rx) = oneshot::channel();
        let asked = async {
            let outgoing = Outgoing { bytes, answer: Some(answer_tx) };
            self.requests_tx.send(outgoing).await.map_err(|_| ServiceError::NotConnected)?;
            answer_rx.await.unwrap_or(Err(ServiceError::Lost))
        };
        let answer = time::timeout(limit, asked).await.map_err(|_| ServiceError::Timeout)??;
        Ok(Message::new(&answer)?)
    }

    /// As `call`, and reads the answer; for what comes before there is a session to speak of.
    ///
    /// # Errors
    /// What the server says instead; where the connection has ended, its end says more than the answer that did not
    /// come.
    pub(in crate::opcua) async fn ask<T>(
        &self,
        step: Step,
        request: impl Into<RequestMessage>,
        answer: ObjectId,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
        limit: Duration,
    ) -> Result<T, Problem> {
        let asked = async {
            let message = self.call(request, limit).await?;
            let mut reader = message.answer(answer)?;
            Ok::<_, ServiceError>(read(&mut reader)?)
        };
        match asked.await {
            Ok(answer) => Ok(answer),
            Err(ServiceError::Lost | ServiceError::NotConnected) => Err(self.ended().await),
            Err(error) => Err(Problem::service(step, &error, limit)),
        }
    }

    /// Closes the channel in good order, as far as the server still listens. No session's token goes with it (Part 4,
    /// 5.5.3).
    pub(in crate::opcua) async fn close(&self) {
        let request = opcua::types::CloseSecureChannelRequest {
            request_header: self.header(&NodeId::null(), Duration::from_secs(1)),
        };
        if let Ok(bytes) = message::encode(&request.into()) {
            // Nothing is waited for but the end of the connection.
            self.requests_tx.send(Outgoing { bytes, answer: None }).await.ok();
            self.ended().await;
        }
    }

    /// Waits until the connection has ended, and says why.
    pub(in crate::opcua) async fn ended(&self) -> Problem {
        let mut ended_rx = self.ended_rx.clone();
        let ended = ended_rx.wait_for(Option::is_some).await;
        // Without a word of it the task has panicked.
        ended.ok().and_then(|problem| problem.clone()).unwrap_or_else(|| Problem::Panic {
            reason: "the task of the secure channel ended without a reason".to_owned(),
        })
    }

    /// Ends the connection as if the network had done it: no word of it reaches the server, which keeps the session and
    /// what it has queued.
    pub(in crate::opcua) fn cut(&self) {
        self.cut.cancel();
    }

    /// Whether the connection has ended.
    pub(in crate::opcua) fn has_ended(&self) -> bool {
        self.task.is_finished() || self.ended_rx.borrow().is_some()
    }
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
