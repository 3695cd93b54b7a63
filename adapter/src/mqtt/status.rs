//! The status message on one connection: the newest one, one at a time.

use std::{fmt, sync::Arc, time::Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;

use super::{
    link::StatusTopic,
    outgoing::BrokerLimits,
    packet::{Codec, Publication, Reason, publish_bytes},
    publisher::Publisher,
    sent::Sent,
    suspicion::Sending,
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
    sending: Sending,
    limits: BrokerLimits,
    is_due: bool,
    is_on_its_way: bool,
    has_source: bool,
    trouble: Option<String>,
}

impl StatusFeed {
    /// The current status is due on every new connection, to be sent as connections before have shown.
    pub(super) fn new(status: &StatusTopic, sending: Sending, limits: BrokerLimits) -> Self {
        Self {
            topic: status.topic.clone(),
            offline: status.offline.clone(),
            current: status.current.clone(),
            sending,
            limits,
            is_due: sending != Sending::Not,
            is_on_its_way: false,
            has_source: true,
            trouble: None,
        }
    }

    /// Ends when the status has changed; never, when nobody is left to change it.
    pub(super) async fn changed(&mut self) {
        if self.has_source && self.current.changed().await.is_ok() {
            self.is_due = self.sending != Sending::Not;
        } else {
            self.has_source = false;
            std::future::pending::<()>().await;
        }
    }

    /// Writes the newest status when one is due.
    pub(super) fn feed(&mut self, publisher: &mut Publisher<'_>, codec: Codec, out: &mut BytesMut, now: Instant) {
        if self.is_due && !self.is_on_its_way {
            let payload = self.current.borrow_and_update().clone();
            self.is_on_its_way = self.send(publisher, Sent::Status, payload, codec, out, now);
            self.is_due = !self.is_on_its_way && self.sending != Sending::Not;
        }
    }

    /// Whether a status is due, or has not been answered.
    pub(super) const fn is_waiting(&self) -> bool {
        self.is_due || self.is_on_its_way
    }

    /// Whether no status is sent on this connection.
    pub(super) fn is_given_up(&self) -> bool {
        self.sending == Sending::Not
    }

    /// The broker has answered a status.
    pub(super) fn on_answer(&mut self, reason: Reason) {
        self.is_on_its_way = false;
        self.trouble = reason.is_error().then(|| {
            format!(
                "the broker refuses the status message on `{}` ({reason}); allow this topic or choose another \
                 `adapter.status_topic`",
                self.topic
            )
        });
    }

    /// What the broker refuses, in a sentence with the way out.
    pub(super) fn trouble(&self) -> Option<String> {
        let is_less = !self.limits.keeps_retained && self.sending == Sending::Whole;
        self.trouble.clone().or_else(|| {
            is_less.then(|| {
                format!(
                    "the broker keeps no retained messages, so the status message on `{}` (`adapter.status_topic`) is sent \
                     without the retain bit: who subscribes later does not see it, nor other retained messages",
                    self.topic
                )
            })
        })
    }

    /// Writes the last status. Returns whether it is on its way.
    pub(super) fn feed_offline(
        &mut self,
        publisher: &mut Publisher<'_>,
        codec: Codec,
        out: &mut BytesMut,
        now: Instant,
    ) -> bool {
        self.sending != Sending::Not
            && self.send(publisher, Sent::Offline, self.offline.since(Timestamp::now()), codec, out, now)
    }

    fn send(
        &mut self,
        publisher: &mut Publisher<'_>,
        sent: Sent,
        payload: Bytes,
        codec: Codec,
        out: &mut BytesMut,
        now: Instant,
    ) -> bool {
        let topic = self.topic.as_str();
        let bytes = publish_bytes(codec.version(), topic.len(), payload.len(), Qos::AtLeastOnce, None);
        if bytes > self.limits.max_packet_bytes {
            self.give_up(&format!("it has {bytes} bytes and the broker takes {}", self.limits.max_packet_bytes));
            return false;
        }
        let is_retained = self.sending == Sending::Whole && self.limits.keeps_retained;
        let status = Publication { topic, qos: Qos::AtLeastOnce, is_retained, payload, properties: None };
        match publisher.send_own(sent, now, |id| codec.publish(out, id, &status)) {
            Ok(is_sent) => is_sent,
            Err(error) => {
                self.give_up(&error.to_string());
                false
            }
        }
    }

    fn give_up(&mut self, reason: &str) {
        self.sending = Sending::Not;
        self.is_due = false;
        self.trouble = Some(format!(
            "the status message on `{}` is left out: {reason}; raise the broker's limit or shorten \
             `adapter.status_topic`",
            self.topic
        ));
    }
}
