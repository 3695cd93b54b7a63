//! Tests of `notification`: every message as a stranger may send it.

use opcua::types::{
    BinaryEncodable, ContextOwned, DataChangeNotification, DataValue, DateTime, ExtensionObject,
    MonitoredItemNotification, NotificationMessage, StatusChangeNotification, StatusCode as Code, Variant,
};

use super::*;
use crate::domain::TagValue;
use crate::opcua::value::{
    raw::Wire,
    test_support::{counted, endless, good, unreadable, value_only},
};

/// When all of them came.
const RECEIVED: Timestamp = Timestamp::from_unix_millis(1_700_000_000_000);
const DATA_CHANGE: u16 = 811;
const STATUS_CHANGE: u16 = 820;

fn message(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = 7_u32.to_le_bytes().to_vec();
    bytes.extend(134_398_709_210_823_571_i64.to_le_bytes());
    bytes.extend(i32::try_from(parts.len()).unwrap().to_le_bytes());
    bytes.extend(parts.concat());
    bytes
}

/// A part with this length, whatever its body is.
fn part(encoding: u16, length: i32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0];
    bytes.extend(encoding.to_le_bytes());
    bytes.push(1);
    bytes.extend(length.to_le_bytes());
    bytes.extend(body);
    bytes
}

fn whole(encoding: u16, body: &[u8]) -> Vec<u8> {
    part(encoding, i32::try_from(body.len()).unwrap(), body)
}

/// The body of a `DataChangeNotification` of these values, with handles from 1 on.
fn items(values: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = i32::try_from(values.len()).unwrap().to_le_bytes().to_vec();
    for (handle, value) in (1_u32..).zip(values) {
        bytes.extend(handle.to_le_bytes());
        bytes.extend(value);
    }
    // No diagnostics.
    bytes.extend((-1_i32).to_le_bytes());
    bytes
}

fn read(bytes: Vec<u8>) -> Notification {
    let body = Bytes::from(bytes);
    Notification::read(&mut Reader::new(&body), &body, RECEIVED).unwrap()
}

/// Handles and numbers; NaN for what is none.
fn numbers(part: &Part) -> Vec<(u32, f64)> {
    let Part::DataChange { items, .. } = part else { panic!("no values: {part:?}") };
    let number = |item: &Item| match &item.value.value {
        Wire::Plain(TagValue::Double(number)) => (item.client_handle, *number),
        _ => (item.client_handle, -1.0),
    };
    items.iter().map(number).collect()
}

fn why(part: &Part) -> Option<&Malformed> {
    let Part::DataChange { unreadable, .. } = part else { panic!("no values: {part:?}") };
    unreadable.as_ref()
}

#[test]
fn what_the_library_sends_is_read() {
    let item = |client_handle, value: Variant| MonitoredItemNotification {
        client_handle,
        value: DataValue { status: Some(Code::UncertainInitialValue), ..DataValue::value_only(value) },
    };
    let data = DataChangeNotification {
        monitored_items: Some(vec![item(1, 1.5.into()), item(2, "x".into())]),
        diagnostic_infos: None,
    };
    let status = StatusChangeNotification { status: Code::BadTimeout, ..StatusChangeNotification::default() };
    let message = NotificationMessage {
        sequence_number: 4_000_000_000,
        publish_time: DateTime::from(134_398_709_210_823_571_i64),
        notification_data: Some(vec![ExtensionObject::from_message(data), ExtensionObject::from_message(status)]),
    };
    let body = Bytes::from(message.encode_to_vec(&ContextOwned::default().context()));
    let mut reader = Reader::new(&body);
    let found = Notification::read(&mut reader, &body, RECEIVED).unwrap();
    assert_eq!(reader.end(), Ok(()));
    assert_eq!(found.sequence_number, 4_000_000_000);
    assert_eq!(found.publish_time, Some(Timestamp::from_opcua_ticks(134_398_709_210_823_571)));
    let expected = |client_handle, value: Variant| Item {
        client_handle,
        value: RawValue::of_library(&item(client_handle, value).value),
    };
    let items = vec![expected(1, 1.5.into()), expected(2, "x".into())];
    let parts = [Part::DataChange { items, unreadable: None }, Part::StatusChange(StatusCode(Code::BadTimeout.bits()))];
    assert_eq!(found.parts, parts);
}

#[test]
fn a_keep_alive_carries_nothing() {
    for count in [0_i32, -1, -2] {
        let mut bytes = message(&[]);
        bytes.truncate(12);
        bytes.extend(count.to_le_bytes());
        assert_eq!(read(bytes).parts, []);
    }
    let cut = Bytes::from(vec![0; 15]);
    assert!(Notification::read(&mut Reader::new(&cut), &cut, RECEIVED).is_err());
}

#[test]
fn one_malformed_item_costs_no_other() {
    for (what, variant) in unreadable() {
        let values = [good(1.0), value_only(&variant), good(3.0)];
        let behind = items(&[good(4.0)]);
        for length in [true, false] {
            let first = items(&values);
            let first = if length { whole(DATA_CHANGE, &first) } else { part(DATA_CHANGE, -1, &first) };
            let found = read(message(&[first, whole(DATA_CHANGE, &behind)]));
            assert_eq!(numbers(&found.parts[0]), [(1, 1.0), (2, -1.0), (3, 3.0)], "{what}");
            assert_eq!(numbers(&found.parts[1]), [(1, 4.0)], "{what}");
            assert!(found.parts.iter().all(|part| why(part).is_none()), "{what}");
        }
    }
}

#[test]
fn an_item_without_an_end_is_told_and_what_came_before_it_is_kept() {
    for (what, variant) in endless() {
        let cut = items(&[good(1.0), value_only(&variant), good(3.0)]);
        let behind = whole(DATA_CHANGE, &items(&[good(4.0)]));
        // Where the part says how long it is, only the rest of it is lost.
        let found = read(message(&[whole(DATA_CHANGE, &cut), behind.clone()]));
        assert_eq!(numbers(&found.parts[0]), [(1, 1.0), (2, -1.0)], "{what}");
        assert!(why(&found.parts[0]).is_some(), "{what}");
        assert_eq!((numbers(&found.parts[1]), why(&found.parts[1])), (vec![(1, 4.0)], None), "{what}");
        // And else everything behind it is.
        let found = read(message(&[behind, part(DATA_CHANGE, -1, &cut), whole(DATA_CHANGE, &items(&[good(5.0)]))]));
        assert_eq!(numbers(&found.parts[0]), [(1, 4.0)], "{what}");
        assert_eq!(numbers(&found.parts[1]), [(1, 1.0), (2, -1.0)], "{what}");
        assert!(why(&found.parts[1]).is_some() && found.parts.len() == 2, "{what}");
    }
}

#[test]
fn a_wrong_length_of_a_part_hides_none_of_its_items() {
    let body = items(&[good(1.0), good(2.0)]);
    let length = i32::try_from(body.len()).unwrap();
    for wrong in [-1, -2, 0, 1, 20, length - 1, length + 1, i32::MAX] {
        let found = read(message(&[part(DATA_CHANGE, wrong, &body)]));
        assert_eq!(numbers(&found.parts[0]), [(1, 1.0), (2, 2.0)], "{wrong}");
        assert_eq!(why(&found.parts[0]), None);
    }
    // What stands between the items and the end that is told is passed.
    let longer = [body, vec![1, 2, 3, 4, 5]].concat();
    let found = read(message(&[whole(DATA_CHANGE, &longer), whole(DATA_CHANGE, &items(&[good(3.0)]))]));
    assert_eq!(numbers(&found.parts[1]), [(1, 3.0)]);
}

#[test]
fn diagnostics_and_events_are_passed() {
    let mut body = items(&[good(1.0)]);
    body.truncate(body.len() - 4);
    // Two, of which one has another in it.
    body.extend([2, 0, 0, 0, 0x41, 5, 0, 0, 0, 0x10]);
    body.extend(counted(b"why"));
    body.push(0x0F);
    body.extend([0; 16]);
    let events = [vec![1, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0], vec![1, 1], vec![12], counted(b"x")].concat();
    let other = whole(9999, &[1, 2, 3]);
    let status = [&Code::BadTimeout.bits().to_le_bytes()[..], &[0x10], &counted(b"gone")].concat();
    let found = read(message(&[
        part(DATA_CHANGE, -1, &body),
        part(916, -1, &events),
        other,
        part(STATUS_CHANGE, -1, &status),
        vec![0, 0, 0],
        [&[0, 0, 2][..], &counted(b"<a/>")].concat(),
        whole(DATA_CHANGE, &items(&[good(2.0)])),
    ]));
    assert_eq!(numbers(&found.parts[0]), [(1, 1.0)]);
    assert_eq!(found.parts[1..3], [Part::Other, Part::Other]);
    assert_eq!(found.parts[3..6], [Part::StatusChange(StatusCode(Code::BadTimeout.bits())), Part::Other, Part::Other]);
    assert_eq!(numbers(&found.parts[6]), [(1, 2.0)]);
}

#[test]
fn a_part_that_nobody_can_pass_says_that_more_was_to_come() {
    for wrong in [part(9999, -1, &[1, 2]), vec![0, 0, 3, 0], vec![9, 0, 0], vec![0]] {
        let found = read(message(&[whole(STATUS_CHANGE, &[0, 0, 0, 0, 0]), wrong.clone()]));
        assert_eq!(found.parts[0], Part::StatusChange(StatusCode::GOOD));
        assert!(why(found.parts.last().unwrap()).is_some());
        let found = read(message(&[whole(DATA_CHANGE, &items(&[good(1.0)])), wrong]));
        assert_eq!(numbers(&found.parts[0]), [(1, 1.0)]);
        assert!(why(found.parts.last().unwrap()).is_some());
    }
}

#[test]
fn more_items_than_a_message_can_have_reserve_nothing() {
    let found = read(message(&[part(DATA_CHANGE, -1, &i32::MAX.to_le_bytes())]));
    assert_eq!((numbers(&found.parts[0]), why(&found.parts[0])), (Vec::new(), Some(&Malformed::TooMany)));
}
