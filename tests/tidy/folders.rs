//! Which folder of a room imports which.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use syn::{Attribute, Item, ItemMod, ItemUse, Path, UseTree, visit::Visit};

use crate::files::text_files;

const SOURCE: &str = "adapter/src/";
/// Rooms whose folders stand in one order.
const ROOMS: [&str; 1] = ["opcua"];

/// The folders that each folder imports, with a file that does.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

#[test]
fn no_folder_imports_one_that_imports_it() -> Result<()> {
    for room in ROOMS {
        let imports = imports_of(room)?;
        assert!(imports.len() > 3, "nothing was read of {room}: {imports:?}");
        let ring = ring(&imports);
        assert!(ring.is_none(), "folders of {room} import each other in a ring: {}", ring.unwrap_or_default());
    }
    Ok(())
}

#[test]
fn imports_are_seen_in_every_spelling() -> Result<()> {
    let seen = |text: &str| -> Result<Vec<String>> {
        let mut paths = Paths { module: vec!["opcua".into(), "connect".into(), "dial".into()], found: BTreeSet::new() };
        paths.visit_file(&syn::parse_file(text)?);
        Ok(paths.found.into_iter().map(|path| path.join("::")).collect())
    };
    assert_eq!(
        seen("use crate::{domain::X, opcua::{self, poll::{a::B, c::*}}};")?,
        ["domain::X", "opcua", "opcua::poll::a::B", "opcua::poll::c",]
    );
    assert_eq!(seen("use super::super::poll::round::Round;")?, ["opcua::poll::round::Round"]);
    assert_eq!(
        seen("fn f() { crate::opcua::poll::run(super::secure::open()) }")?,
        ["opcua::connect::secure::open", "opcua::poll::run",]
    );
    assert!(seen("#[cfg(test)] mod tests { use crate::opcua::poll::Poller; }")?.is_empty());
    Ok(())
}

fn imports_of(room: &str) -> Result<Imports> {
    let mut imports = Imports::new();
    let start = format!("{SOURCE}{room}/");
    let files = text_files(&[".rs"])?;
    let modules = || files.iter().filter(|file| file.path.starts_with(&start));
    let folder = |path: &str| path.strip_prefix(&start)?.split_once('/').map(|(folder, _)| folder.to_owned());
    let folders: BTreeSet<String> = modules().filter_map(|file| folder(&file.path)).collect();
    for file in modules().filter(|file| !is_of_tests(&file.path)) {
        let Some(from) = folder(&file.path) else { continue };
        let text = syn::parse_file(&file.text).with_context(|| file.path.clone())?;
        let mut paths = Paths { module: module_of(&file.path), found: BTreeSet::new() };
        paths.visit_file(&text);
        for path in paths.found {
            let [first, to, ..] = path.as_slice() else { continue };
            if first == room && *to != from && folders.contains(to) {
                imports.entry(from.clone()).or_default().insert(to.clone(), file.path.clone());
            }
        }
    }
    Ok(imports)
}

fn is_of_tests(path: &str) -> bool {
    path.contains("test_") || path.contains("_test")
}

/// `adapter/src/a/b.rs` is `a::b`, `adapter/src/a/mod.rs` is `a`.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_start_matches(SOURCE).trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// A way from a folder back to itself.
fn ring(imports: &Imports) -> Option<String> {
    fn walk<'a>(imports: &'a Imports, way: &mut Vec<&'a str>, done: &mut BTreeSet<&'a str>) -> Option<String> {
        let here = *way.last()?;
        for (next, file) in imports.get(here).into_iter().flatten() {
            if way.contains(&next.as_str()) {
                return Some(format!("{} -> {next} (by {file})", way.join(" -> ")));
            }
            if !done.contains(next.as_str()) {
                way.push(next);
                if let Some(found) = walk(imports, way, done) {
                    return Some(found);
                }
                way.pop();
            }
        }
        done.insert(here);
        None
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|folder| walk(imports, &mut vec![folder], &mut done))
}

/// The paths of a file that is no test, from the crate's root on.
struct Paths {
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Paths {
    fn take(&mut self, path: &[String]) {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        let absolute = match path.first().map(String::as_str) {
            Some("crate") => path[1..].to_vec(),
            Some("super") => {
                let above = &self.module[..self.module.len().saturating_sub(supers)];
                above.iter().chain(&path[supers..]).cloned().collect()
            }
            _ => return,
        };
        self.found.insert(absolute);
    }

    fn take_tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.take_tree(&path.tree, &with(&path.ident)),
            UseTree::Name(name) if name.ident == "self" => self.take(before),
            UseTree::Name(name) => self.take(&with(&name.ident)),
            UseTree::Rename(renamed) => self.take(&with(&renamed.ident)),
            UseTree::Glob(_) => self.take(before),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.take_tree(tree, before)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let is_of_tests = |attribute: &Attribute| {
            attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|what| what == "test")
        };
        let attributes = match item {
            Item::Mod(ItemMod { attrs, .. }) | Item::Use(ItemUse { attrs, .. }) => attrs.as_slice(),
            _ => &[],
        };
        if !attributes.iter().any(is_of_tests) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.take_tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.take(&segments);
        syn::visit::visit_path(self, path);
    }
}
