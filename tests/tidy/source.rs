//! Rules for the Rust files.

use anyhow::Result;

use crate::files::{TextFile, text_files};

const MOST_LINES: usize = 500;

#[test]
fn no_rust_file_is_longer_than_five_hundred_lines() -> Result<()> {
    let long: Vec<_> = rust_files()?
        .into_iter()
        .map(|file| (file.text.lines().count(), file.path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "split these by idea: {long:?}");
    Ok(())
}

#[test]
fn a_mod_file_holds_only_documentation_modules_and_uses() -> Result<()> {
    for file in rust_files()?.iter().filter(|file| file.path.ends_with("/mod.rs")) {
        for keyword in ["fn ", "struct ", "enum ", "impl ", "impl<", "trait ", "macro_rules!"] {
            let found = file.text.lines().find(|line| is_item(line, keyword));
            assert!(found.is_none(), "{} has logic: {found:?}", file.path);
        }
    }
    Ok(())
}

#[test]
fn lints_are_expected_and_not_allowed() -> Result<()> {
    // Put together here, so that this file does not contain them.
    let attributes = ["#[", "#!["].map(|start| format!("{start}allow("));
    let found: Vec<_> = rust_files()?
        .into_iter()
        .filter(|file| attributes.iter().any(|attribute| file.text.contains(attribute)))
        .map(|file| file.path)
        .collect();
    assert!(found.is_empty(), "write #[expect(…, reason = \"…\")] in {found:?}");
    Ok(())
}

fn rust_files() -> Result<Vec<TextFile>> {
    text_files(&[".rs"])
}

/// Whether a line begins an item, whatever its visibility.
fn is_item(line: &str, keyword: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("pub").map_or(line, |rest| rest.split_once(' ').map_or(rest, |(_, item)| item));
    let line = line.strip_prefix("async ").or_else(|| line.strip_prefix("const ")).unwrap_or(line);
    line.starts_with(keyword)
}
