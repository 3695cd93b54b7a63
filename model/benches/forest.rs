//! What an isolation forest of 100 trees of 256 rows costs: one row through scaler, forest and threshold; a batch of
//! rows; an attribution; a fit, with and without the chain around it.
//!
//! Run with `cargo bench -p tagwise-model --bench forest`. What was tried for 8 features, all with equal scores, in
//! nanoseconds per row (the best of thirty runs on one core of an EPYC of 2023, baseline x86-64 instructions, no vector
//! gathers), once for single rows and once for batches that take blocks of 64 rows down one tree after another:
//!
//! | traversal | row | in a batch |
//! |---|---|---|
//! | plain walk with a branch per split, 12-byte nodes | 4,700 to 5,600 | |
//! | bit vectors (`QuickScorer`: 4 words per tree, thresholds ascending per feature) | 4,900 | |
//! | nodes linked by indices, no branch, 16 trees in step (8: 1,120; 4: 1,490; 1: 2,420) | 930 | |
//! | level order, thresholds as ranks in `u16`, 8 in step; 390 of it for ranking the row | 1,260 | 1,000 |
//! | level order, threshold and feature in one `u64` that orders like the float, 8 in step | 790 | 590 |
//! | level order, the same as a `u32` and a byte apart, 8 in step | 800 | 605 |
//! | level order, the sign of a difference in place of a comparison, 10 in step | 765 | 760 |
//! | level order, 8-byte nodes of a float and a feature, 16 in step | 775 | 570 |
//! | **level order, floats and bytes apart, 16 in step** (8: 890 and 645; 4: 1,150 and 1,045; 1: 1,720) | 765 | 550 |
//!
//! The last is kept: it is the fastest or as fast, the smallest (1.8 KB per tree), and needs no conversion of the row.
//! Bit vectors lose because a tree of 256 leaves needs four words and half of all thresholds lie below a normal value.
//! The number of levels must not be a constant: unrolled, the index arithmetic was rewritten into shifts of every single
//! comparison, which cost as much as it had saved (1,750 with 4 in step).

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use tagwise_model::{IsolationForest, IsolationForestKind, Model, ModelSpec, Registry, Time};

/// Values without a pattern, spread like a sum of three dice.
fn rows(count: usize, width: usize, mut seed: u64) -> Array2<f64> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / (1_u64 << 24) as f64
    };
    Array2::from_shape_simple_fn((count, width), || next() + next() + next())
}

fn cells(table: &Array2<f64>) -> &[f64] {
    table.as_slice().expect("invariant: a fresh table lies in one piece")
}

fn chain(training: &Array2<f64>) -> Model {
    let spec = ModelSpec::defaults_of(&IsolationForestKind);
    spec.fit(&Registry::builtin(), training.view()).expect("invariant: the rows are finite")
}

fn forest(training: &Array2<f64>) -> IsolationForest {
    IsolationForest::fit(&training.view(), 100, 256, 0).expect("invariant: the rows are finite")
}

fn one_row(criterion: &mut Criterion) {
    for width in [1, 2, 8, 32] {
        let model = chain(&rows(1000, width, 1));
        let state = model.initial_state();
        let fresh = rows(1000, width, 2);
        let mut fresh = cells(&fresh).chunks_exact(width).cycle();
        criterion.bench_function(&format!("forest: one row through the chain, features: {width}"), |bencher| {
            bencher.iter(|| model.assess(&state, black_box(fresh.next().unwrap_or_default()), Time(0)));
        });
    }
}

fn batch(criterion: &mut Criterion) {
    const ROWS: usize = 10_000;
    let mut group = criterion.benchmark_group("forest: batch of 10000 rows");
    group.throughput(Throughput::Elements(ROWS as u64));
    for width in [1, 8, 32] {
        let forest = forest(&rows(1000, width, 1));
        let fresh = rows(ROWS, width, 2);
        let mut scores = vec![0.0; ROWS];
        group.bench_function(format!("features: {width}"), |bencher| {
            bencher.iter(|| forest.score_rows(black_box(cells(&fresh)), &mut scores));
        });
    }
}

fn attribution(criterion: &mut Criterion) {
    let forest = forest(&rows(1000, 8, 1));
    let fresh = rows(1000, 8, 2);
    let mut fresh = cells(&fresh).chunks_exact(8).cycle();
    let mut shares = [0.0; 8];
    criterion.bench_function("forest: attribution of one row, features: 8", |bencher| {
        bencher.iter(|| forest.attribute(black_box(fresh.next().unwrap_or_default()), &mut shares));
    });
}

fn fit(criterion: &mut Criterion) {
    for width in [1, 8] {
        let training = rows(1000, width, 1);
        criterion.bench_function(&format!("forest: fit on 1000 rows, features: {width}"), |bencher| {
            bencher.iter(|| forest(black_box(&training)));
        });
        criterion.bench_function(&format!("forest: fit of the chain on 1000 rows, features: {width}"), |bencher| {
            bencher.iter(|| chain(black_box(&training)));
        });
    }
}

criterion_group!(benches, one_row, batch, attribution, fit);
criterion_main!(benches);
