//! The task that owns the socket of a secure channel.

use std::{
    io,
    pin::pin,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use bytes::BytesMut;
use futures_util::StreamExt;
use opcua::{
    crypto::SecurityPolicy,
    types::{
        DateTime, MessageSecurityMode, ObjectId, OpenSecureChannelRequest, RequestHeader, SecurityTokenRequestType,
        StatusCode,
    },
};
use tokio::{
    io::AsyncWriteExt,
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    sync::mpsc,
    time::{self, Instant},
};
use tokio_util::codec::FramedRead;
use tracing::debug;

use super::{
    answers::{Answer, Answers},
    frame::{Frame, FrameDecoder, SendLimits},
    security::{self, ChunkHeader, Insecure, Keys, Security},
};
use crate::opcua::{
    codec::{message, message::Message, session},
    problem::{Problem, Step},
    service_error::ServiceError,
};

/// How long a token is asked for.
const LIFETIME: Duration = Duration::from_hours(1);
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);
/// No token is renewed sooner, whatever the server grants.
const SHORTEST_RENEWAL: Duration = Duration::from_millis(250);
/// No channel is given up sooner for want of a new token.
const SHORTEST_END: Duration = Duration::from_millis(2_500);
/// Above it, sequence numbers begin anew (Part 6, 6.7.2.4).
const LAST_BEFORE_WRAP: u32 = u32::MAX - 1_024;
/// No more is taken in while so many bytes wait for the socket.
const MAX_UNSENT: usize = 1024 * 1024;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The id of its type and its fields.
    pub(super) bytes: Vec<u8>,
    /// Who waits; nobody for CloseSecureChannel, behind which the connection ends.
    pub(super) answer: Option<Answer>,
}

/// The token that is in force.
struct Token {
    id: u32,
    renew_at: Instant,
    expires_at: Instant,
}

/// Owns the socket.
pub(super) struct ChannelTask {
    reader: FramedRead<OwnedReadHalf, FrameDecoder>,
    writer: OwnedWriteHalf,
    security: Option<Security>,
    limits: SendLimits,
    requests_rx: mpsc::Receiver<Outgoing>,
    keys: Keys,
    channel_id: u32,
    token: Token,
    /// Our nonce of the OpenSecureChannel that waits for its answer.
    nonce: Option<Vec<u8>>,
    last_sequence_number: u32,
    last_request_id: u32,
    /// The server's.
    newest_sequence_number: Option<u32>,
    answers: Answers,
    unsent: BytesMut,
    is_closing: bool,
}

impl ChannelTask {
    /// Behind the hello.
    pub(super) fn new(
        reader: FramedRead<OwnedReadHalf, FrameDecoder>,
        writer: OwnedWriteHalf,
        security: Option<Security>,
        limits: SendLimits,
        requests_rx: mpsc::Receiver<Outgoing>,
        budget: Arc<AtomicUsize>,
    ) -> Self {
        let now = Instant::now();
        Self {
            reader,
            writer,
            security,
            limits,
            requests_rx,
            keys: Keys::default(),
            channel_id: 0,
            token: Token { id: 0, renew_at: now + LIFETIME, expires_at: now + LIFETIME },
            nonce: None,
            last_sequence_number: 0,
            last_request_id: 0,
            newest_sequence_number: None,
            answers: Answers::new(budget),
            unsent: BytesMut::new(),
            is_closing: false,
        }
    }

    /// Opens the channel.
    pub(super) async fn issue(&mut self) -> Result<(), Problem> {
        self.ask_for_token(SecurityTokenRequestType::Issue)?;
        self.writer.write_all_buf(&mut self.unsent).await.map_err(|error| Problem::of_stream(&error))?;
        let frame = match self.reader.next().await {
            None => return Err(Problem::lost("the server closed it while the secure channel was being opened")),
            Some(Err(error)) => return Err(Problem::of_stream(&error)),
            Some(Ok(frame)) => frame,
        };
        match frame.kind() {
            b"OPN" => self.take_token(&frame),
            b"ERR" => Err(Problem::of_status(Step::OpenSecureChannel, frame.error().0, Duration::ZERO)),
            _ => Err(Problem::greeting("the server answered OpenSecureChannel with something else")),
        }
    }

    /// Runs until the connection is of no more use, and says why.
    pub(super) async fn run(&mut self) -> Problem {
        loop {
            if self.is_closing && self.unsent.is_empty() {
                self.writer.shutdown().await.ok();
                return Problem::lost("it was closed from this side");
            }
            let is_renewing = self.nonce.is_some();
            let token_due = if is_renewing { self.token.expires_at } else { self.token.renew_at };
            let Self { reader, writer, requests_rx, unsent, is_closing, .. } = self;
            let may_take = unsent.len() < MAX_UNSENT && !*is_closing;
            let due = pin!(time::sleep_until(token_due));
            let done = tokio::select! {
                frame = reader.next() => self.take(frame),
                written = writer.write_buf(unsent), if !unsent.is_empty() => match written {
                    Ok(0) => Err(Problem::lost("nothing more can be sent")),
                    Ok(_) => Ok(()),
                    Err(error) => Err(Problem::lost(&error.to_string())),
                },
                outgoing = requests_rx.recv(), if may_take => match outgoing {
                    Some(outgoing) => { self.send(outgoing); Ok(()) }
                    None => Err(Problem::lost("nobody needs it any more")),
                },
                () = due => if is_renewing {
                    Err(Problem::lost("the server did not renew the token of the secure channel"))
                } else {
                    self.ask_for_token(SecurityTokenRequestType::Renew)
                },
            };
            if let Err(problem) = done {
                return problem;
            }
        }
    }

    /// Nobody gets an answer any more.
    pub(super) fn fail_all(&mut self) {
        self.answers.fail_all();
        self.requests_rx.close();
        while let Ok(outgoing) = self.requests_rx.try_recv() {
            if let Some(answer) = outgoing.answer {
                answer.send(Err(ServiceError::NotConnected)).ok();
            }
        }
    }

    fn next_request_id(&mut self) -> u32 {
        self.last_request_id = self.last_request_id.checked_add(1).unwrap_or(1);
        self.last_request_id
    }

    fn next_sequence_number(&mut self) -> u32 {
        self.last_sequence_number = sequence_number_after(self.last_sequence_number);
        self.last_sequence_number
    }

    /// Asks for a token. No session's token goes with it (Part 4, 5.5.2): there are servers that drop it then.
    fn ask_for_token(&mut self, request_type: SecurityTokenRequestType) -> Result<(), Problem> {
        let policy = self.security.as_ref().map_or(SecurityPolicy::None, |security| security.policy);
        let nonce = policy.random_nonce();
        let request_id = self.next_request_id();
        let request = OpenSecureChannelRequest {
            request_header: RequestHeader {
                timestamp: DateTime::now(),
                request_handle: request_id,
                ..RequestHeader::default()
            },
            client_protocol_version: 0,
            request_type,
            security_mode: self.security.as_ref().map_or(MessageSecurityMode::None, |security| security.mode),
            client_nonce: nonce.clone(),
            requested_lifetime: u32::try_from(LIFETIME.as_millis()).unwrap_or(u32::MAX),
        };
        let bytes = message::encode(&request.into()).map_err(|error| Problem::lost(&error.to_string()))?;
        let sequence_number = self.next_sequence_number();
        let sealed = security::seal_open(self.security.as_ref(), self.channel_id, sequence_number, request_id, &bytes);
        let sealed = sealed.map_err(|status| Problem::of_status(Step::OpenSecureChannel, status, Duration::ZERO))?;
        self.unsent.extend_from_slice(&sealed);
        self.nonce = Some(nonce.value.unwrap_or_default());
        Ok(())
    }

    fn take_token(&mut self, frame: &Frame) -> Result<(), Problem> {
        let Some(nonce) = self.nonce.take() else {
            return Err(Problem::disagreed("it opened a secure channel that nobody asked for"));
        };
        let (channel_id, chunk) =
            security::open_open(self.security.as_ref(), &frame.bytes).map_err(|error| insecure(&error))?;
        self.follow(chunk.sequence_number)?;
        let unreadable = |error: ServiceError| Problem::service(Step::OpenSecureChannel, &error, Duration::ZERO);
        let message = Message::new(&chunk.body).map_err(|error| unreadable(error.into()))?;
        let mut reader =
            message.answer(ObjectId::OpenSecureChannelResponse_Encoding_DefaultBinary).map_err(unreadable)?;
        let opened = session::opened_channel(&mut reader).map_err(|error| unreadable(error.into()))?;
        if let Some(security) = &self.security {
            let policy = security.policy;
            if opened.server_nonce.len() != policy.secure_channel_nonce_length() {
                return Err(Problem::disagreed("its nonce has not the length that the security policy wants"));
            }
            self.keys.renew(policy, opened.token.token_id, &nonce, &opened.server_nonce);
        }
        self.channel_id = if opened.token.channel_id == 0 { channel_id } else { opened.token.channel_id };
        let (renewal, end) = times_of(Duration::from_millis(opened.token.revised_lifetime.into()));
        let now = Instant::now();
        self.token = Token { id: opened.token.token_id, renew_at: now + renewal, expires_at: now + end };
        Ok(())
    }

    fn send(&mut self, Outgoing { bytes, answer }: Outgoing) {
        let request_id = self.next_request_id();
        let Some(answer) = answer else {
            self.is_closing = true;
            // What cannot be said is said by the end of the connection.
            self.put(*b"CLO", request_id, &bytes).ok();
            return;
        };
        // Whoever has given up waiting has said so: a write that is late is not to be executed.
        if answer.is_closed() {
            return;
        }
        if let Err(error) = self.put(*b"MSG", request_id, &bytes) {
            answer.send(Err(error)).ok();
            return;
        }
        self.answers.expect(request_id, answer);
    }

    /// Puts a message into the chunks that the server takes.
    fn put(&mut self, kind: [u8; 3], request_id: u32, bytes: &[u8]) -> Result<(), ServiceError> {
        let size = security::body_size(self.security.as_ref(), self.limits.frame);
        if bytes.len() > self.limits.message || bytes.len().div_ceil(size) > self.limits.frames {
            return Err(ServiceError::NotSent(StatusCode::BadRequestTooLarge));
        }
        let start = self.unsent.len();
        let mut parts = bytes.chunks(size).peekable();
        while let Some(part) = parts.next() {
            let [a, b, c] = kind;
            let is_last = parts.peek().is_none();
            let header = ChunkHeader {
                kind: [a, b, c, if is_last { b'F' } else { b'C' }],
                channel_id: self.channel_id,
                token_id: self.token.id,
                sequence_number: self.next_sequence_number(),
                request_id,
            };
            let sealed = security::seal(self.security.as_ref(), &self.keys, header, part, &mut self.unsent);
            if let Err(status) = sealed {
                self.unsent.truncate(start);
                return Err(ServiceError::NotSent(status));
            }
        }
        Ok(())
    }

    fn take(&mut self, frame: Option<io::Result<Frame>>) -> Result<(), Problem> {
        let frame = match frame {
            None => return Err(Problem::lost("the server closed it")),
            Some(Err(error)) => return Err(Problem::of_stream(&error)),
            Some(Ok(frame)) => frame,
        };
        match frame.kind() {
            b"MSG" => {
                let opened = security::open(self.security.as_ref(), &self.keys, self.channel_id, &frame.bytes)
                    .map_err(|error| insecure(&error));
                let chunk = opened?;
                self.follow(chunk.sequence_number)?;
                self.answers.collect(frame.chunk(), chunk);
                Ok(())
            }
            b"OPN" => self.take_token(&frame),
            b"ERR" => {
                let (status, reason) = frame.error();
                Err(Problem::closed_by_server(status, &reason))
            }
            _ => Err(Problem::lost("the server ended it")),
        }
    }

    /// The server's numbers count up by one from wherever they begin.
    fn follow(&mut self, number: u32) -> Result<(), Problem> {
        let newest = self.newest_sequence_number.replace(number);
        let is_next = newest
            .is_none_or(|newest| number == newest.wrapping_add(1) || (newest >= LAST_BEFORE_WRAP && number < 1_024));
        if is_next {
            return Ok(());
        }
        // Without security anybody may write anything; with it a number tells a message that is sent again.
        if self.security.is_some() {
            return Err(Problem::disagreed("a chunk came with a sequence number that is not the next"));
        }
        debug!(?newest, number, "a chunk came with a sequence number that is not the next");
        Ok(())
    }
}

fn sequence_number_after(last: u32) -> u32 {
    if last > LAST_BEFORE_WRAP { 1 } else { last + 1 }
}

/// When a token with this lifetime is renewed, and when it is of no more use; zero says nothing.
fn times_of(granted: Duration) -> (Duration, Duration) {
    let lifetime = if granted.is_zero() { LIFETIME } else { granted.min(LONGEST_LIFETIME) };
    ((lifetime * 3 / 4).max(SHORTEST_RENEWAL), (lifetime * 5 / 4).max(SHORTEST_END))
}

fn insecure(error: &Insecure) -> Problem {
    Problem::disagreed(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_wrap_only_above_the_number_of_the_specification() {
        assert_eq!(sequence_number_after(4_294_966_271), 4_294_966_272);
        assert_eq!(sequence_number_after(4_294_966_272), 1);
        assert_eq!(sequence_number_after(0), 1);
    }

    #[test]
    fn a_token_is_renewed_before_the_server_lets_it_go_and_never_without_end() {
        let ms = Duration::from_millis;
        assert_eq!(times_of(ms(1_000)), (ms(750), ms(2_500)));
        assert_eq!(times_of(ms(1)), (ms(250), ms(2_500)));
        assert_eq!(times_of(ms(40_000)), (ms(30_000), ms(50_000)));
        assert_eq!(times_of(Duration::ZERO), times_of(LIFETIME));
        assert_eq!(times_of(Duration::MAX), times_of(LONGEST_LIFETIME));
    }
}
