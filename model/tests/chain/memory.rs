//! Thousands of tags each have a model of their own, so a model must be small.

use crate::plant::{Plant, defaults};
use std::sync::Arc;

use allocation_counter::measure;
use tagwise_model::Registry;

/// Bytes that a trained model of one feature holds, with its short memory, beside the specification that all models of a
/// mapping share.
fn bytes_held(kind: &str, rows: usize) -> i64 {
    let registry = Registry::builtin();
    let spec = Arc::new(defaults(kind));
    let training = Plant::new(1, 4).rows(rows);
    let mut trained = None;
    let held = measure(|| {
        let mut model = spec.fit(&registry, training.clone()).unwrap();
        model.share_spec(&spec);
        let state = model.initial_state();
        trained = Some((model, state));
    });
    held.bytes_current + size_of_val(&trained) as i64
}

#[test]
fn a_forest_of_one_feature_stays_below_a_hundred_kilobytes() {
    for rows in [500, 2000] {
        let held = bytes_held("isolation_forest", rows);
        assert!((1_000..100_000).contains(&held), "{held} bytes after {rows} rows");
    }
}

#[test]
fn simple_streaming_kinds_stay_below_a_kilobyte() {
    for kind in ["ewma_z", "ar_energy"] {
        let held = bytes_held(kind, 2000);
        assert!((100..1_024).contains(&held), "{kind}: {held} bytes");
    }
}
