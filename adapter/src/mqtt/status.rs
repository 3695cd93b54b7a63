//! The status message on one connection: the newest one, one at a time.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    client::Publication,
    link::StatusTopic,
    publisher::{Publisher, Sent},
};
use crate::domain::{Qos, Timestamp, TopicName};

/// Makes the payload that says that nobody is here, since a point in time: for the Last Will that of the connection,
/// since nobody can know it better beforehand; at an orderly end that of the end.
#[derive(Clone)]
pub struct OfflinePayload(Arc<dyn Fn(Timestamp) -> Bytes + Send + Sync>);

impl OfflinePayload {
    /// Calls `make` for each payload.
    pub fn new(make: impl Fn(Timestamp) -> Bytes + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    pub(super) fn since(&self, since: Timestamp) -> Bytes {
        (self.0)(since)
    }
}

impl fmt::Debug for OfflinePayload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("OfflinePayload").finish_non_exhaustive()
    }
}

/// What of the status is to be published. What changes while one is on its way is not worth a message of its own.
#[derive(Debug)]
pub(super) struct StatusFeed {
    topic: TopicName,
    offline: OfflinePayload,
    current: watch::Receiver<Bytes>,
    is_due: bool,
    is_on_its_way: bool,
    has_source: bool,
}

impl StatusFeed {
    /// The current status is due on every new connection.
    pub(super) fn new(status: &StatusTopic) -> Self {
        Self {
            topic: status.topic.clone(),
            offline: status.offline.clone(),
            current: status.current.clone(),
            is_due: true,
            is_on_its_way: false,
            has_source: true,
        }
    }

    /// Ends when the status has changed; never, when nobody is left to change it.
    pub(super) async fn changed(&mut self) {
        if self.has_source && self.current.changed().await.is_ok() {
            self.is_due = true;
        } else {
            self.has_source = false;
            std::future::pending::<()>().await;
        }
    }

    /// Publishes the newest status when one is due.
    pub(super) fn feed(&mut self, publisher: &mut Publisher) {
        if self.is_due && !self.is_on_its_way {
            let payload = self.current.borrow_and_update().clone();
            self.is_on_its_way = self.send(publisher, Sent::Status, payload);
            self.is_due = !self.is_on_its_way;
        }
    }

    /// The broker has taken a status.
    pub(super) const fn on_acknowledged(&mut self) {
        self.is_on_its_way = false;
    }

    /// Publishes the last status. Returns whether it is on its way.
    pub(super) fn feed_offline(&self, publisher: &mut Publisher) -> bool {
        self.send(publisher, Sent::Offline, self.offline.since(Timestamp::now()))
    }

    fn send(&self, publisher: &mut Publisher, sent: Sent, payload: Bytes) -> bool {
        let topic = self.topic.as_str();
        let status = Publication { topic, qos: Qos::AtLeastOnce, is_retained: true, payload, properties: None };
        publisher.send_own(sent, |requests| requests.publish(status))
    }
}
