//! The files of the repository, without what is built or ignored.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tagwise_tests::workspace_root;

/// Folders that `.gitignore` names, and Git's own.
const IGNORED: [&str; 8] = [".git", "target", "state", ".peers", "corpus", "artifacts", "coverage", "__pycache__"];

/// A text file: its path from the root, and its content.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Names directly below the root.
pub(crate) fn top_level() -> Result<Vec<String>> {
    let entries = entries(workspace_root())?;
    Ok(entries.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned()).collect())
}

/// All text files whose name ends in one of `endings`; all text files when there is none.
pub(crate) fn text_files(endings: &[&str]) -> Result<Vec<TextFile>> {
    let mut found = Vec::new();
    collect(workspace_root(), endings, &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, endings: &[&str], found: &mut Vec<TextFile>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            collect(&path, endings, found)?;
            continue;
        }
        let name = path.strip_prefix(workspace_root())?.to_string_lossy().into_owned();
        if !endings.is_empty() && !endings.iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let bytes = fs::read(&path).with_context(|| format!("reading {name}"))?;
        // What is not text (a test's binary input) has no lines to look at.
        found.extend(String::from_utf8(bytes).ok().map(|text| TextFile { path: name, text }));
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        if !IGNORED.iter().any(|ignored| entry.file_name() == *ignored) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
