use opcua::types::{
    ByteString, DataValue, DateTime, ExtensionObject, NodeId, StatusCode as Code, Variant, type_loader::ByteStringBody,
};

use super::*;
use crate::{
    opcua::{test_support::tag, value::reader::Malformed},
    pipeline::ingress::{IngressReceiver, ingress},
    supervisor::Board,
};

fn intake(tag_count: u32, capacity: usize) -> (Intake, IngressReceiver, Arc<Metrics>) {
    let (sender, receiver) = ingress(capacity);
    let metrics = Arc::new(Metrics::new("a"));
    let tags: Arc<[Tag]> = (0..tag_count).map(|number| tag(&format!("t{number}"), 3, "x")).collect();
    let table = TagTable::new(tags.len(), Arc::new(Board::new(tags.len())), Arc::clone(&metrics));
    let grants = TagGrants::new(tags.len());
    (Intake::new(sender, tags, Arc::new(table), Arc::new(grants), &metrics), receiver, metrics)
}

/// What has come long ago.
const RECEIVED: Timestamp = Timestamp::from_unix_millis(1_700_000_000_000);

fn take(intake: &Intake, parts: Vec<Part>) -> Taken {
    intake.take(parts, RECEIVED)
}

fn notification(items: impl IntoIterator<Item = (u32, DataValue)>) -> Part {
    let item = |(client_handle, value)| Item { client_handle, value: RawValue::of_library(&value) };
    Part::DataChange { items: items.into_iter().map(item).collect(), unreadable: None }
}

fn value(number: f64) -> DataValue {
    DataValue::value_only(number)
}

#[tokio::test]
async fn one_response_is_one_batch_with_one_time_of_receipt() {
    let (intake, mut receiver, _) = intake(2, 10);
    take(&intake, vec![notification([(1, value(1.0)), (2, value(2.0))]), notification([(1, value(3.0))])]);
    let batch = receiver.receive().await.unwrap();
    let values: Vec<_> = batch.iter().map(|update| (update.tag.0, update.value.as_number().unwrap())).collect();
    assert_eq!(values, [(0, 1.0), (1, 2.0), (0, 3.0)]);
    assert!(batch.iter().all(|update| update.received_at == RECEIVED));
}

#[tokio::test]
async fn only_the_first_value_of_a_session_is_initial() {
    let (intake, mut receiver, _) = intake(2, 10);
    take(&intake, vec![notification([(1, value(1.0)), (1, value(2.0)), (2, value(3.0))])]);
    intake.begin_session();
    take(&intake, vec![notification([(1, value(4.0))])]);
    let mut is_initial = Vec::new();
    for _ in 0..2 {
        is_initial.extend(receiver.receive().await.unwrap().iter().map(|update| update.flags.is_initial));
    }
    assert_eq!(is_initial, [true, false, true, true]);
}

#[tokio::test]
async fn status_times_and_overflow_come_along() {
    let (intake, mut receiver, metrics) = intake(1, 10);
    let mut data = value(1.0);
    data.status = Some(Code::from(Code::BadSensorFailure.bits() | 0x480));
    data.source_timestamp = Some(DateTime::from(134_398_709_210_823_571_i64));
    data.server_timestamp = Some(DateTime::null());
    let mut empty = DataValue::null();
    empty.status = Some(Code::UncertainLastUsableValue);
    take(&intake, vec![notification([(1, data), (1, empty)])]);
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
async fn what_waits_for_its_type_goes_at_the_end_of_the_session_and_says_that_it_is_undecoded() {
    let (intake, mut receiver, _) = intake(2, 10);
    let body = ByteStringBody::new(ByteString::from(vec![1, 2, 3]), NodeId::new(3, 5001));
    let object = DataValue::value_only(Variant::from(ExtensionObject::new(body)));
    take(&intake, vec![notification([(1, object), (2, value(1.0))])]);
    assert_eq!(receiver.receive().await.unwrap()[0].tag, TagId(1), "the other tag does not wait");
    intake.end_session();
    let batch = receiver.receive().await.unwrap();
    assert_eq!((batch[0].tag, batch[0].flags.is_undecoded), (TagId(0), true));
}

#[tokio::test]
async fn foreign_handles_are_left_out() {
    let (intake, mut receiver, _) = intake(1, 10);
    take(&intake, vec![notification([(0, value(1.0)), (2, value(2.0)), (u32::MAX, value(3.0)), (1, value(4.0))])]);
    assert_eq!(receiver.receive().await.unwrap().len(), 1);
}

#[test]
fn what_does_not_fit_is_counted() {
    let (intake, _receiver, metrics) = intake(1, 2);
    take(&intake, vec![notification([(1, value(0.0))])]);
    take(&intake, vec![notification([(1, value(1.0)), (1, value(2.0)), (1, value(3.0))])]);
    assert_eq!(metrics.ingress_dropped.with_label_values(&["ingress_full"]).get(), 3);
}

#[tokio::test]
async fn a_polled_value_that_found_no_room_goes_on_when_it_is_read_again() {
    let (sender, mut receiver) = ingress(1);
    let metrics = Arc::new(Metrics::new("a"));
    let mut polled = tag("polled", 3, "x");
    polled.subscription.mode = crate::config::effective::Mode::Poll;
    let tags: Arc<[Tag]> = Arc::new([polled, tag("other", 3, "y")]);
    let table = TagTable::new(tags.len(), Arc::new(Board::new(tags.len())), Arc::clone(&metrics));
    let grants = TagGrants::new(tags.len());
    let intake = Intake::new(sender, tags, Arc::new(table), Arc::new(grants), &metrics);
    intake.begin_session();
    let read = |number| intake.take_read(vec![(TagId(0), RawValue::of_library(&value(number)))]);
    read(1.0);
    receiver.receive().await.unwrap();
    take(&intake, vec![notification([(2, value(0.0))])]);
    read(2.0);
    receiver.receive().await.unwrap();
    read(2.0);
    let batch = receiver.receive().await.unwrap();
    assert_eq!(batch[0].value.as_number(), Some(2.0), "it has not gone on yet");
}

#[test]
fn the_end_of_a_subscription_is_told() {
    let (intake, _receiver, _) = intake(1, 2);
    let status = StatusCode(Code::BadTimeout.bits());
    let taken = take(&intake, vec![Part::Other, Part::StatusChange(status)]);
    assert_eq!(taken, Taken { ended: Some(status), is_incomplete: false });
    assert_eq!(take(&intake, Vec::new()), Taken::default());
}

#[tokio::test]
async fn one_undecodable_value_stops_no_other_and_keeps_its_status_and_times() {
    let (intake, mut receiver, _) = intake(3, 10);
    let malformed = Malformed::Dimensions { elements: 3 };
    let time = Some(Timestamp::from_unix_millis(1_700_000_000_000));
    let odd = RawValue {
        value: Wire::Unreadable(malformed.clone()),
        status: StatusCode(Code::UncertainLastUsableValue.bits()),
        source_timestamp: time,
        server_timestamp: None,
        is_lossy: false,
    };
    let items = [(1, RawValue::of_library(&value(1.0))), (2, odd), (3, RawValue::of_library(&value(3.0)))];
    let items = items.map(|(client_handle, value)| Item { client_handle, value }).to_vec();
    let taken = take(&intake, vec![Part::DataChange { items, unreadable: Some(malformed) }]);
    assert!(taken.is_incomplete);
    let batch = receiver.receive().await.unwrap();
    assert_eq!(batch.iter().map(|update| update.value.as_number()).collect::<Vec<_>>(), [Some(1.0), None, Some(3.0)]);
    assert_eq!((&batch[1].value, batch[1].flags.is_undecoded), (&TagValue::Null, true));
    assert_eq!((batch[1].status, batch[1].source_timestamp), (StatusCode(Code::UncertainLastUsableValue.bits()), time));
}

#[tokio::test]
async fn a_time_outside_the_calendar_spoils_no_look_at_the_clocks() {
    let (intake, mut receiver, metrics) = intake(2, 100);
    take(&intake, vec![notification([(1, value(0.0)), (2, value(0.0))])]);
    for number in 0..20 {
        let mut good = value(f64::from(number));
        good.source_timestamp = Some(DateTime::now());
        let mut odd = good.clone();
        odd.source_timestamp = Some(DateTime::from(if number % 2 == 0 { i64::MAX } else { 2_650_467_743_990_000_000 }));
        intake.take(vec![notification([(1, odd), (2, good)])], Timestamp::now());
    }
    assert!(metrics.source_skew_seconds.get().abs() < 60.0, "{}", metrics.source_skew_seconds.get());
    receiver.receive().await.unwrap();
    let batch = receiver.receive().await.unwrap();
    assert_eq!((batch[0].source_timestamp, batch[1].source_timestamp.is_some()), (None, true));
}

#[tokio::test]
async fn a_node_that_goes_is_said_once_and_what_comes_after_it_is_initial() {
    let (intake, mut receiver, metrics) = intake(2, 20);
    let gone = || DataValue { status: Some(Code::BadNodeIdUnknown), ..DataValue::null() };
    let state = |label: &str| metrics.tags.with_label_values(&[label]).get();
    intake.take_refusal(TagId(1), StatusCode(Code::BadNodeIdUnknown.bits()));
    take(&intake, vec![notification([(1, value(1.0)), (1, gone()), (1, gone())])]);
    intake.take_refusal(TagId(0), StatusCode(Code::BadNodeIdUnknown.bits()));
    assert_eq!(intake.lost_nodes().take_news().len(), 1, "its item is wanted anew, and that of tag 1 was never there");
    take(&intake, vec![notification([(1, value(2.0)), (1, value(3.0))])]);
    assert_eq!(state("active"), 1);
    let mut found = Vec::new();
    drop(intake);
    while let Some(batch) = receiver.receive().await {
        found.extend(batch.into_iter().map(|update| (update.tag.0, update.value.as_number(), update.flags.is_initial)));
    }
    let expected = [(0, Some(1.0), true), (0, None, false), (0, Some(2.0), true), (0, Some(3.0), false)];
    assert_eq!(found, expected);
}

#[test]
fn tags_of_which_nothing_has_come_are_told_some_at_a_time() {
    let (intake, _receiver, _) = intake(4, 10);
    take(&intake, vec![notification([(2, value(1.0))])]);
    let resting = |most| intake.resting((0..9).map(TagId), most);
    assert_eq!(resting(2), [TagId(0), TagId(2)]);
    assert_eq!(resting(9), [TagId(0), TagId(1), TagId(2), TagId(3)], "it has rested since");
}
