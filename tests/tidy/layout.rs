//! What stands where.

use anyhow::Result;

use crate::files::{text_files, top_level};

/// Everything that may stand at the top, which is the user's; dotfiles besides.
const TOP_LEVEL: [&str; 12] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "adapter",
    "deploy",
    "mappings",
    "model",
    "tests",
];

#[test]
fn the_top_level_holds_only_what_the_design_names() -> Result<()> {
    let strangers: Vec<_> =
        top_level()?.into_iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str())).collect();
    assert!(strangers.is_empty(), "these do not belong at the top level: {strangers:?}");
    Ok(())
}

#[test]
fn mappings_are_flat() -> Result<()> {
    let nested: Vec<_> = text_files(&[])?
        .into_iter()
        .map(|file| file.path)
        .filter(|path| path.starts_with("mappings/") && path.matches('/').count() > 1)
        .collect();
    assert!(nested.is_empty(), "mappings/ has no folders: {nested:?}");
    Ok(())
}

#[test]
fn every_yaml_file_can_be_read() -> Result<()> {
    for file in text_files(&[".yaml", ".yml"])? {
        let value: Result<serde_yaml::Value, _> = serde_yaml::from_str(&file.text);
        assert!(value.is_ok(), "{}: {value:?}", file.path);
    }
    Ok(())
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() -> Result<()> {
    // Put together here, so that this file does not name them either.
    let places = ["work", "root", "home"].map(|folder| format!("/{folder}/"));
    let mut found = Vec::new();
    for file in text_files(&[])? {
        for (number, line) in (1..).zip(file.text.lines()) {
            if places.iter().any(|place| starts_a_path(line, place)) {
                found.push(format!("{}:{number}: {line}", file.path));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}

/// Whether `place` stands in the line as the start of a path, and not within a longer one.
fn starts_a_path(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line.get(..at).and_then(|start| start.chars().next_back());
        !before.is_some_and(|character| character.is_alphanumeric() || "._-}/".contains(character))
    })
}
