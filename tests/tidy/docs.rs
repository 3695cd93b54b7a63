//! What the documents say of the code is true of it.

use anyhow::Result;
use tagwise_tests::workspace_root;

use crate::files::{TextFile, text_files};

#[test]
fn every_link_between_files_leads_somewhere() -> Result<()> {
    let mut broken = Vec::new();
    for file in documents()? {
        let folder = workspace_root().join(&file.path);
        let folder = folder.parent().unwrap_or(workspace_root());
        for link in file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains("://") && !folder.join(path).exists() {
                broken.push(format!("{}: {link}", file.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

#[test]
fn every_type_on_the_map_of_the_code_exists() -> Result<()> {
    let sources: String = text_files(&[".rs"])?.into_iter().map(|file| file.text).collect();
    let map = documents()?.into_iter().find(|file| file.path == "ARCHITECTURE.md").expect("ARCHITECTURE.md is there");
    let names: Vec<&str> = code_in(&map.text).flat_map(words).filter(|word| is_type(word)).collect();
    assert!(names.len() > 30, "the map names types: {names:?}");
    let unknown: Vec<_> = names.into_iter().filter(|name| !words(&sources).any(|word| word == *name)).collect();
    assert!(unknown.is_empty(), "ARCHITECTURE.md names types that do not exist: {unknown:?}");
    Ok(())
}

#[test]
fn every_metric_that_a_document_names_is_in_the_catalogue() -> Result<()> {
    let catalogue: String = text_files(&["telemetry/metrics.rs"])?.into_iter().map(|file| file.text).collect();
    let mut unknown = Vec::new();
    let deployed = text_files(&[".yml", ".yaml"])?.into_iter().filter(|file| file.path.starts_with("deploy/"));
    for file in documents()?.into_iter().chain(deployed) {
        for name in words(&file.text).filter_map(|word| word.strip_prefix("tagwise_")) {
            // The Python module in model/export/, and no metric.
            if name != "export" && !catalogue.contains(&format!("\"{name}\"")) {
                unknown.push(format!("{}: tagwise_{name}", file.path));
            }
        }
    }
    assert!(unknown.is_empty(), "no such metric: {unknown:#?}");
    Ok(())
}

fn documents() -> Result<Vec<TextFile>> {
    text_files(&[".md"])
}

/// What stands between single backticks.
fn code_in(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_').filter(|word| !word.is_empty())
}

/// `SpoolLimits`, and not `PUBLISH` or `S7`.
fn is_type(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase()) && word.contains(|letter: char| letter.is_lowercase())
}
