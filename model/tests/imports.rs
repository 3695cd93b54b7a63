//! Models that were fitted in Python score as they do there. What is compared with was written by
//! `tests/fixtures/imports/generate.py`; fresh models are compared in `tests/scenarios` of the workspace.

#![expect(clippy::unwrap_used, reason = "a test, helpers included")]

use std::path::PathBuf;

use serde::Deserialize;
use tagwise_model::{Label, Model, Probability, Registry, Time, import_json};

#[derive(Deserialize)]
struct Expected {
    rows: Vec<Vec<f64>>,
    scores: Vec<f64>,
    labels: Vec<u8>,
    #[serde(default)]
    linear: Vec<f64>,
    #[serde(default)]
    unify: Vec<f64>,
}

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/imports").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Through an artefact, since that is the way from an import to a running mapping.
fn import(name: &str) -> Model {
    let registry = Registry::builtin();
    let model = import_json(fixture(&format!("{name}.json")).as_bytes(), &registry).unwrap();
    Model::from_artefact(&model.to_artefact(), &registry).unwrap()
}

#[track_caller]
fn check(name: &str, tolerance: f64) {
    let model = import(name);
    let expected: Expected = serde_json::from_str(&fixture(&format!("{name}.scores.json"))).unwrap();
    let mut state = model.initial_state();
    for (index, row) in expected.rows.iter().enumerate() {
        let found = model.observe(&mut state, row, Time(0)).unwrap();
        let wanted = expected.scores[index];
        let bound = tolerance * wanted.abs().max(1.0);
        assert!((found.score - wanted).abs() <= bound, "{name}, row {index}: {} is not {wanted}", found.score);
        assert_eq!(u8::from(found.label == Label::Anomaly), expected.labels[index], "{name}, row {index}");
        for (method, all) in [(Probability::Linear, &expected.linear), (Probability::Unify, &expected.unify)] {
            if let Some(wanted) = all.get(index) {
                let found = model.probability(found.score, method).unwrap();
                assert!((found - wanted).abs() <= 1e-6, "{name}, row {index}, {method:?}: {found} is not {wanted}");
            }
        }
    }
    assert_eq!(expected.rows.len(), 30);
}

#[test]
fn forests_score_as_in_python() {
    check("sklearn_forest", 1e-12);
    check("sklearn_forest_scaled", 1e-12);
    check("pyod_forest", 1e-12);
    check("pyod_forest_single", 1e-12);
}

#[test]
fn principal_components_score_as_in_python() {
    check("pyod_pca", 1e-9);
    check("pyod_pca_selected", 1e-9);
    check("sklearn_pca_q", 1e-9);
    check("sklearn_pca_t2", 1e-9);
}

#[test]
fn autoencoders_of_scikit_learn_score_as_in_python() {
    check("sklearn_perceptron_tanh", 1e-9);
    check("sklearn_perceptron_relu", 1e-9);
    check("sklearn_perceptron_logistic", 1e-9);
}

#[test]
fn autoencoders_of_torch_score_as_in_python() {
    // PyOD's network works in float32.
    check("pyod_autoencoder", 1e-6);
    check("torch_sequential", 1e-9);
}

#[test]
fn what_was_learned_about_the_training_comes_along() {
    let model = import("pyod_forest");
    assert_eq!(model.training_samples(), 300);
    assert!((model.training_share_labelled() - 0.05).abs() < 1e-9);
    assert!(model.confidence(0.2).is_some_and(|confidence| confidence > 0.99));
    assert_eq!(model.kind(), "isolation_forest");
}

#[test]
fn what_was_imported_can_be_fitted_again() {
    let registry = Registry::builtin();
    let mut rows = tagwise_model::TrainingRows::new(4);
    for row in serde_json::from_str::<Expected>(&fixture("pyod_forest.scores.json")).unwrap().rows {
        // The kinds that are trained on batches want more than 30 rows.
        (0..2).for_each(|_| rows.push(&row));
    }
    for name in ["sklearn_forest", "pyod_forest", "pyod_autoencoder"] {
        let model = import(name).spec().fit(&registry, rows.clone()).unwrap();
        assert_eq!((model.width(), model.training_samples()), (4, 60), "{name}");
    }
}
