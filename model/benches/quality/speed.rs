//! How long fitting and scoring take, beside what PyOD took on the same machine.

use std::hint::black_box;
use std::time::Instant;

use tagwise_model::{ModelSpec, Registry, Time};

use crate::catalogue::Entry;
use crate::reference::{Reference, Seconds};
use crate::table::Table;
use crate::{Result, ours, say};

/// One detector with so many features.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) features: usize,
    pub(crate) ours: Seconds,
    pub(crate) theirs: Option<Seconds>,
}

/// Measures every detector for tables and every kind for streams, with one feature and with eight.
pub(crate) fn measure(registry: &Registry, entries: &[Entry], reference: &Reference) -> Vec<Row> {
    let mut rows = Vec::new();
    for features in [1, 8] {
        let (training, batch) = (dice(1000, features, 1), dice(10_000, features, 2));
        for &entry in entries {
            say(&format!("speed: {}, features: {features}", entry.title));
            let theirs = reference.speed.get(&features.to_string()).and_then(|speed| speed.get(entry.reference));
            let taken = tabular(registry, entry, &training, &batch);
            push(&mut rows, entry.title, features, taken, theirs.copied());
        }
        for kind in registry.names().filter_map(|name| registry.get(name)).filter(|kind| kind.is_sequential()) {
            say(&format!("speed: {}, features: {features}", kind.name()));
            let spec = ModelSpec::defaults_of(kind.as_ref());
            push(&mut rows, kind.name(), features, time(registry, &spec, &training, &batch), None);
        }
    }
    rows
}

fn push(rows: &mut Vec<Row>, title: &str, features: usize, taken: Result<Seconds>, theirs: Option<Seconds>) {
    match taken {
        Ok(ours) => rows.push(Row { title: title.to_owned(), features, ours, theirs }),
        Err(error) => say(&format!("!!! speed: {title}, features: {features}, is left out: {error}")),
    }
}

fn tabular(registry: &Registry, entry: Entry, training: &Table, batch: &Table) -> Result<Seconds> {
    let spec = entry.spec(registry, 0).ok_or("it is not registered")?;
    time(registry, &spec, training, batch)
}

fn time(registry: &Registry, spec: &ModelSpec, training: &Table, batch: &Table) -> Result<Seconds> {
    let model = ours::fit(registry, spec, training)?;
    let fit = median(5, || drop(black_box(ours::fit(registry, spec, black_box(training)))));
    let mut state = model.initial_state();
    let row = median(5, || {
        for row in batch.cells.chunks_exact(batch.width) {
            black_box(model.observe(&mut state, black_box(row), Time(0)).is_ok());
        }
    });
    let mut scores = vec![0.0; batch.rows()];
    let batch = median(5, || {
        black_box(model.score_rows(black_box(&batch.cells), &mut scores).is_ok());
        black_box(&scores);
    });
    Ok(Seconds { fit, row: row / scores.len() as f64, batch })
}

/// The median time of several runs, in seconds, after one that warms up.
fn median(times: usize, mut job: impl FnMut()) -> f64 {
    job();
    let mut taken: Vec<f64> = (0..times)
        .map(|_| {
            let started = Instant::now();
            job();
            started.elapsed().as_secs_f64()
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    taken[times / 2]
}

/// Values like the sum of three dice, as in PyOD's measurement.
fn dice(rows: usize, width: usize, seed: u64) -> Table {
    let mut seed = seed;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / (1_u64 << 24) as f64
    };
    Table { width, cells: (0..rows * width).map(|_| next() + next() + next()).collect() }
}
