//! Rules for the Cargo.toml files.

use anyhow::Result;

use crate::files::{TextFile, text_files};

/// The keys of a table of a manifest, with the text that follows each.
fn entries(manifest: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut is_inside = false;
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            is_inside = is_wanted(table.trim_end_matches(']'));
        } else if is_inside && let Some((key, value)) = line.split_once('=') {
            found.push((key.trim(), value.trim()));
        }
    }
    found
}

/// The manifests of the members; the fuzz targets are a workspace of their own.
fn members() -> Result<Vec<TextFile>> {
    let manifests = text_files(&["/Cargo.toml"])?;
    Ok(manifests.into_iter().filter(|file| file.path != "tests/fuzz/Cargo.toml").collect())
}

/// What a member depends on: `name.workspace = true` or `name = { workspace = true, … }`.
fn dependencies(manifest: &str) -> Vec<(&str, &str)> {
    entries(manifest, |table| table.ends_with("dependencies"))
}

#[test]
fn every_shared_dependency_is_used_by_a_member() -> Result<()> {
    let root = text_files(&["Cargo.toml"])?.into_iter().find(|file| file.path == "Cargo.toml").expect("it is there");
    let shared = entries(&root.text, |table| table == "workspace.dependencies");
    assert!(shared.len() > 20, "{shared:?}");
    let members = members()?;
    let is_used = |name: &str| {
        members
            .iter()
            .any(|member| dependencies(&member.text).iter().any(|(key, _)| key.trim_end_matches(".workspace") == name))
    };
    // The path to the adapter is for whoever builds on its library.
    let unused: Vec<_> =
        shared.iter().map(|(name, _)| *name).filter(|name| *name != "tagwise" && !is_used(name)).collect();
    assert!(unused.is_empty(), "declared at the top, used nowhere: {unused:?}");
    Ok(())
}

#[test]
fn members_take_every_dependency_from_the_workspace() -> Result<()> {
    let mut own = Vec::new();
    for member in members()? {
        for (key, value) in dependencies(&member.text) {
            if !key.ends_with(".workspace") && !value.contains("workspace = true") {
                own.push(format!("{}: {key} = {value}", member.path));
            }
        }
    }
    assert!(own.is_empty(), "declare these once, at the top: {own:#?}");
    Ok(())
}
