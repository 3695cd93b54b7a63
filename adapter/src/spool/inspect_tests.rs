//! Looking at spools that a log has written, spoiled or is writing.

use std::fs;

use super::*;
use crate::{
    domain::{Epoch, Sequence},
    spool::{
        disk::Directory,
        log::Log,
        sample::message,
        simulated::{End, SimulatedDisk},
    },
};

/// Small enough that few messages fill several.
const SEGMENT_BYTES: u64 = 400;

fn log(disk: &SimulatedDisk, epoch: u64) -> Log {
    Log::open(Arc::new(disk.clone()), Epoch(epoch), SEGMENT_BYTES).unwrap().0
}

fn append(log: &mut Log, sequences: impl IntoIterator<Item = u64>) {
    for sequence in sequences {
        let position = log.newest().next();
        log.append([(position, &message("a", sequence))].into_iter()).unwrap();
    }
}

/// The positions and sequences that a walk shows, and what it has passed.
fn look(lane: &LaneFiles) -> (Vec<(u64, u64)>, Passed) {
    let mut seen = Vec::new();
    let passed = lane
        .walk(|position, message| {
            seen.push((position.0, message.sequence.map_or(0, |Sequence(sequence)| sequence)));
            ControlFlow::Continue(())
        })
        .unwrap();
    (seen, passed)
}

fn open(disk: &SimulatedDisk) -> LaneFiles {
    LaneFiles::open(Arc::new(disk.clone())).unwrap()
}

fn files(disk: &SimulatedDisk) -> Vec<(String, u64)> {
    let mut files = disk.list().unwrap();
    files.sort();
    files
}

#[test]
fn what_a_log_holds_is_shown_while_it_is_written_and_nothing_is_changed() {
    let disk = SimulatedDisk::default();
    let mut log = log(&disk, 3);
    append(&mut log, 1..=9);
    log.write_cursor(Position(2)).unwrap();
    let before = files(&disk);
    let lane = open(&disk);
    let (seen, passed) = look(&lane);
    assert_eq!(seen, (1..=9).map(|number| (number, number)).collect::<Vec<_>>());
    assert_eq!(lane.acknowledged(), Position(2));
    assert_eq!(passed.bytes, log.bytes());
    let whole = Passed { segments: passed.segments, bytes: passed.bytes, ..Passed::default() };
    assert_eq!(passed, whole, "nothing is damaged");
    assert!(passed.segments > 2, "{passed:?}");
    assert_eq!(files(&disk), before);
    // What comes between two looks is seen by the second.
    append(&mut log, [10]);
    assert_eq!(look(&open(&disk)).0.len(), 10);
}

#[test]
fn a_segment_that_goes_between_the_list_and_the_look_is_no_error() {
    let disk = SimulatedDisk::default();
    let mut log = log(&disk, 1);
    append(&mut log, 1..=9);
    let lane = open(&disk);
    log.release(Position(5));
    let (seen, passed) = look(&lane);
    assert!(seen.first().is_some_and(|(position, _)| (2..=6).contains(position)), "{seen:?}");
    assert_eq!(seen.last(), Some(&(9, 9)));
    assert_eq!((passed.damaged_segments, passed.unreadable_messages), (0, 0));
}

#[test]
fn half_a_record_at_the_end_is_unfinished_and_stays_where_it_is() {
    let disk = SimulatedDisk::default();
    append(&mut log(&disk, 1), 1..=2);
    disk.change(".seg", |bytes| bytes.truncate(bytes.len() - 3));
    disk.restart(End::Killed);
    let before = files(&disk);
    let (seen, passed) = look(&open(&disk));
    assert_eq!(seen, [(1, 1)]);
    assert!(passed.unfinished_bytes > 0 && passed.damaged_segments == 0, "{passed:?}");
    assert_eq!(files(&disk), before, "nothing was cut");
}

#[test]
fn damage_is_counted_in_segments_bytes_and_messages() {
    let disk = SimulatedDisk::default();
    let mut log = log(&disk, 1);
    append(&mut log, 1..=3);
    log.close().unwrap();
    let (_, whole) = look(&open(&disk));
    let mut spoilt = 0;
    disk.change(".seg", |bytes| {
        // The second message of the segment.
        let at = bytes.windows(12).position(|window| window == b"\"sequence\":2").unwrap();
        bytes[at] ^= 1;
        spoilt += 1;
    });
    assert_eq!(spoilt, 1, "one segment holds all");
    let (seen, passed) = look(&open(&disk));
    assert_eq!(seen, [(1, 1), (3, 3)]);
    assert_eq!((passed.damaged_segments, passed.unreadable_messages), (1, 1));
    assert!((55..200).contains(&passed.damaged_bytes), "{passed:?}");
    assert_eq!((passed.bytes, passed.unfinished_bytes), (whole.bytes, 0));

    disk.change(".seg", |bytes| bytes[0] ^= 1);
    let (seen, passed) = look(&open(&disk));
    assert_eq!((seen.len(), passed.damaged_segments, passed.damaged_bytes), (0, 1, whole.bytes));
}

#[test]
fn a_look_ends_when_enough_was_seen() {
    let disk = SimulatedDisk::default();
    append(&mut log(&disk, 1), 1..=9);
    let mut seen = 0;
    let visit = |_, _: &OutboundMessage| {
        seen += 1;
        ControlFlow::Break(())
    };
    open(&disk).walk(visit).unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn directories_are_found_by_broker_and_none_is_made() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(SpoolFiles::all(state.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
    let directory = |broker: &str| state.path().join("spool").join(broker);
    fs::create_dir_all(directory("west")).unwrap();
    let values = Directory::open(directory("cloud").join("values")).unwrap();
    fs::write(directory("cloud").join("dead-letters.jsonl"), "{}\n\n{\"a\":1}\n").unwrap();
    fs::write(directory("cloud").join("dead-letters.old.jsonl"), "{}\n").unwrap();
    let mut log = Log::open(Arc::new(values), Epoch(1), SEGMENT_BYTES).unwrap().0;
    append(&mut log, 1..=2);

    let all = SpoolFiles::all(state.path()).unwrap();
    assert_eq!(all.iter().map(|files| files.broker.as_str()).collect::<Vec<_>>(), ["cloud", "west"]);
    assert_eq!(look(&all[0].lane(Lane::Values).unwrap().unwrap()).0, [(1, 1), (2, 2)]);
    assert_eq!(all[0].dead_letters().unwrap(), Some(DeadLetterCount { messages: 3, bytes: 15 }));
    for (files, lane) in [(&all[0], Lane::Urgent), (&all[1], Lane::Urgent), (&all[1], Lane::Values)] {
        assert!(files.lane(lane).unwrap().is_none());
    }
    assert_eq!(all[1].dead_letters().unwrap(), None);
    assert!(!directory("cloud").join("urgent").exists() && !directory("west").join("values").exists());
}

#[test]
fn the_files_are_opened_to_be_read_only() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("x.seg"), "abc").unwrap();
    let directory = ReadOnlyDirectory { path: state.path().to_owned() };
    let file = directory.open("x.seg").unwrap();
    assert!(file.write_at(b"z", 0).is_err() && file.truncate(0).is_err());
    assert!(directory.create("y").is_err() && directory.remove("x.seg").is_err());
    assert!(directory.replace("x.seg", "y").is_err());
    assert_eq!(fs::read(state.path().join("x.seg")).unwrap(), b"abc");
}
