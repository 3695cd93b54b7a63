//! A model trained, looked at, used and judged from the command line.

use std::{fmt::Write as _, fs, path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use tagwise_model::{Model, Registry, Time};
use tagwise_tests::{Output, PATIENCE, run_to_end, tagwise_binary};

const MAPPING: &str = "version: 1
opcua: { uri: opc.tcp://plc, security: { policy: none } }
broker: { url: mqtt://edge }
models:
  vibration: { detector: { kind: isolation_forest, seed: 7 } }
  drift: { detector: { kind: ewma_z } }
tags: [ { name: line1/vibration, node: 'nsu=urn:x;s=V', topic: a, model: vibration } ]
";

/// Values of a healthy machine, and far ones where the label is 1.
fn labelled(rows: usize) -> String {
    let mut text = "time,line1/vibration,label\n".to_owned();
    for row in 0..rows {
        let is_anomaly = row % 50 == 49;
        let value = 2.5 + 0.4 * ((row * 37 % 100) as f64 / 50.0 - 1.0) + if is_anomaly { 3.0 } else { 0.0 };
        writeln!(text, "{},{value},{}", row * 100, u8::from(is_anomaly)).expect("a text takes everything");
    }
    text
}

async fn tagwise(arguments: &[&str], directory: &Path) -> Result<Output> {
    run_to_end(arguments, directory, PATIENCE).await
}

async fn train(directory: &Path, model: &str) -> Result<Output> {
    fs::write(directory.join("line1.yaml"), MAPPING)?;
    let labelled = labelled(500);
    let normal: Vec<&str> = labelled.lines().filter(|line| !line.ends_with(",1")).collect();
    fs::write(directory.join("normal.csv"), normal.join("\n"))?;
    let arguments = ["train", "line1.yaml", model, "--input", "normal.csv", "--output", "out.model", "--time", "time"];
    let columns = ["--columns", "line1/vibration"];
    tagwise(&[&arguments[..], &columns[..]].concat(), directory).await
}

#[tokio::test]
async fn what_was_trained_scores_and_is_judged_and_the_scores_are_the_librarys() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path();
    let trained = train(directory, "vibration").await?;
    ensure!(trained.code == Some(0), "{}", trained.stderr);
    for part in ["isolation_forest { sample_size: 256, seed: 7, trees: 100 }", "rows       490", "<- threshold", "█"]
    {
        assert!(trained.stdout.contains(part), "{}", trained.stdout);
    }
    fs::write(directory.join("labelled.csv"), labelled(500))?;
    let table = ["--input", "labelled.csv", "--columns", "line1/vibration", "--time", "time"];

    let scored = tagwise(&[&["score", "out.model", "--output", "scores.csv"], &table[..]].concat(), directory).await?;
    ensure!(scored.code == Some(0), "{}", scored.stderr);
    let model = Model::from_artefact(&fs::read(directory.join("out.model"))?, &Registry::builtin())?;
    let mut state = model.initial_state();
    let text = fs::read_to_string(directory.join("scores.csv"))?;
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("score,label,status"));
    for (row, line) in (0_i64..).zip(labelled(500).lines().skip(1)) {
        let value: f64 = line.split(',').nth(1).context("a value")?.parse()?;
        let expected = model.observe(&mut state, &[value], Time(row * 100_000))?;
        let expected = format!("{},{},scored", expected.score, expected.label.as_u8());
        assert_eq!(lines.next(), Some(expected.as_str()), "row {row}");
    }
    assert_eq!(lines.next(), None);

    let judged = tagwise(&[&["eval", "out.model", "--label", "label"], &table[..]].concat(), directory).await?;
    ensure!(judged.code == Some(0), "{}", judged.stderr);
    for part in
        ["rows                500", "anomalies           10", "ROC-AUC             1.0", "missed-alarm rate   0.000000"]
    {
        assert!(judged.stdout.contains(part), "{}", judged.stdout);
    }
    let shown = tagwise(&["models", "show", "out.model"], directory).await?;
    assert!(shown.stdout.contains("isolation_forest"), "{}", shown.stdout);
    Ok(())
}

#[tokio::test]
async fn bad_cells_get_no_score_and_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    ensure!(train(folder.path(), "drift").await?.code == Some(0));
    fs::write(folder.path().join("data.csv"), "v\n2.5\n\nx\ninf\n2.6\n")?;
    let arguments = ["score", "out.model", "--input", "data.csv", "--output", "-"];
    let scored = tagwise(&arguments, folder.path()).await?;
    ensure!(scored.code == Some(0), "{}", scored.stderr);
    let statuses: Vec<&str> = scored.stdout.lines().filter_map(|line| line.rsplit(',').next()).collect();
    assert_eq!(statuses, ["status", "scored", "not_numeric", "not_numeric", "scored"], "{}", scored.stdout);
    assert!(scored.stderr.contains("line 4, column `v`: `x` is no finite number"), "{}", scored.stderr);
    assert!(scored.stderr.contains("line 5, column `v`: `inf` is not finite"), "{}", scored.stderr);

    let trained =
        tagwise(&["train", "line1.yaml", "drift", "--input", "data.csv", "--output", "o.model"], folder.path()).await?;
    assert_eq!(trained.code, Some(1));
    assert!(trained.stderr.contains("line 4, column `v`"), "{}", trained.stderr);
    Ok(())
}

#[tokio::test]
async fn standard_input_and_output_do_for_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    ensure!(train(folder.path(), "vibration").await?.code == Some(0));
    let table = fs::File::open(folder.path().join("normal.csv"))?;
    let mut score = tokio::process::Command::new(tagwise_binary()?);
    score.args(["score", "out.model", "--input", "-", "--output", "-", "--columns", "line1/vibration"]);
    let output = score.current_dir(folder.path()).stdin(Stdio::from(table)).output().await?;
    let text = String::from_utf8(output.stdout)?;
    assert_eq!((output.status.code(), text.lines().count()), (Some(0), 491), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_or_no_model_is_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let unknown = train(folder.path(), "vibratoin").await?;
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("no model `vibratoin`; did you mean `vibration`?"), "{}", unknown.stderr);
    let foreign = tagwise(&["models", "show", "line1.yaml"], folder.path()).await?;
    assert_eq!(foreign.code, Some(1));
    assert!(foreign.stderr.contains("no model of Tagwise"), "{}", foreign.stderr);
    fs::write(folder.path().join("broken.yaml"), "version: 2\n")?;
    let arguments = ["train", "broken.yaml", "m", "--input", "normal.csv", "--output", "o.model"];
    assert_eq!(tagwise(&arguments, folder.path()).await?.code, Some(78));
    Ok(())
}
