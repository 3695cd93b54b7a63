//! What the documents say of the code is true of it, and what they say of each other.

use std::{collections::BTreeSet, path::Path};

use anyhow::Result;
use tagwise_tests::workspace_root;

use crate::files::{TextFile, text_files};

/// The README is a door: what it says at length belongs on a page of the guide.
const LONGEST_README: usize = 120;
const GUIDE: &str = "adapter/docs/";

#[test]
fn every_link_between_files_leads_somewhere() -> Result<()> {
    let mut broken = Vec::new();
    let documents = documents()?;
    for file in &documents {
        for link in links(&file.text) {
            let (path, place) = link.split_once('#').map_or((link, None), |(path, place)| (path, Some(place)));
            let target = target(&file.path, path);
            let is_there = match place {
                _ if path.contains("://") => true,
                None => workspace_root().join(&target).exists(),
                Some(place) => documents.iter().any(|file| file.path == target && anchors(&file.text).contains(place)),
            };
            if !is_there {
                broken.push(format!("{}: {link}", file.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

#[test]
fn anchors_are_made_as_github_makes_them() {
    let text = "# A `b_c`, d\n```\n# no heading\n```\n## What's *it*?\n## A b\n## A b\n";
    assert_eq!(anchors(text), ["a-b_c-d", "whats-it", "a-b", "a-b-1"].map(str::to_owned).into());
    assert_eq!(target("adapter/docs/a.md", "../../x/y.md"), "x/y.md");
    assert_eq!(target("a.md", ""), "a.md");
}

#[test]
fn the_readme_is_short_and_leads_to_every_page_of_the_guide_as_its_index_does() -> Result<()> {
    let documents = documents()?;
    let text = |path: &str| documents.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str());
    let length = text("README.md").lines().count();
    assert!(length <= LONGEST_README, "README.md has {length} lines; move what it says at length to {GUIDE}");
    let index = format!("{GUIDE}README.md");
    let pages = documents.iter().map(|file| file.path.as_str()).filter(|path| path.starts_with(GUIDE));
    for page in pages.filter(|page| *page != index) {
        for from in ["README.md", &index] {
            assert!(links(text(from)).any(|link| target(from, link) == page), "{from} has no link to {page}");
        }
    }
    Ok(())
}

#[test]
fn every_sentence_that_troubleshooting_quotes_is_one_of_the_code() -> Result<()> {
    let sources: String = text_files(&[".rs"])?
        .iter()
        .filter(|file| file.path.starts_with("adapter/src/"))
        .map(|file| joined(&file.text))
        .collect();
    let page = format!("{GUIDE}troubleshooting.md");
    let page = documents()?.into_iter().find(|file| file.path == page).expect("the page is there");
    let mut quoted = 0;
    let mut unknown = Vec::new();
    let cells = page.text.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    for cell in cells {
        for part in format!("`{cell}").split('`').skip(1).step_by(2).flat_map(|sentence| sentence.split('…')) {
            quoted += 1;
            // Metrics are looked for in the catalogue, by a test of their own.
            if !part.starts_with("tagwise_") && !sources.contains(part.trim()) {
                unknown.push(part.trim().to_owned());
            }
        }
    }
    assert!(quoted > 50, "the page quotes sentences: {quoted}");
    assert!(unknown.is_empty(), "the adapter never says {unknown:#?}");
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

fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The file that a link in `from` names, from the root on; `from` itself where it names none.
fn target(from: &str, link: &str) -> String {
    let link = link.split('#').next().unwrap_or_default();
    if link.is_empty() {
        return from.to_owned();
    }
    let mut parts: Vec<&str> = Path::new(from).parent().and_then(Path::to_str).unwrap_or_default().split('/').collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// The names by which GitHub lets one link to a document's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let outside_code = text.split("```").step_by(2).flat_map(str::lines);
    for heading in outside_code.filter(|line| line.starts_with('#')) {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|character| character.is_alphanumeric() || " _-".contains(*character));
        let anchor: String = kept.map(|character| if character == ' ' { '-' } else { character }).collect();
        let mut numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let unused = if anchors.contains(&anchor) { numbered.find(|one| !anchors.contains(one)) } else { None };
        anchors.insert(unused.unwrap_or(anchor));
    }
    anchors
}

/// Source with its texts as they are printed: on one line, and their quotes without backslashes.
fn joined(source: &str) -> String {
    let mut lines = source.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |text, line| text + line.trim_start()).replace("\\\"", "\"")
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
