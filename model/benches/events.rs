//! What one row costs in the kinds for single streams, from the raw value to the label.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use tagwise_model::{Model, ModelSpec, ParamValue, Registry, Time};

/// Values without a pattern that a detector could learn by heart, spread like a sum of three dice: more of them than a
/// branch predictor could.
fn rows(count: usize) -> Array2<f64> {
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / (1_u64 << 24) as f64
    };
    Array2::from_shape_simple_fn((count, 1), || next() + next() + next())
}

fn fit(kind: &str, rhythm: Option<&str>, training: &Array2<f64>) -> Model {
    let registry = Registry::builtin();
    let kind = registry.get(kind).expect("a builtin kind");
    let params = rhythm.map(|word| ("rhythm".to_owned(), ParamValue::Text(word.to_owned()))).into_iter().collect();
    let spec = ModelSpec { params, ..ModelSpec::defaults_of(kind.as_ref()) };
    spec.fit(&registry, training.view()).expect("rows that can be fitted")
}

fn observe(criterion: &mut Criterion) {
    let table = rows(100_000);
    let values = table.as_slice().expect("a fresh table");
    for (kind, rhythm) in [
        ("novelty", Some("none")),
        ("novelty", Some("daily")),
        ("evt", Some("none")),
        ("evt", Some("daily")),
        ("stuck", None),
    ] {
        let model = fit(kind, rhythm, &rows(1000));
        let mut state = model.initial_state();
        let mut row = 0;
        criterion.bench_function(&format!("observe, {kind}, rhythm: {}", rhythm.unwrap_or("-")), |bencher| {
            bencher.iter(|| {
                row = (row + 1) % values.len();
                let t = Time(i64::try_from(row).unwrap_or_default() * 300_000_000);
                model.observe(&mut state, black_box(&values[row..=row]), t)
            });
        });
    }
}

criterion_group!(benches, observe);
criterion_main!(benches);
