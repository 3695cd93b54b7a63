use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Label, Registry, Time};

/// The example of `model/export/README.md`.
fn forest() -> Value {
    json!({
        "format": "tagwise-import",
        "version": 1,
        "kind": "isolation_forest",
        "source": "by hand",
        "features": 2,
        "scaler": {"mean": [50.0, 2.5], "scale": [10.0, 0.5]},
        "offset": -0.5,
        "threshold": 0.0,
        "detector": {"max_samples": 8, "trees": [{
            "children_left": [1, -1, 3, -1, -1],
            "children_right": [2, -1, 4, -1, -1],
            "feature": [1, -2, 0, -2, -2],
            "threshold": [-1.5, -2.0, 2.0, -2.0, -2.0],
            "n_node_samples": [8, 1, 7, 6, 1],
        }]},
    })
}

fn components() -> Value {
    json!({
        "format": "tagwise-import", "version": 1, "kind": "pca", "features": 2, "threshold": 1.0,
        "detector": {"statistic": "t2", "mean": [1.0, 0.0], "components": [[1.0, 0.0]], "scales": [4.0]},
    })
}

fn network() -> Value {
    let layer = |weights: Value, biases: Value, activation: &str| json!({"weights": weights, "biases": biases, "activation": activation});
    json!({
        "format": "tagwise-import", "version": 1, "kind": "autoencoder", "features": 2, "threshold": 1.0,
        "detector": {"error": "norm", "layers": [
            layer(json!([[1.0], [1.0]]), json!([0.0]), "relu"),
            layer(json!([[0.5, 0.5]]), json!([0.0, 0.0]), "identity"),
        ]},
    })
}

fn import(document: &Value) -> Result<crate::Model, ImportError> {
    import_json(document.to_string().as_bytes(), &Registry::builtin())
}

fn score(document: &Value, row: &[f64]) -> (f64, Label) {
    let model = import(document).unwrap();
    let found = model.assess(&model.initial_state(), row, Time(0)).unwrap();
    (found.score, found.label)
}

/// Puts a value at a path and says what becomes of it.
#[track_caller]
fn check(mut document: Value, pointer: &str, value: Value, expected: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        parent => parent[key] = value,
    }
    let error = import(&document).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn scores_of_documents_written_by_hand_are_those_worked_out_by_hand() {
    let check = |document: &Value, row: &[f64], expected: f64, label: Label| {
        let (found, found_label) = score(document, row);
        assert!((found - expected).abs() < 1e-12 && found_label == label, "{found} {found_label:?}");
    };
    // c(8) = 2 (ln 7 + γ) − 14/8. The first row is alone below one edge, the second has two edges and c(6) to go.
    let normaliser = 2.0 * (7.0_f64.ln() + 0.577_215_664_901_532_9) - 1.75;
    let six = 2.0 * (5.0_f64.ln() + 0.577_215_664_901_532_9) - 10.0 / 6.0;
    check(&forest(), &[50.0, 1.5], (-1.0 / normaliser).exp2() - 0.5, Label::Anomaly);
    check(&forest(), &[50.0, 2.5], (-(2.0 + six) / normaliser).exp2() - 0.5, Label::Normal);
    // (5 − 1)² / 4.
    check(&components(), &[5.0, 9.0], 4.0, Label::Anomaly);
    // Both become (3 + 1) / 2.
    check(&network(), &[3.0, 1.0], 2.0_f64.sqrt(), Label::Anomaly);
}

#[test]
fn the_example_of_the_description_is_the_one_tested_here() {
    let readme = include_str!("../../export/README.md");
    let (_, example) = readme.split_once("```json\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    assert_eq!(serde_json::from_str::<Value>(example).unwrap(), forest());
}

#[test]
fn other_documents_are_told_apart() {
    check(forest(), "/format", json!("tagwise"), r#"at format: "tagwise" is not "tagwise-import""#);
    check(forest(), "/version", json!(2), "at version: 2 is newer than 1");
    check(forest(), "/version", json!(0), "at version: 0 is no version");
    let known = "cannot be imported; use one of autoencoder, isolation_forest, pca";
    check(forest(), "/kind", json!("lof"), &format!(r#"at kind: "lof" {known}"#));
    let error = import_json(forest().to_string().as_bytes(), &Registry::default()).unwrap_err();
    assert!(matches!(error, ImportError::Kind { .. }), "{error}");
    assert!(matches!(import_json(b"TAGWISEM", &Registry::builtin()), Err(ImportError::Json { .. })));
    let long = vec![b' '; (64 << 20) + 1];
    assert!(matches!(import_json(&long, &Registry::builtin()), Err(ImportError::TooLarge { .. })));
}

#[test]
fn values_of_another_type_say_where_they_stand() {
    check(forest(), "/features", json!("two"), "at features: invalid type: string");
    check(forest(), "/treshold", json!(1.0), "at treshold: unknown field `treshold`");
    check(
        forest(),
        "/detector/trees/0/threshold/2",
        json!(null),
        "at detector.trees[0].threshold[2]: invalid type: null",
    );
    check(forest(), "/detector/trees/0/children_left/0", json!(1e10), "at detector.trees[0].children_left[0]:");
    check(
        network(),
        "/detector/layers/1/activation",
        json!("gelu"),
        "at detector.layers[1].activation: unknown variant",
    );
    check(network(), "/detector/layers/0/weights", json!([[1.0], []]), "at detector.layers[0].weights: a row without");
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = forest().to_string().replace("\"by hand\"", &nested);
    let error = import_json(text.as_bytes(), &Registry::builtin()).unwrap_err().to_string();
    assert!(error.starts_with("at source: invalid type: sequence"), "{error}");
}

#[test]
fn numbers_that_make_no_model_say_where_they_stand() {
    check(forest(), "/features", json!(0), "at features: 0 is not from 1 to 4096");
    check(forest(), "/features", json!(3), "at scaler.mean: 2 entries where 3 are expected");
    check(forest(), "/scaler/scale/1", json!(0.0), "at scaler.scale: a scale is not above 0");
    check(forest(), "/contamination", json!(0.7), "at contamination: contamination must be");
    check(forest(), "/training", json!({"scores": [1e308, 1e308]}), "at training.scores: their sum");
    check(forest(), "/detector/trees/0/children_left/2", json!(0), "at detector: node 2 of tree 0 has the child 0");
    check(forest(), "/detector/trees", json!([]), "at detector: a forest of 0 trees");
    check(components(), "/detector/scales", json!([1.0, 1.0]), "at detector.scales: 2 entries where 1 are expected");
    check(components(), "/detector/scales/0", json!(0.0), "at detector: the components do not fit");
    check(components(), "/detector/components", json!([]), "at detector.components: 0 components of 2");
    check(components(), "/detector/components/0", json!([1.0]), "at detector.components[0]: 1 entries where 2");
    check(components(), "/detector/mean", json!([1.0]), "at detector.mean: 1 entries where 2");
    check(network(), "/features", json!(3), "at detector.layers: 2 entries where 3");
    check(network(), "/detector/layers/0/biases", json!([]), "at detector.layers[0].biases: 0 entries where 1");
    check(network(), "/detector/layers", json!([]), "at detector.layers: a network needs at least one layer");
}

proptest! {
    #[test]
    fn documents_with_something_changed_make_a_model_that_scores_or_none_at_all(
        which in 0_usize..3, place in any::<prop::sample::Index>(), piece in "[0-9eE.,\\[\\]{}\":a-z-]{0,4}", cut in 0_usize..4,
        row in prop::array::uniform2(prop::num::f64::NORMAL),
    ) {
        let mut text = [forest(), components(), network()][which].to_string();
        let start = place.index(text.len());
        text.replace_range(start..(start + cut).min(text.len()), &piece);
        if let Ok(model) = import_json(text.as_bytes(), &Registry::builtin())
            && let Ok(found) = model.observe(&mut model.initial_state(), &row, Time(0))
        {
            prop_assert!(found.score.is_finite());
        }
    }
}
