//! The one bounded queue between the OPC UA server and the model stage.
//!
//! The sender sits in the OPC UA library's callback and must never wait; what does not fit is counted here and
//! announced as a gap by the northbound task.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use crate::domain::{TagId, TagUpdate, Timestamp};

/// What may wait: so many numbers, or less where text and arrays take more room; some 20 MB.
pub const MAX_WAITING_VALUES: usize = 200_000;
/// A value of so many bytes on the heap takes the place of one number more.
const BYTES_OF_A_PLACE: usize = 100;
/// Batches that may wait.
const MAX_WAITING_BATCHES: usize = 4_096;

/// What was lost and not yet announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DroppedValues {
    /// How many: values that were dropped here, or messages of the server that never came.
    pub count: u64,
    /// The oldest timestamp among them.
    pub from: Timestamp,
    /// The newest timestamp among them.
    pub to: Timestamp,
}

impl DroppedValues {
    fn add(entry: &mut Option<Self>, count: u64, from: Timestamp, to: Timestamp) {
        let entry = entry.get_or_insert(Self { count: 0, from, to });
        entry.count = entry.count.saturating_add(count);
        entry.from = entry.from.min(from);
        entry.to = entry.to.max(to);
    }
}

#[derive(Debug, Default)]
struct Shared {
    places_taken: AtomicUsize,
    dropped: Mutex<Option<DroppedValues>>,
    missing: Mutex<Option<DroppedValues>>,
}

/// What one Publish response brought, and the places that it takes.
#[derive(Debug)]
struct Batch {
    updates: Vec<TagUpdate>,
    places: usize,
}

/// The end that the OPC UA room holds.
#[derive(Clone, Debug)]
pub struct IngressSender {
    batches_tx: mpsc::Sender<Batch>,
    shared: Arc<Shared>,
    capacity: usize,
}

/// The end that the northbound task holds.
#[derive(Debug)]
pub struct IngressReceiver {
    batches_rx: mpsc::Receiver<Batch>,
    shared: Arc<Shared>,
}

/// A queue for `capacity` numbers, or for fewer values that take more room.
pub fn ingress(capacity: usize) -> (IngressSender, IngressReceiver) {
    let (batches_tx, batches_rx) = mpsc::channel(MAX_WAITING_BATCHES);
    let shared = Arc::new(Shared::default());
    (IngressSender { batches_tx, shared: Arc::clone(&shared), capacity }, IngressReceiver { batches_rx, shared })
}

impl IngressSender {
    /// Takes a batch whole or drops it whole; never waits. Returns the tag of each value that was dropped.
    pub fn offer(&self, batch: Vec<TagUpdate>) -> Vec<TagId> {
        if batch.is_empty() {
            return Vec::new();
        }
        let places = batch.iter().map(|update| 1 + update.value.heap_bytes() / BYTES_OF_A_PLACE).sum();
        let batch = Batch { updates: batch, places };
        let taken = self.shared.places_taken.fetch_add(places, Ordering::AcqRel);
        // One batch is taken into an empty queue whatever its size; the OPC UA room bounds a message.
        let refused = if taken > 0 && taken + places > self.capacity {
            Some(batch)
        } else {
            self.batches_tx.try_send(batch).err().map(mpsc::error::TrySendError::into_inner)
        };
        let Some(refused) = refused else { return Vec::new() };
        self.shared.places_taken.fetch_sub(places, Ordering::AcqRel);
        self.note(&refused.updates);
        refused.updates.iter().map(|update| update.tag).collect()
    }

    fn note(&self, refused: &[TagUpdate]) {
        let mut dropped = self.shared.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        for update in refused {
            let (time, _) = update.timestamp();
            DroppedValues::add(&mut dropped, 1, time, time);
        }
    }

    /// Messages of the server never came and cannot be had again: so many as are known, sent between these two times.
    pub fn note_missing(&self, messages: u64, from: Timestamp, to: Timestamp) {
        let mut missing = self.shared.missing.lock().unwrap_or_else(PoisonError::into_inner);
        DroppedValues::add(&mut missing, messages, from, to);
    }
}

impl IngressReceiver {
    /// The next batch; `None` once every sender is gone and the queue is empty.
    pub async fn receive(&mut self) -> Option<Vec<TagUpdate>> {
        let batch = self.batches_rx.recv().await?;
        self.shared.places_taken.fetch_sub(batch.places, Ordering::AcqRel);
        Some(batch.updates)
    }

    /// What was dropped since the last call.
    pub fn take_dropped(&self) -> Option<DroppedValues> {
        self.shared.dropped.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Messages of the server that were noted as missing since the last call; their count is 0 where it is not known.
    pub fn take_missing(&self) -> Option<DroppedValues> {
        self.shared.missing.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{StatusCode, TagValue, UpdateFlags};

    fn batch(millis: impl IntoIterator<Item = i64>) -> Vec<TagUpdate> {
        let update = |millis| TagUpdate {
            tag: TagId(0),
            value: TagValue::Null,
            status: StatusCode::GOOD,
            source_timestamp: Some(Timestamp::from_unix_millis(millis)),
            server_timestamp: None,
            received_at: Timestamp::from_unix_millis(0),
            flags: UpdateFlags::default(),
        };
        millis.into_iter().map(update).collect()
    }

    #[tokio::test]
    async fn what_does_not_fit_is_counted_with_its_span_of_time() {
        let (sender, mut receiver) = ingress(3);
        assert_eq!(sender.offer(batch([1, 2])).len(), 0);
        assert_eq!(sender.offer(batch([5, 4, 9])).len(), 3);
        let dropped = receiver.take_dropped().unwrap();
        assert_eq!((dropped.count, dropped.from.unix_millis(), dropped.to.unix_millis()), (3, 4, 9));
        assert_eq!(receiver.take_dropped(), None);
        assert_eq!(receiver.receive().await.unwrap().len(), 2);
        assert_eq!(sender.offer(batch([10, 11, 12])).len(), 0);
    }

    #[test]
    fn missing_messages_add_up_until_they_are_announced() {
        let (sender, receiver) = ingress(3);
        let time = Timestamp::from_unix_millis;
        sender.note_missing(2, time(10), time(20));
        sender.note_missing(0, time(5), time(12));
        assert_eq!(receiver.take_missing(), Some(DroppedValues { count: 2, from: time(5), to: time(20) }));
        assert_eq!(receiver.take_missing(), None);
        assert_eq!(receiver.take_dropped(), None);
    }

    #[tokio::test]
    async fn long_values_take_more_room_and_one_is_always_taken() {
        let long = || {
            let mut batch = batch([1]);
            batch[0].value = TagValue::String("x".repeat(10_000).into());
            batch
        };
        let (sender, mut receiver) = ingress(50);
        assert_eq!(sender.offer(long()).len(), 0, "longer than the queue, which is empty");
        assert_eq!(sender.offer(batch([2])).len(), 1);
        receiver.receive().await.unwrap();
        assert_eq!(sender.offer(batch([3])).len(), 0);
        assert_eq!(sender.offer(long()).len(), 1);
        assert_eq!(receiver.receive().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn the_queue_ends_when_the_last_sender_is_gone() {
        let (sender, mut receiver) = ingress(10);
        sender.offer(batch([1]));
        drop(sender);
        assert!(receiver.receive().await.is_some());
        assert!(receiver.receive().await.is_none());
    }
}
