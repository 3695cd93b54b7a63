//! Which of the nodes are shown, and how.

use std::fmt::Write as _;

use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Value, json};

use super::printable::printable;
use crate::opcua::{Class, Details, Tree};

/// What `--match` and `--type` ask for.
#[derive(Debug)]
pub(super) struct Filter {
    glob: Option<GlobMatcher>,
    /// Whether the glob is about the whole path and not about the last name.
    is_about_path: bool,
    data_type: Option<String>,
}

/// A tree, which nodes of it are asked for, and what is known of the Variables among them.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) tree: Tree,
    pub(super) is_wanted: Vec<bool>,
    pub(super) details: Vec<Option<Details>>,
    pub(super) units: Vec<Option<String>>,
}

impl Filter {
    pub(super) fn new(glob: Option<&str>, data_type: Option<&str>) -> Result<Self, String> {
        let compile = |text: &str| {
            let built = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
            built
                .map(|glob| glob.compile_matcher())
                .map_err(|error| format!("--match `{text}` is no glob: {}", error.kind()))
        };
        Ok(Self {
            is_about_path: glob.is_some_and(|text| text.contains('/')),
            glob: glob.map(compile).transpose()?,
            data_type: data_type.map(str::to_owned),
        })
    }

    pub(super) fn takes_name(&self, tree: &Tree, node: usize) -> bool {
        let Some(glob) = &self.glob else { return true };
        if self.is_about_path {
            return glob.is_match(tree.path(node).join("/"));
        }
        // A slash within a name separates nothing.
        glob.is_match(tree.nodes[node].name.replace('/', "_"))
    }

    pub(super) fn takes_type(&self, details: Option<&Details>) -> bool {
        let Some(wanted) = &self.data_type else { return true };
        details.is_some_and(|details| {
            let built_in = details.built_in.map(|built_in| built_in.to_string());
            details.data_type.eq_ignore_ascii_case(wanted)
                || built_in.is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        })
    }
}

/// The wanted nodes below those that lead to them.
pub(super) fn render_tree(shown: &Shown) -> String {
    let nodes = &shown.tree.nodes;
    let mut is_shown = shown.is_wanted.clone();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    // Those above stand before those below, so that one pass from the end on finds every ancestor.
    for node in (0..nodes.len()).rev() {
        if let Some(parent) = nodes[node].parent {
            is_shown[parent] |= is_shown[node];
            children[parent].push(node);
        }
    }
    let mut text = String::new();
    // For each node, the lines that run down on its left.
    let mut left = vec![(0, String::new(), String::new())];
    while let Some((node, own, below)) = left.pop() {
        if !is_shown[node] {
            continue;
        }
        // Writing to a String cannot fail.
        let _unused: std::fmt::Result = writeln!(text, "{own}{}", line(shown, node));
        let visible: Vec<usize> = children[node].iter().copied().filter(|child| is_shown[*child]).collect();
        for (position, child) in visible.into_iter().enumerate() {
            let (branch, trunk) = if position == 0 { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            left.push((child, format!("{below}{branch}"), format!("{below}{trunk}")));
        }
    }
    text
}

fn line(shown: &Shown, node: usize) -> String {
    let browsed = &shown.tree.nodes[node];
    let mut line = format!("{}  {}", printable(&browsed.name), printable(&browsed.address.to_string()));
    match (&shown.details[node], browsed.class) {
        (Some(details), _) => line.extend(["  ", &about(details, shown.units[node].as_deref())]),
        (None, Class::Object) => {}
        (None, class) => line.extend(["  ".to_owned(), format!("{class:?}")]),
    }
    if browsed.is_closed {
        line.push_str("  (about the server; opened by --from i=2253)");
    }
    line
}

/// `Double[]  read/write  mm/s`
pub(super) fn about(details: &Details, unit: Option<&str>) -> String {
    let unit = unit.map_or_else(String::new, |unit| format!("  {}", printable(unit)));
    format!("{}  {}{unit}", type_and_rank(details), access(details))
}

/// `Double[,]`
pub(super) fn type_and_rank(details: &Details) -> String {
    let rank = match details.value_rank {
        -1 => String::new(),
        1 => "[]".to_owned(),
        rank @ 2.. => format!("[{}]", ",".repeat(usize::try_from(rank - 1).unwrap_or(1).min(9))),
        // Scalar or array, as the value decides.
        _ => "[?]".to_owned(),
    };
    format!("{}{rank}", printable(&details.data_type))
}

/// The access rights in a word.
pub(super) const fn access(details: &Details) -> &'static str {
    match (details.is_readable, details.is_writable) {
        (true, true) => "read/write",
        (true, false) => "read",
        (false, true) => "write only",
        (false, false) => "no access",
    }
}

/// The wanted nodes as a list, level by level.
pub(super) fn render_json(shown: &Shown) -> anyhow::Result<String> {
    let wanted = (0..shown.tree.nodes.len()).filter(|node| shown.is_wanted[*node]);
    let list: Vec<Value> = wanted.map(|node| entry(shown, node)).collect();
    Ok(format!("{}\n", serde_json::to_string_pretty(&list)?))
}

fn entry(shown: &Shown, node: usize) -> Value {
    let browsed = &shown.tree.nodes[node];
    let mut entry = json!({
        "path": shown.tree.path(node),
        "name": browsed.name,
        "nodeId": browsed.address.to_string(),
        "nodeClass": format!("{:?}", browsed.class),
    });
    if let (Some(details), Value::Object(entry)) = (&shown.details[node], &mut entry) {
        entry.insert("dataType".to_owned(), json!(details.data_type));
        entry.insert("valueRank".to_owned(), json!(details.value_rank));
        entry.insert("readable".to_owned(), json!(details.is_readable));
        entry.insert("writable".to_owned(), json!(details.is_writable));
        if let Some(unit) = &shown.units[node] {
            entry.insert("unit".to_owned(), json!(unit));
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::{BrowsedNode, ValueKind};

    /// Objects / Line 1 / (Speed, Temp), and a method beside the line.
    fn shown(filter: &Filter) -> Shown {
        let node = |parent, name: &str, number: u32, class| {
            BrowsedNode::example(parent, name, format!("i={number}").parse().unwrap(), class)
        };
        let nodes = vec![
            node(None, "Objects", 85, Class::Object),
            node(Some(0), "Line 1", 1, Class::Object),
            node(Some(0), "Reset", 2, Class::Method),
            node(Some(1), "Speed", 3, Class::Variable),
            node(Some(1), "Temp\n", 4, Class::Variable),
        ];
        let tree = Tree { nodes, ..Tree::default() };
        let details = |name: &str, is_writable| {
            let data_type = name.to_owned();
            Some(Details {
                data_type,
                built_in: None,
                kind: ValueKind::Other,
                value_rank: 2,
                is_readable: true,
                is_writable,
            })
        };
        let details = vec![None, None, None, details("Double", true), details("Float", false)];
        let takes = |node: usize| filter.takes_name(&tree, node) && filter.takes_type(details[node].as_ref());
        let is_wanted = (0..5).map(takes).collect();
        let units = vec![None, None, None, Some("1/min".to_owned()), None];
        Shown { tree, is_wanted, details, units }
    }

    #[track_caller]
    fn check(glob: Option<&str>, data_type: Option<&str>, expected: &[&str]) {
        let shown = shown(&Filter::new(glob, data_type).unwrap());
        let names = (0..5).filter(|node| shown.is_wanted[*node]).map(|node| shown.tree.nodes[node].name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), expected, "{glob:?} {data_type:?}");
    }

    #[test]
    fn a_glob_is_about_the_name_or_with_a_slash_about_the_path() {
        check(Some("Sp*"), None, &["Speed"]);
        check(Some("*/Sp*"), None, &["Speed"]);
        check(Some("Line 1/*"), None, &["Speed", "Temp\n"]);
        check(Some("**/*"), None, &["Objects", "Line 1", "Reset", "Speed", "Temp\n"]);
        check(Some("sp*"), None, &[]);
        check(None, Some("double"), &["Speed"]);
        check(Some("T*"), Some("Double"), &[]);
        assert!(Filter::new(Some("[a"), None).unwrap_err().contains("[a"));
    }

    #[test]
    fn a_tree_shows_what_is_wanted_below_what_leads_to_it() {
        let whole = render_tree(&shown(&Filter::new(None, None).unwrap()));
        assert_eq!(
            whole,
            "Objects  i=85\n├─ Line 1  i=1\n│  ├─ Speed  i=3  Double[,]  read/write  1/min\n│  └─ Temp\\u{a}  i=4  Float[,]  read\n└─ Reset  i=2  Method\n"
        );
        let one = render_tree(&shown(&Filter::new(Some("Speed"), None).unwrap()));
        assert_eq!(one, "Objects  i=85\n└─ Line 1  i=1\n   └─ Speed  i=3  Double[,]  read/write  1/min\n");
    }

    #[test]
    fn a_machine_gets_a_list_of_what_is_wanted() {
        let text = render_json(&shown(&Filter::new(Some("Speed"), None).unwrap())).unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(list.as_array().unwrap().len(), 1);
        assert_eq!((&list[0]["path"], &list[0]["unit"]), (&json!(["Line 1", "Speed"]), &json!("1/min")));
    }
}
