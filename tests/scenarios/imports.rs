//! Models that Python fits now, with the libraries as they are installed, score here as they do there.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tagwise_model::{Label, Registry, Time, import_json};
use tagwise_tests::{peer_or_skip, workspace_root};

/// Other data and other models than those of the fixtures in the model crate, and the same ones each time.
const SEED: &str = "71";

#[test]
fn models_fitted_just_now_in_python_score_the_same_here() -> Result<()> {
    let python = peer_or_skip!(Pyod);
    let folder = tempfile::tempdir()?;
    let mut generate = Command::new(python);
    generate.arg(workspace_root().join("model/tests/fixtures/imports/generate.py")).arg(folder.path());
    generate.args(["--fresh", SEED]).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    let output = generate.output().context("running generate.py")?;
    ensure!(output.status.success(), "generate.py: {}", String::from_utf8_lossy(&output.stderr));

    let names = documents(folder.path())?;
    for kind in ["sklearn_forest", "pyod_forest", "pyod_pca", "sklearn_pca_q", "sklearn_perceptron_tanh"] {
        assert!(names.contains(kind), "{kind} is not among {names:?}");
    }
    for name in &names {
        // Networks of torch, where it happens to be installed, work in float32.
        let tolerance = if name.contains("forest") { 1e-12 } else { 1e-6 };
        compare(folder.path(), name, tolerance)?;
    }
    Ok(())
}

/// Names of the documents, which are those that have scores beside them.
fn documents(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        names.extend(file.strip_suffix(".scores.json").map(str::to_owned));
    }
    Ok(names)
}

fn compare(folder: &Path, name: &str, tolerance: f64) -> Result<()> {
    let text = fs::read(folder.join(format!("{name}.json")))?;
    let model = import_json(&text, &Registry::builtin()).with_context(|| name.to_owned())?;
    let expected: Value = serde_json::from_slice(&fs::read(folder.join(format!("{name}.scores.json")))?)?;
    let rows: Vec<Vec<f64>> = serde_json::from_value(expected["rows"].clone())?;
    let scores: Vec<f64> = serde_json::from_value(expected["scores"].clone())?;
    let labels: Vec<u8> = serde_json::from_value(expected["labels"].clone())?;
    ensure!(rows.len() == 30 && scores.len() == 30 && labels.len() == 30, "{name}: {} rows", rows.len());
    let mut state = model.initial_state();
    for (row, (score, label)) in rows.iter().zip(scores.iter().zip(labels)) {
        let found = model.observe(&mut state, row, Time(0))?;
        let is_close = (found.score - score).abs() <= tolerance * score.abs().max(1.0);
        assert!(is_close, "{name}, {row:?}: {} is not {score}", found.score);
        assert_eq!(u8::from(found.label == Label::Anomaly), label, "{name}, {row:?}");
    }
    Ok(())
}
