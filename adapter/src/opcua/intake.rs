//! From one Publish response to one batch in the ingress queue.

use std::sync::Arc;

use opcua::types::{DataChangeNotification, DataValue};
use opcua::types::{DateTime, ExtensionObject, MonitoredItemNotification, StatusChangeNotification, Variant};
use prometheus::{Gauge, IntCounter};

use super::{status, structure::Structures, variant};
use crate::{
    config::effective::Tag,
    domain::{Severity, StatusCode, TagId, TagUpdate, TagValue, Timestamp, UpdateFlags},
    pipeline::ingress::IngressSender,
    telemetry::Metrics,
};

/// Client handles are tag ids, moved by one: the library takes 0 for a handle that it may choose itself.
const FIRST_HANDLE: u32 = 1;

/// The client handle of a tag's MonitoredItem.
pub(super) fn handle_of(tag: TagId) -> u32 {
    tag.0.saturating_add(FIRST_HANDLE)
}

/// Converts values, counts them and offers them to the pipeline. It never waits.
pub(super) struct Intake {
    ingress: IngressSender,
    tags: Arc<[Tag]>,
    counters: Counters,
    /// By tag: no value has come yet in this session.
    awaits_initial: Vec<bool>,
    structures: Arc<Structures>,
}

/// Counters looked up once; a look-up by label costs more than a value may.
struct Counters {
    good: IntCounter,
    uncertain: IntCounter,
    bad: IntCounter,
    overflows: IntCounter,
    dropped: IntCounter,
    clock_skew: Gauge,
}

/// What one batch adds to the counters.
#[derive(Default)]
struct Tally {
    good: u64,
    uncertain: u64,
    bad: u64,
    overflows: u64,
    newest: Option<Timestamp>,
}

impl Intake {
    /// For these tags, into this queue.
    pub(super) fn new(ingress: IngressSender, tags: Arc<[Tag]>, metrics: &Metrics) -> Self {
        let values = |severity: Severity| metrics.opcua_values.with_label_values(&[severity.as_str()]);
        let counters = Counters {
            good: values(Severity::Good),
            uncertain: values(Severity::Uncertain),
            bad: values(Severity::Bad),
            overflows: metrics.opcua_overflows.clone(),
            dropped: metrics.ingress_dropped.with_label_values(&["ingress_full"]),
            clock_skew: metrics.clock_skew_seconds.clone(),
        };
        let awaits_initial = vec![true; tags.len()];
        let structures = Structures::new(Arc::clone(&tags), ingress.clone(), counters.dropped.clone());
        Self { ingress, tags, counters, awaits_initial, structures: Arc::new(structures) }
    }

    /// New MonitoredItems repeat the current value first.
    pub(super) fn begin_session(&mut self) {
        self.awaits_initial.fill(true);
        self.structures.begin_session();
    }

    /// What waits for its type waits no more.
    pub(super) fn end_session(&mut self) {
        self.structures.end_session();
    }

    /// Where values wait for their type.
    pub(super) fn structures(&self) -> Arc<Structures> {
        Arc::clone(&self.structures)
    }

    /// Messages of the server are lost, as many as are known; they were sent between these two times.
    pub(super) fn announce_lost(&self, messages: u64, from: Timestamp, to: Timestamp) {
        self.ingress.note_missing(messages, from, to);
    }

    /// Takes what one Publish response carried. Returns the status of the Subscription where the server says that it
    /// has changed, which means that it is gone.
    pub(super) fn take(&mut self, notifications: Vec<ExtensionObject>) -> Option<StatusCode> {
        let received_at = Timestamp::now();
        let mut batch = Vec::new();
        let mut tally = Tally::default();
        let mut ended = None;
        for notification in notifications {
            if notification.inner_is::<DataChangeNotification>() {
                let data = notification.into_inner_as::<DataChangeNotification>();
                let items = data.and_then(|data| data.monitored_items).unwrap_or_default();
                self.convert(items, received_at, &mut batch, &mut tally);
            } else if let Some(change) = notification.inner_as::<StatusChangeNotification>() {
                ended = Some(status::from_library(change.status));
            }
        }
        self.counters.add(&tally, received_at);
        let dropped = self.ingress.offer(batch);
        self.counters.dropped.inc_by(dropped as u64);
        ended
    }

    fn convert(
        &mut self,
        items: Vec<MonitoredItemNotification>,
        received_at: Timestamp,
        batch: &mut Vec<TagUpdate>,
        tally: &mut Tally,
    ) {
        batch.reserve_exact(items.len());
        for item in items {
            let Some(tag) = self.tag_of(item.client_handle) else { continue };
            let (mut update, variant) = self.update(tag, item.value, received_at);
            tally.count(&update);
            if self.structures.may_pass(tag, &variant) {
                update.value = variant::from_variant(variant).unwrap_or(TagValue::Null);
                batch.push(update);
            } else {
                self.structures.take(update, variant, batch);
            }
        }
    }

    /// A server that sends a handle of its own invention is not worth a panic.
    fn tag_of(&self, handle: u32) -> Option<TagId> {
        handle.checked_sub(FIRST_HANDLE).map(TagId).filter(|tag| tag.index() < self.tags.len())
    }

    /// The update without its value, and the value as it came.
    fn update(&mut self, tag: TagId, data: DataValue, received_at: Timestamp) -> (TagUpdate, Variant) {
        let status = data.status.map_or(StatusCode::GOOD, status::from_library);
        let flags = UpdateFlags {
            is_initial: std::mem::take(&mut self.awaits_initial[tag.index()]),
            has_overflow: status.has_overflow(),
            ..UpdateFlags::default()
        };
        let update = TagUpdate {
            tag,
            value: TagValue::Null,
            status,
            source_timestamp: time(data.source_timestamp),
            server_timestamp: time(data.server_timestamp),
            received_at,
            flags,
        };
        (update, data.value.unwrap_or_default())
    }
}

impl Tally {
    fn count(&mut self, update: &TagUpdate) {
        match update.status.severity() {
            Severity::Good => self.good += 1,
            Severity::Uncertain => self.uncertain += 1,
            Severity::Bad => self.bad += 1,
        }
        self.overflows += u64::from(update.flags.has_overflow);
        self.newest = self.newest.max(update.server_timestamp);
    }
}

impl Counters {
    fn add(&self, tally: &Tally, received_at: Timestamp) {
        self.good.inc_by(tally.good);
        self.uncertain.inc_by(tally.uncertain);
        self.bad.inc_by(tally.bad);
        self.overflows.inc_by(tally.overflows);
        if let Some(newest) = tally.newest {
            self.clock_skew.set(received_at.seconds_since(newest));
        }
    }
}

/// Servers write the beginning of OPC UA's time, 1601, where they have none.
fn time(timestamp: Option<DateTime>) -> Option<Timestamp> {
    timestamp.filter(|timestamp| !timestamp.is_null()).map(variant::from_date_time)
}

#[cfg(test)]
mod tests {
    use opcua::types::StatusCode as Code;

    use super::*;
    use crate::{
        opcua::test_support::tag,
        pipeline::ingress::{IngressReceiver, ingress},
    };

    fn intake(tag_count: u32, capacity: usize) -> (Intake, IngressReceiver, Arc<Metrics>) {
        let (sender, receiver) = ingress(capacity);
        let metrics = Arc::new(Metrics::new("a"));
        let tags: Arc<[Tag]> = (0..tag_count).map(|number| tag(&format!("t{number}"), 3, "x")).collect();
        (Intake::new(sender, tags, &metrics), receiver, metrics)
    }

    fn notification(items: impl IntoIterator<Item = (u32, DataValue)>) -> ExtensionObject {
        let items = items.into_iter().map(|(client_handle, value)| MonitoredItemNotification { client_handle, value });
        ExtensionObject::from_message(DataChangeNotification {
            monitored_items: Some(items.collect()),
            diagnostic_infos: None,
        })
    }

    fn value(number: f64) -> DataValue {
        DataValue::value_only(number)
    }

    #[tokio::test]
    async fn one_response_is_one_batch_with_one_time_of_receipt() {
        let (mut intake, mut receiver, _) = intake(2, 10);
        intake.take(vec![notification([(1, value(1.0)), (2, value(2.0))]), notification([(1, value(3.0))])]);
        let batch = receiver.receive().await.unwrap();
        let values: Vec<_> = batch.iter().map(|update| (update.tag.0, update.value.as_number().unwrap())).collect();
        assert_eq!(values, [(0, 1.0), (1, 2.0), (0, 3.0)]);
        assert!(batch.iter().all(|update| update.received_at == batch[0].received_at));
    }

    #[tokio::test]
    async fn only_the_first_value_of_a_session_is_initial() {
        let (mut intake, mut receiver, _) = intake(2, 10);
        intake.take(vec![notification([(1, value(1.0)), (1, value(2.0)), (2, value(3.0))])]);
        intake.begin_session();
        intake.take(vec![notification([(1, value(4.0))])]);
        let mut is_initial = Vec::new();
        for _ in 0..2 {
            is_initial.extend(receiver.receive().await.unwrap().iter().map(|update| update.flags.is_initial));
        }
        assert_eq!(is_initial, [true, false, true, true]);
    }

    #[tokio::test]
    async fn status_times_and_overflow_come_along() {
        let (mut intake, mut receiver, metrics) = intake(1, 10);
        let mut data = value(1.0);
        data.status = Some(Code::from(Code::BadSensorFailure.bits() | 0x480));
        data.source_timestamp = Some(DateTime::from(134_398_709_210_823_571_i64));
        data.server_timestamp = Some(DateTime::null());
        let mut empty = DataValue::null();
        empty.status = Some(Code::UncertainLastUsableValue);
        intake.take(vec![notification([(1, data), (1, empty)])]);
        let batch = receiver.receive().await.unwrap();
        assert_eq!(batch[0].status, StatusCode(0x808C_0480));
        assert!(batch[0].flags.has_overflow);
        assert_eq!(batch[0].source_timestamp, Some(Timestamp::from_opcua_ticks(134_398_709_210_823_571)));
        assert_eq!(batch[0].server_timestamp, None);
        assert_eq!(batch[1].value, TagValue::Null);
        assert_eq!(metrics.opcua_overflows.get(), 1);
        let counted = |quality: &str| metrics.opcua_values.with_label_values(&[quality]).get();
        assert_eq!((counted("good"), counted("uncertain"), counted("bad")), (0, 1, 1));
    }

    #[tokio::test]
    async fn foreign_handles_are_left_out() {
        let (mut intake, mut receiver, _) = intake(1, 10);
        intake.take(vec![notification([(0, value(1.0)), (2, value(2.0)), (u32::MAX, value(3.0)), (1, value(4.0))])]);
        assert_eq!(receiver.receive().await.unwrap().len(), 1);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let (mut intake, _receiver, metrics) = intake(1, 2);
        intake.take(vec![notification([(1, value(0.0))])]);
        intake.take(vec![notification([(1, value(1.0)), (1, value(2.0)), (1, value(3.0))])]);
        assert_eq!(metrics.ingress_dropped.with_label_values(&["ingress_full"]).get(), 3);
    }

    #[test]
    fn the_end_of_a_subscription_is_told() {
        let (mut intake, _receiver, _) = intake(1, 2);
        let change = StatusChangeNotification { status: Code::BadTimeout, ..StatusChangeNotification::default() };
        let ended = intake.take(vec![ExtensionObject::from_message(change)]);
        assert_eq!(ended, Some(StatusCode(Code::BadTimeout.bits())));
        assert_eq!(intake.take(Vec::new()), None);
    }
}
