//! What the spool costs by itself: appending, handing out and letting go of batches of 1,000 messages of 200 bytes, and
//! opening one that holds 100,000.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tagwise::{
    domain::{Epoch, Lane, OutboundMessage, Qos, Route, Sequence, TagName, Timestamp, TopicName},
    spool::{Position, Spool, SpoolDisks, SpoolOptions},
    telemetry::Metrics,
};
use tempfile::TempDir;

/// Messages in a batch.
const BATCH: u64 = 1_000;
const MAPPINGS: u64 = 100;
const PAYLOAD_BYTES: usize = 200;
/// Messages that are handed out at a time, as the publisher asks for them.
const CHUNK: usize = 256;

fn routes() -> Vec<Arc<Route>> {
    let route = |number| {
        let name = format!("bench/line-{}/machine-{number:04}", number % 7);
        Arc::new(Route {
            topic: TopicName::parse(&name).expect("a topic"),
            qos: Qos::AtLeastOnce,
            is_retained: false,
            user_properties: Vec::new(),
            message_expiry: None,
            content_type: None,
            tag_name: Some(TagName::new(&name)),
        })
    };
    (0..MAPPINGS).map(route).collect()
}

fn batch(routes: &[Arc<Route>], payload: &Bytes, first: u64) -> Vec<OutboundMessage> {
    let now = Timestamp::from_unix_millis(1_767_225_600_000);
    let message = |number: u64| OutboundMessage {
        route: Arc::clone(&routes[usize::try_from(number % MAPPINGS).unwrap_or_default()]),
        epoch: None,
        payload: payload.clone(),
        sequence: Some(Sequence(number / MAPPINGS + 1)),
        user_properties: Vec::new(),
        correlation_data: None,
        source_timestamp: Some(now),
        created_at: now,
        received_at: None,
    };
    (first..first + BATCH).map(message).collect()
}

fn open(folder: &Path, options: SpoolOptions) -> Spool {
    let disks = SpoolDisks::below(folder).expect("a disk");
    Spool::open("edge", disks, Epoch(1), options, &Metrics::new("bench")).expect("a spool")
}

/// A spool in a folder of its own, and batches for it.
struct Bench {
    folder: TempDir,
    spool: Spool,
    routes: Vec<Arc<Route>>,
    payload: Bytes,
    appended: u64,
}

impl Bench {
    fn new(options: SpoolOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let spool = open(folder.path(), options);
        let payload = Bytes::from(vec![b'x'; PAYLOAD_BYTES]);
        Self { folder, spool, routes: routes(), payload, appended: 0 }
    }

    fn batch(&mut self) -> Vec<OutboundMessage> {
        self.appended += BATCH;
        batch(&self.routes, &self.payload, self.appended)
    }

    fn append(&mut self) {
        let batch = self.batch();
        self.spool.append(Lane::Values, batch);
    }
}

/// Hands out a batch and lets go of it, in chunks.
fn deliver(spool: &Spool, taken: &mut Vec<(Position, OutboundMessage)>) {
    let mut left = usize::try_from(BATCH).unwrap_or_default();
    while left > 0 {
        taken.clear();
        left -= spool.read(Lane::Values, CHUNK.min(left), taken);
        let last = taken.last().expect("messages wait").0;
        spool.acknowledge(Lane::Values, last);
    }
}

fn steady(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("1,000 messages");
    group.throughput(Throughput::Elements(BATCH));
    // Each append goes behind what was delivered before, so that segments go as they come.
    let bench = Bench::new(SpoolOptions::default());
    let mut taken = Vec::new();
    group.bench_function("append, hand out from memory and acknowledge", |bencher| {
        bencher.iter_batched(
            || batch(&bench.routes, &bench.payload, BATCH),
            |batch| {
                bench.spool.append(Lane::Values, batch);
                deliver(&bench.spool, &mut taken);
            },
            BatchSize::LargeInput,
        );
    });
    // Nothing stays in memory, so all of it is read from the disk.
    let mut bench = Bench::new(SpoolOptions { max_memory_bytes: 0, ..SpoolOptions::default() });
    group.bench_function("hand out from the disk and acknowledge", |bencher| {
        bencher.iter_custom(|iterations| {
            (0..iterations).for_each(|_| bench.append());
            let started = std::time::Instant::now();
            (0..iterations).for_each(|_| deliver(&bench.spool, &mut taken));
            started.elapsed()
        });
    });
    group.finish();
}

fn opening(criterion: &mut Criterion) {
    let mut bench = Bench::new(SpoolOptions::default());
    (0..100).for_each(|_| bench.append());
    let Bench { folder, spool, .. } = bench;
    drop(spool);
    criterion.bench_function("open a spool of 100,000 messages that was not closed", |bencher| {
        bencher.iter(|| open(folder.path(), SpoolOptions::default()));
    });
}

criterion_group!(benches, steady, opening);
criterion_main!(benches);
