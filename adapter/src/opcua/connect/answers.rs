//! Requests whose answers have not come, or not whole, and the putting together of answers in several chunks.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use opcua::types::StatusCode;
use tokio::sync::oneshot;

use super::{frame::MAX_FRAMES, security::Chunk};
use crate::opcua::service_error::ServiceError;

/// Answers that nobody waits for any more are forgotten beyond this.
const MAX_WAITING: usize = 1_000;

/// Where the answer to a request goes.
pub(super) type Answer = oneshot::Sender<Result<Bytes, ServiceError>>;

struct Waiting {
    answer: Answer,
    /// What has come of an answer in several chunks: copied, since a chunk would keep the buffer that it was read into.
    whole: Vec<u8>,
    /// How many chunks that was; they need not hold anything.
    chunks: usize,
}

/// The requests that wait, by their ids.
pub(super) struct Answers {
    waiting: HashMap<u32, Waiting>,
    /// Bytes that may be kept of answers that are not whole.
    budget: Arc<AtomicUsize>,
    /// Bytes that are kept.
    held: usize,
}

impl Answers {
    pub(super) fn new(budget: Arc<AtomicUsize>) -> Self {
        Self { waiting: HashMap::new(), budget, held: 0 }
    }

    /// Waits for the answer to a request that was sent.
    pub(super) fn expect(&mut self, request_id: u32, answer: Answer) {
        if self.waiting.len() >= MAX_WAITING {
            self.forget_abandoned();
        }
        self.take(request_id);
        self.waiting.insert(request_id, Waiting { answer, whole: Vec::new(), chunks: 0 });
    }

    /// Takes a chunk of the kind `F`, `C` or `A`. An answer in one chunk goes on without a copy.
    pub(super) fn collect(&mut self, kind: u8, chunk: Chunk) {
        let Chunk { request_id, body, .. } = chunk;
        // An answer that nobody waits for any more, or that has become too large.
        let Some(waiting) = self.waiting.get_mut(&request_id) else { return };
        if waiting.answer.is_closed() {
            self.take(request_id);
            return;
        }
        match kind {
            b'A' => {
                let status = body.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
                let status = if status == 0 { StatusCode::BadCommunicationError } else { StatusCode::from(status) };
                self.answer(request_id, Err(ServiceError::Refused(status)));
            }
            b'F' if waiting.chunks == 0 => self.answer(request_id, Ok(body)),
            _ => {
                waiting.chunks += 1;
                waiting.whole.extend_from_slice(&body);
                self.held += body.len();
                if self.held > self.budget.load(Ordering::Relaxed) || waiting.chunks > MAX_FRAMES {
                    self.answer(request_id, Err(ServiceError::Refused(StatusCode::BadResponseTooLarge)));
                } else if kind == b'F'
                    && let Some(Waiting { answer, whole, .. }) = self.take(request_id)
                {
                    answer.send(Ok(Bytes::from(whole))).ok();
                }
            }
        }
    }

    /// Nobody gets an answer any more.
    pub(super) fn fail_all(&mut self) {
        for (_, waiting) in self.waiting.drain() {
            waiting.answer.send(Err(ServiceError::Lost)).ok();
        }
        self.held = 0;
    }

    fn forget_abandoned(&mut self) {
        let held = &mut self.held;
        self.waiting.retain(|_, waiting| {
            let is_wanted = !waiting.answer.is_closed();
            if !is_wanted {
                *held -= waiting.whole.len();
            }
            is_wanted
        });
    }

    fn take(&mut self, request_id: u32) -> Option<Waiting> {
        let waiting = self.waiting.remove(&request_id)?;
        self.held -= waiting.whole.len();
        Some(waiting)
    }

    fn answer(&mut self, request_id: u32, result: Result<Bytes, ServiceError>) {
        if let Some(waiting) = self.take(request_id) {
            // Who has given up waiting needs no answer.
            waiting.answer.send(result).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: usize = 100;

    fn answers() -> Answers {
        Answers::new(Arc::new(AtomicUsize::new(BUDGET)))
    }

    fn chunk(request_id: u32, body: &[u8]) -> Chunk {
        Chunk { sequence_number: 1, request_id, body: Bytes::copy_from_slice(body) }
    }

    fn expect(answers: &mut Answers, request_id: u32) -> oneshot::Receiver<Result<Bytes, ServiceError>> {
        let (answer_tx, answer_rx) = oneshot::channel();
        answers.expect(request_id, answer_tx);
        answer_rx
    }

    #[test]
    fn chunks_become_one_answer_and_a_single_one_is_not_copied() {
        let mut answers = answers();
        let (mut one, mut three) = (expect(&mut answers, 1), expect(&mut answers, 2));
        answers.collect(b'C', chunk(2, b"ab"));
        let single = chunk(1, b"single");
        let place = single.body.as_ptr();
        answers.collect(b'F', single);
        answers.collect(b'C', chunk(2, b""));
        answers.collect(b'F', chunk(2, b"c"));
        assert_eq!(one.try_recv().unwrap().unwrap().as_ptr(), place);
        assert_eq!(three.try_recv().unwrap().unwrap(), &b"abc"[..]);
        assert_eq!(answers.held, 0);
    }

    #[test]
    fn a_chunk_that_is_not_the_last_keeps_no_read_buffer() {
        let mut answers = answers();
        let _waits = expect(&mut answers, 1);
        let chunk = chunk(1, b"ab");
        let read = chunk.body.clone();
        answers.collect(b'C', chunk);
        assert!(read.is_unique());
    }

    #[test]
    fn chunks_without_content_end_at_the_number_that_was_agreed() {
        let mut answers = answers();
        let mut waits = expect(&mut answers, 1);
        for _ in 0..MAX_FRAMES {
            answers.collect(b'C', chunk(1, b""));
        }
        assert!(waits.try_recv().is_err(), "so many were agreed");
        answers.collect(b'C', chunk(1, b""));
        let refused = Err(ServiceError::Refused(StatusCode::BadResponseTooLarge));
        assert_eq!(waits.try_recv().unwrap(), refused);
        assert!(answers.waiting.is_empty());
    }

    #[test]
    fn more_bytes_than_the_budget_end_the_answer_and_are_given_back() {
        let mut answers = answers();
        let (mut large, mut small) = (expect(&mut answers, 1), expect(&mut answers, 2));
        answers.collect(b'C', chunk(2, b"small"));
        answers.collect(b'C', chunk(1, &[0; BUDGET]));
        assert!(large.try_recv().unwrap().is_err());
        assert_eq!(answers.held, 5);
        answers.collect(b'F', chunk(2, b""));
        assert_eq!(small.try_recv().unwrap().unwrap(), &b"small"[..]);
    }

    #[test]
    fn what_nobody_waits_for_any_more_keeps_nothing() {
        let mut answers = answers();
        drop(expect(&mut answers, 1));
        answers.collect(b'C', chunk(1, b"late"));
        assert_eq!((answers.held, answers.waiting.len()), (0, 0));

        let half = expect(&mut answers, 1);
        answers.collect(b'C', chunk(1, b"half"));
        drop(half);
        for request_id in 2..=u32::try_from(MAX_WAITING + 1).unwrap() {
            drop(expect(&mut answers, request_id));
        }
        assert_eq!((answers.held, answers.waiting.len()), (0, 1));
    }
}
