//! The spool against a model of itself that is too simple to be wrong: random work on a disk that fills up and crashes
//! at every call, by a process that is killed or loses its power.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    Position, Spool, SpoolDisks, SpoolOptions, SyncPolicy,
    sample::message,
    simulated::{End, SimulatedDisk},
};
use crate::{
    domain::{Epoch, Lane, OutboundMessage, Timestamp},
    telemetry::Metrics,
};

#[derive(Clone, Debug)]
enum Step {
    Append {
        is_urgent: bool,
        count: u64,
    },
    Read {
        is_urgent: bool,
        max: usize,
    },
    /// Acknowledges this share of what is in hand, in percent.
    Acknowledge {
        is_urgent: bool,
        percent: usize,
    },
    LoseConnection,
    Sync,
    Tick,
    Full(bool),
    /// Syncs fail, or work again.
    Unsure(bool),
    /// The disk crashes after so many calls; the process ends at the next step that notices.
    CrashAfter {
        calls: u64,
    },
    Restart(End),
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![Just(End::Killed), (0..=100_usize).prop_map(|percent| End::PowerCut { percent })];
    prop_oneof![
        6 => (any::<bool>(), 0..40_u64).prop_map(|(is_urgent, count)| Step::Append { is_urgent, count }),
        4 => (any::<bool>(), 0..60_usize).prop_map(|(is_urgent, max)| Step::Read { is_urgent, max }),
        3 => (any::<bool>(), 0..=100_usize).prop_map(|(is_urgent, percent)| Step::Acknowledge { is_urgent, percent }),
        1 => Just(Step::LoseConnection),
        2 => Just(Step::Sync),
        2 => Just(Step::Tick),
        1 => any::<bool>().prop_map(Step::Full),
        1 => any::<bool>().prop_map(Step::Unsure),
        1 => (1..6_u64).prop_map(|calls| Step::CrashAfter { calls }),
        1 => end.prop_map(Step::Restart),
    ]
}

/// What is known of one lane, by the sequence of its messages, which is never used twice.
#[derive(Debug, Default)]
struct Model {
    appended: u64,
    /// On the disk, by the spool's word.
    accepted: BTreeSet<u64>,
    synced: BTreeSet<u64>,
    /// Acknowledged, or in a range that was announced as dropped.
    settled: BTreeSet<u64>,
    in_hand: Vec<(Position, u64)>,
}

#[derive(Debug)]
struct World {
    disks: [SimulatedDisk; 2],
    models: [Model; 2],
    spool: Spool,
    epoch: u64,
}

const LANES: [Lane; 2] = [Lane::Urgent, Lane::Values];

impl World {
    fn new(sync: SyncPolicy, max_bytes: u64) -> Self {
        let disks = [SimulatedDisk::default(), SimulatedDisk::default()];
        let spool = open(&disks, 1, options(sync, max_bytes));
        Self { disks, models: Default::default(), spool, epoch: 1 }
    }

    fn append(&mut self, lane: usize, count: u64) {
        let model = &mut self.models[lane];
        let first = model.appended + 1;
        model.appended += count;
        let batch: Vec<OutboundMessage> =
            (first..first + count).map(|sequence| message(["u", "v"][lane], sequence)).collect();
        self.spool.append(LANES[lane], batch);
        self.note_accepted();
    }

    /// While the disk takes all, what waits in memory is on the disk, too.
    fn note_accepted(&mut self) {
        if !self.spool.is_degraded() {
            for model in &mut self.models {
                model.accepted.extend(1..=model.appended);
            }
        }
    }

    fn read(&mut self, lane: usize, max: usize) -> Result<usize, TestCaseError> {
        let mut taken = Vec::new();
        let count = self.spool.read(LANES[lane], max, &mut taken);
        prop_assert_eq!(count, taken.len());
        let model = &mut self.models[lane];
        for (position, message) in taken {
            let sequence = message.sequence.map(|sequence| sequence.0).unwrap_or_default();
            prop_assert_eq!(&message.payload, &super::sample::message("x", sequence).payload, "its own payload");
            if let Some((last, before)) = model.in_hand.last() {
                prop_assert!(*last < position && *before < sequence, "{} after {}", sequence, before);
            }
            model.in_hand.push((position, sequence));
        }
        Ok(count)
    }

    fn acknowledge(&mut self, lane: usize, percent: usize) {
        let model = &mut self.models[lane];
        let count = model.in_hand.len() * percent / 100;
        let Some((up_to, _)) = model.in_hand[..count].last().copied() else { return };
        self.spool.acknowledge(LANES[lane], up_to);
        model.settled.extend(model.in_hand.drain(..count).map(|(_, sequence)| sequence));
    }

    fn lose_connection(&mut self) {
        self.spool.broker_left();
        self.models.iter_mut().for_each(|model| model.in_hand.clear());
    }

    fn sync(&mut self) {
        self.spool.sync();
        if !self.spool.is_degraded() {
            self.models.iter_mut().for_each(|model| model.synced.clone_from(&model.accepted));
        }
    }

    fn take_dropped(&mut self) {
        for range in self.spool.take_dropped() {
            let lane = usize::from(range.topic.as_str() == "v");
            let (first, last) = range.sequences.expect("all messages are numbered");
            self.models[lane].settled.extend(first.0..=last.0);
        }
    }

    /// A new process finds what the end of the last one has left.
    fn restart(&mut self, end: End, sync: SyncPolicy, max_bytes: u64) {
        self.take_dropped();
        self.disks.iter().for_each(|disk| disk.restart(end));
        self.epoch += 1;
        self.mend_disks();
        self.spool = open(&self.disks, self.epoch, options(sync, max_bytes));
        for model in &mut self.models {
            model.in_hand.clear();
            let promised = if end == End::Killed { &model.accepted } else { &model.synced };
            // What was not promised may be gone or not.
            let gone: Vec<u64> = (1..=model.appended).filter(|sequence| !promised.contains(sequence)).collect();
            model.settled.extend(gone);
        }
    }

    fn mend_disks(&self) {
        for disk in &self.disks {
            disk.set_full(false);
            disk.set_unsure(false);
        }
    }

    /// Nothing that was promised is missing in the end.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        self.mend_disks();
        self.spool.tick(Timestamp::from_unix_millis(0));
        self.spool.sync();
        self.lose_connection();
        for lane in 0..2 {
            while self.read(lane, 7)? > 0 {}
            self.acknowledge(lane, 100);
        }
        self.take_dropped();
        for model in &self.models {
            let missing: Vec<u64> = (1..=model.appended).filter(|sequence| !model.settled.contains(sequence)).collect();
            prop_assert!(missing.is_empty(), "lost without a word: {:?}", missing);
        }
        prop_assert!(self.spool.is_empty());
        Ok(())
    }
}

fn options(sync: SyncPolicy, max_bytes: u64) -> SpoolOptions {
    SpoolOptions { max_bytes, max_memory_bytes: 3_000, sync, ..SpoolOptions::default() }
}

fn open(disks: &[SimulatedDisk; 2], epoch: u64, options: SpoolOptions) -> Spool {
    let [urgent, values] = disks.clone();
    let disks =
        SpoolDisks { urgent: std::sync::Arc::new(urgent), values: std::sync::Arc::new(values), dead_letters: None };
    Spool::open("broker", disks, Epoch(epoch), options, &Metrics::new("test")).expect("a disk that can be read")
}

proptest! {
    #[test]
    fn nothing_accepted_is_lost_or_out_of_order(
        steps in prop::collection::vec(step(), 1..60),
        is_synced_always in any::<bool>(),
        max_bytes in prop_oneof![Just(1 << 30), Just(20_000_u64)],
    ) {
        let sync = if is_synced_always {
            SyncPolicy::Always
        } else {
            SyncPolicy::Every(std::time::Duration::from_millis(100))
        };
        let mut world = World::new(sync, max_bytes);
        let mut end = End::Killed;
        for step in steps {
            match step {
                Step::Append { is_urgent, count } => world.append(usize::from(!is_urgent), count),
                Step::Read { is_urgent, max } => drop(world.read(usize::from(!is_urgent), max)?),
                Step::Acknowledge { is_urgent, percent } => world.acknowledge(usize::from(!is_urgent), percent),
                Step::LoseConnection => world.lose_connection(),
                Step::Sync => world.sync(),
                Step::Tick => {
                    world.spool.tick(Timestamp::from_unix_millis(0));
                    world.note_accepted();
                }
                Step::Full(is_full) => world.disks.iter().for_each(|disk| disk.set_full(is_full)),
                Step::Unsure(is_unsure) => world.disks.iter().for_each(|disk| disk.set_unsure(is_unsure)),
                Step::CrashAfter { calls } => world.disks.iter().for_each(|disk| disk.crash_after(calls)),
                Step::Restart(chosen) => {
                    end = chosen;
                    world.restart(chosen, sync, max_bytes);
                }
            }
            if world.disks.iter().any(SimulatedDisk::has_crashed) {
                world.restart(end, sync, max_bytes);
            }
            world.take_dropped();
        }
        world.settle()?;
    }
}
