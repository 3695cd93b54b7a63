//! Both lanes of a spool on a simulated disk.

use std::{sync::Arc, time::Duration};

use super::{
    DropCause, Position, Spool, SpoolDisks, SpoolOptions, Tails,
    sample::message,
    simulated::{End, SimulatedDisk},
};
use crate::{
    domain::{Epoch, Lane, OutboundMessage, Sequence, Timestamp},
    telemetry::Metrics,
};

#[derive(Debug, Default)]
struct Disks {
    urgent: SimulatedDisk,
    values: SimulatedDisk,
}

impl Disks {
    fn open(&self, epoch: u64, options: SpoolOptions) -> (Spool, Metrics) {
        let metrics = Metrics::new("test");
        let disks = SpoolDisks {
            urgent: Arc::new(self.urgent.clone()),
            values: Arc::new(self.values.clone()),
            dead_letters: None,
        };
        (Spool::open("broker", disks, Epoch(epoch), options, &metrics).unwrap(), metrics)
    }

    fn spool(&self) -> Spool {
        self.open(1, SpoolOptions::default()).0
    }

    fn restart(&self, end: End) -> Spool {
        self.urgent.restart(end);
        self.values.restart(end);
        self.open(2, SpoolOptions::default()).0
    }
}

fn batch(sequences: impl IntoIterator<Item = u64>) -> Vec<OutboundMessage> {
    sequences.into_iter().map(|sequence| message("a", sequence)).collect()
}

fn read(spool: &Spool, lane: Lane, max: usize) -> Vec<u64> {
    let mut taken = Vec::new();
    spool.read(lane, max, &mut taken);
    taken.iter().map(|(position, _)| position.0).collect()
}

fn dropped(spool: &Spool) -> Vec<(DropCause, u64, u64, u64)> {
    let ranges = spool.take_dropped().into_iter();
    ranges
        .filter_map(|range| range.sequences.map(|(first, last)| (range.cause, range.epoch.0, first.0, last.0)))
        .collect()
}

#[test]
fn messages_are_read_once_and_again_after_the_connection_is_lost() {
    let spool = Disks::default().spool();
    assert_eq!(spool.append(Lane::Values, batch(1..=5)), Position(5));
    assert_eq!(read(&spool, Lane::Values, 3), [1, 2, 3]);
    assert_eq!(read(&spool, Lane::Values, 3), [4, 5]);
    spool.acknowledge(Lane::Values, Position(2));
    spool.broker_left();
    assert_eq!(read(&spool, Lane::Values, 9), [3, 4, 5]);
    spool.acknowledge(Lane::Values, Position(5));
    assert!(spool.is_empty());
    assert_eq!(spool.len(), 0);
}

#[test]
fn a_message_comes_back_from_the_disk_as_it_was() {
    let disks = Disks::default();
    let mut whole = message("a", 7);
    whole.user_properties = vec![("anomaly-score".into(), "0.5".to_owned())];
    whole.correlation_data = Some(bytes::Bytes::from_static(&[0, 255]));
    let route = Arc::get_mut(&mut whole.route).expect("a route of its own");
    route.content_type = Some("application/json".to_owned());
    disks.spool().append(Lane::Urgent, vec![whole.clone(), message("b", 1)]);
    let mut taken = Vec::new();
    disks.restart(End::Killed).read(Lane::Urgent, 9, &mut taken);
    let (position, found) = &taken[0];
    assert_eq!((position, found.epoch), (&Position(1), Some(Epoch(1))));
    assert_eq!(format!("{:?}", OutboundMessage { epoch: None, ..found.clone() }), format!("{whole:?}"));
    assert_eq!(taken[1].1.route.topic.as_str(), "b");
}

#[test]
fn a_restart_goes_on_behind_the_cursor() {
    let disks = Disks::default();
    let spool = disks.spool();
    spool.append(Lane::Values, batch(1..=10));
    read(&spool, Lane::Values, 6);
    spool.acknowledge(Lane::Values, Position(6));
    spool.tick(Timestamp::from_unix_millis(0));
    let spool = disks.restart(End::Killed);
    assert_eq!(spool.len(), 4);
    assert_eq!(read(&spool, Lane::Values, 99), [7, 8, 9, 10]);
    assert_eq!(spool.append(Lane::Values, batch(1..=1)), Position(11));
}

#[test]
fn what_was_half_written_is_cut_off_and_the_rest_is_there() {
    let disks = Disks::default();
    disks.spool().append(Lane::Values, batch(1..=5));
    disks.values.change(".seg", |bytes| bytes.truncate(bytes.len() - 3));
    let spool = disks.restart(End::Killed);
    assert_eq!(read(&spool, Lane::Values, 9), [1, 2, 3, 4]);
}

#[test]
fn a_flipped_bit_costs_its_message_and_is_announced() {
    let disks = Disks::default();
    let spool = disks.spool();
    spool.append(Lane::Values, batch(1..=20));
    let mut at = 0;
    disks.values.change(".seg", |bytes| {
        at = bytes.len() / 2;
        bytes[at] ^= 4;
    });
    // What waits in memory is untouched; the next process has only the disk.
    let spool = disks.restart(End::Killed);
    let found = read(&spool, Lane::Values, 99);
    assert_eq!(found.len(), 19);
    let lost = (1..=20).find(|position| !found.contains(position)).unwrap();
    assert_eq!(dropped(&spool), [(DropCause::Disk, 1, lost, lost)]);
    assert!(at > 0);
}

#[test]
fn what_is_missing_at_the_end_of_a_segment_that_was_cut_short_is_announced() {
    let disks = Disks::default();
    let spool = disks.spool();
    spool.append(Lane::Values, batch(1..=20));
    spool.close();
    disks.values.change(".seg", |bytes| bytes.truncate(bytes.len() / 2));
    let spool = disks.restart(End::Killed);
    let found = read(&spool, Lane::Values, 99);
    let last = found.len() as u64;
    assert!(found.iter().copied().eq(1..=last) && last > 5 && last < 15, "{found:?}");
    assert_eq!(dropped(&spool), [(DropCause::Disk, 1, last + 1, 20)]);
    assert_eq!(spool.append(Lane::Values, batch([1])), Position(21), "no position is used twice");
    assert_eq!(read(&spool, Lane::Values, 99), [21]);
}

#[test]
fn what_is_missing_at_the_beginning_of_a_segment_is_announced() {
    let disks = Disks::default();
    let spool = disks.spool();
    spool.append(Lane::Values, [message("a", 1), message("b", 1)].into());
    spool.append(Lane::Values, (2..=20).map(|sequence| message("b", sequence)).collect());
    spool.close();
    // The head of the file stays, and the first records, with all that is known of `a`, are gone.
    disks.values.change(".seg", |bytes| bytes[28..300].fill(0));
    let spool = disks.restart(End::Killed);
    let mut taken = Vec::new();
    while spool.read(Lane::Values, 99, &mut taken) > 0 {}
    let found: Vec<u64> = taken.iter().filter_map(|(_, message)| message.sequence).map(|it| it.0).collect();
    let lost: u64 = spool.take_dropped().iter().map(|range| range.count).sum();
    assert_eq!(found.len() as u64 + lost, 21, "{found:?}");
}

#[test]
fn a_segment_cut_short_between_others_is_announced_and_the_rest_is_there() {
    let disks = Disks::default();
    let options = SpoolOptions { max_bytes: 64 << 10, ..SpoolOptions::default() };
    let (spool, _) = disks.open(1, options);
    for sequence in 1..=300 {
        spool.append(Lane::Values, batch([sequence]));
    }
    let mut count = 0;
    disks.values.change(".seg", |bytes| {
        count += 1;
        if count == 2 {
            bytes.truncate(bytes.len() / 2);
        }
    });
    assert!(count > 3, "{count} segments");
    let spool = disks.restart(End::Killed);
    let mut taken = Vec::new();
    while spool.read(Lane::Values, 99, &mut taken) > 0 {}
    let found: Vec<u64> = taken.iter().map(|(position, _)| position.0).collect();
    let [(DropCause::Disk, 1, first, last)] = dropped(&spool)[..] else { panic!("one range") };
    assert!(found.iter().copied().eq((1..first).chain(last + 1..=300)), "{first} to {last}: {found:?}");
}

#[test]
fn retention_drops_whole_segments_and_names_what_goes() {
    let disks = Disks::default();
    let (spool, _) = disks.open(1, SpoolOptions { max_bytes: 20_000, ..SpoolOptions::default() });
    for sequence in 1..=400 {
        spool.append(Lane::Values, batch([sequence]));
    }
    let gone = dropped(&spool);
    let [(DropCause::Retention, 1, 1, last)] = gone.as_slice() else { panic!("{gone:?}") };
    let kept = read(&spool, Lane::Values, 999);
    assert!(kept.iter().copied().eq(last + 1..=400), "{last} {:?}", kept.first());
    assert!(kept.len() > 50, "the newest are kept");
}

#[test]
fn a_segment_with_messages_in_hand_is_not_dropped() {
    let disks = Disks::default();
    let (spool, _) = disks.open(1, SpoolOptions { max_bytes: 20_000, ..SpoolOptions::default() });
    spool.append(Lane::Values, batch(1..=30));
    assert_eq!(read(&spool, Lane::Values, 10).len(), 10);
    for sequence in 31..=400 {
        spool.append(Lane::Values, batch([sequence]));
    }
    let [(DropCause::Retention, 1, first, last)] = dropped(&spool)[..] else { panic!("one range") };
    assert!(first > 30, "{first}");
    spool.broker_left();
    let all = read(&spool, Lane::Values, 999);
    assert!(all.iter().copied().eq((1..first).chain(last + 1..=400)), "{first} to {last}: {all:?}");
}

#[test]
fn values_make_room_for_urgent_messages() {
    let disks = Disks::default();
    let (spool, _) = disks.open(1, SpoolOptions { max_bytes: 20_000, ..SpoolOptions::default() });
    spool.append(Lane::Urgent, batch(1..=10));
    for sequence in 1..=400 {
        spool.append(Lane::Values, vec![message("v", sequence)]);
    }
    assert!(spool.take_dropped().iter().all(|range| range.topic.as_str() == "v"));
    assert_eq!(read(&spool, Lane::Urgent, 99).len(), 10);
}

#[test]
fn what_is_too_old_goes_by_the_segment() {
    let disks = Disks::default();
    let (spool, _) = disks.open(1, SpoolOptions { max_age: Duration::from_hours(1), ..SpoolOptions::default() });
    spool.append(Lane::Values, batch(1..=3));
    spool.tick(Timestamp::from_unix_millis(3_599_000));
    assert!(dropped(&spool).is_empty());
    spool.tick(Timestamp::from_unix_millis(3_601_000));
    assert_eq!(dropped(&spool), [(DropCause::Retention, 1, 1, 3)]);
    assert!(spool.is_empty());
}

#[test]
fn a_full_disk_degrades_to_bounded_memory_and_recovers() {
    let disks = Disks::default();
    let options = SpoolOptions { max_memory_bytes: 5_000, ..SpoolOptions::default() };
    let (spool, _) = disks.open(1, options);
    spool.append(Lane::Values, batch(1..=3));
    disks.values.set_full(true);
    spool.append(Lane::Values, batch(4..=6));
    assert!(spool.trouble().unwrap().contains("memory only"));
    assert_eq!(read(&spool, Lane::Values, 5), [1, 2, 3, 4, 5], "they go out all the same");
    for sequence in 7..=200 {
        spool.append(Lane::Values, batch([sequence]));
    }
    let gone = dropped(&spool);
    assert!(matches!(gone.as_slice(), [(DropCause::Disk, 1, 6, _)]), "{gone:?}");
    disks.values.set_full(false);
    spool.tick(Timestamp::from_unix_millis(0));
    assert_eq!(spool.trouble(), None);
    drop(spool);
    let found = read(&disks.restart(End::Killed), Lane::Values, 999);
    assert_eq!(found.last(), Some(&200));
    assert!(found.contains(&5), "what was in hand was written, too: {found:?}");
}

#[test]
fn large_messages_are_handed_out_few_at_a_time() {
    let disks = Disks::default();
    let large = |sequence| OutboundMessage { payload: vec![b'x'; 300_000].into(), ..message("a", sequence) };
    disks.spool().append(Lane::Values, (1..=20).map(large).collect());
    let spool = disks.restart(End::Killed);
    let mut found = Vec::new();
    while let taken @ [_, ..] = read(&spool, Lane::Values, 256).as_slice() {
        assert!(taken.len() <= 4, "{taken:?}");
        found.extend(taken.iter().copied());
    }
    assert!(found.into_iter().eq(1..=20));
}

#[test]
fn a_full_disk_is_not_taken_for_well_because_nothing_waits() {
    let disks = Disks::default();
    let spool = disks.spool();
    disks.values.set_full(true);
    spool.append(Lane::Values, batch(1..=3));
    read(&spool, Lane::Values, 9);
    spool.acknowledge(Lane::Values, Position(3));
    spool.tick(Timestamp::from_unix_millis(0));
    assert!(spool.trouble().is_some(), "nothing waits, and still it takes nothing");
    disks.values.set_full(false);
    spool.tick(Timestamp::from_unix_millis(0));
    assert_eq!(spool.trouble(), None);
}

#[test]
fn what_could_not_be_synced_is_written_once_more() {
    let disks = Disks::default();
    let spool = disks.spool();
    spool.append(Lane::Values, batch(1..=3));
    disks.values.set_full(true);
    spool.sync();
    spool.tick(Timestamp::from_unix_millis(0));
    assert!(spool.trouble().is_some(), "it has to be written once more, and the disk takes nothing yet");
    spool.append(Lane::Values, batch(4..=5));
    disks.values.set_full(false);
    spool.sync();
    spool.tick(Timestamp::from_unix_millis(0));
    assert_eq!(spool.trouble(), None);
    spool.sync();
    let found = read(&disks.restart(End::PowerCut { percent: 0 }), Lane::Values, 9);
    assert_eq!(found, [1, 2, 3, 4, 5]);
}

#[test]
fn a_block_that_cannot_be_read_is_passed_in_the_end_and_announced() {
    let disks = Disks::default();
    disks.spool().append(Lane::Values, batch(1..=500));
    let spool = disks.restart(End::Killed);
    disks.values.set_unreadable(Some(8_192..12_288));
    let mut found = Vec::new();
    let mut attempts = 0;
    while found.last() != Some(&500) && attempts < 100 {
        found.extend(read(&spool, Lane::Values, 999));
        attempts += 1;
    }
    assert!(attempts > 10, "the disk is asked more than once");
    let lost: Vec<u64> = (1..=500).filter(|position| !found.contains(position)).collect();
    let (first, last) = (lost[0], lost[lost.len() - 1]);
    assert!((first..=last).eq(lost) && last - first < 60, "one block: {first} to {last}");
    assert_eq!(dropped(&spool), [(DropCause::Disk, 1, first, last)]);
}

#[test]
fn a_segment_that_is_acknowledged_in_part_goes_with_age_and_takes_no_younger_one_with_it() {
    let disks = Disks::default();
    let (spool, _) = disks.open(1, SpoolOptions { max_age: Duration::from_hours(1), ..SpoolOptions::default() });
    let at_minute = |minute: i64| Timestamp::from_unix_millis(minute * 60_000);
    let append = |sequences: std::ops::RangeInclusive<u64>, minute: i64| {
        let created_at = at_minute(minute);
        let messages = sequences.map(|sequence| OutboundMessage { created_at, ..message("a", sequence) });
        spool.append(Lane::Values, messages.collect());
        spool.tick(at_minute(minute + 4));
    };
    append(1..=10, 0);
    assert_eq!(read(&spool, Lane::Values, 10).len(), 10);
    spool.acknowledge(Lane::Values, Position(5));
    spool.broker_left();
    append(11..=20, 30);
    append(21..=25, 50);
    assert!(dropped(&spool).is_empty());
    spool.tick(at_minute(61));
    assert_eq!(dropped(&spool), [(DropCause::Retention, 1, 6, 10)]);
    assert!(read(&spool, Lane::Values, 99).into_iter().eq(11..=25));
    assert_eq!(spool.len(), 15);
}

#[test]
fn a_lane_of_few_messages_drops_the_old_ones_too() {
    let disks = Disks::default();
    let (spool, _) = disks.open(1, SpoolOptions { max_age: Duration::from_hours(16), ..SpoolOptions::default() });
    let at_hour = |hour: u64| Timestamp::from_unix_millis(i64::try_from(hour * 3_600_000).unwrap());
    for hour in 0..40 {
        spool.append(Lane::Values, vec![OutboundMessage { created_at: at_hour(hour), ..message("a", hour + 1) }]);
        spool.tick(at_hour(hour));
    }
    let kept = read(&spool, Lane::Values, 99);
    assert!((16..=20).contains(&kept.len()), "{kept:?}");
}

#[test]
fn a_long_wait_is_on_the_disk_and_not_in_memory() {
    let disks = Disks::default();
    let (spool, _) = disks.open(1, SpoolOptions { max_memory_bytes: 2_000, ..SpoolOptions::default() });
    for sequence in 1..=5_000 {
        spool.append(Lane::Values, batch([sequence]));
    }
    assert_eq!(spool.len(), 5_000);
    let mut next = 1;
    while let [first, .., last] = read(&spool, Lane::Values, 256).as_slice() {
        assert_eq!(*first, next);
        next = last + 1;
        spool.acknowledge(Lane::Values, Position(*last));
    }
    assert_eq!(next, 5_001);
    assert!(dropped(&spool).is_empty());
}

#[test]
fn qos_0_is_taken_only_while_the_broker_is_here() {
    let weight = message("a", 1).weight();
    let (spool, _) =
        Disks::default().open(1, SpoolOptions { max_volatile_bytes: 2 * weight, ..SpoolOptions::default() });
    spool.append_volatile(batch(1..=2));
    assert_eq!(dropped(&spool), [(DropCause::Overflow, 1, 1, 2)]);
    spool.broker_arrived();
    spool.append_volatile(batch(3..=5));
    assert_eq!(dropped(&spool), [(DropCause::Overflow, 1, 3, 3)], "the freshest stay");
    let mut taken = Vec::new();
    assert_eq!(spool.read_volatile(1, &mut taken), 1);
    assert_eq!(taken[0].sequence, Some(Sequence(4)));
    spool.broker_left();
    assert_eq!(dropped(&spool), [(DropCause::Overflow, 1, 5, 5)]);
}

#[test]
fn the_tails_say_what_was_there_before_the_connection() {
    let spool = Disks::default().spool();
    spool.append(Lane::Values, batch(1..=3));
    assert_eq!(spool.broker_arrived(), Tails { urgent: Position(0), values: Position(3) });
}

#[test]
fn the_gauges_follow() {
    let (spool, metrics) = Disks::default().open(1, SpoolOptions::default());
    spool.append(Lane::Values, batch(1..=3));
    spool.tick(Timestamp::from_unix_millis(1_500));
    assert_eq!(metrics.spool_messages.with_label_values(&["broker"]).get(), 3);
    assert!((metrics.spool_oldest_age_seconds.with_label_values(&["broker"]).get() - 1.5).abs() < 1e-9);
    read(&spool, Lane::Values, 9);
    spool.acknowledge(Lane::Values, Position(3));
    spool.tick(Timestamp::from_unix_millis(1_500));
    assert_eq!(metrics.spool_messages.with_label_values(&["broker"]).get(), 0);
    assert!(metrics.spool_oldest_age_seconds.with_label_values(&["broker"]).get() < 1e-9);
}

#[tokio::test]
async fn an_append_before_the_wait_is_not_missed() {
    let spool = Disks::default().spool();
    spool.append(Lane::Values, batch(1..=1));
    spool.changed().await;
}
