//! A mapping of what was browsed: a tag for every Variable, ready to be checked and run.

use std::{collections::HashSet, fmt::Write as _};

use super::{
    browse_tree::{Shown, access, type_and_rank},
    printable::printable,
};
use crate::{
    config::effective::{OpcUaAuth, OpcUaConfig},
    domain::{Namespace, NodeAddress},
    opcua::{Class, Details},
};

/// The longest name that is made of a path, in characters; a tag's name has 1024 bytes.
const MAX_NAME_LENGTH: usize = 200;

/// A Variable that becomes a tag.
struct Candidate<'a> {
    path: Vec<&'a str>,
    address: &'a NodeAddress,
    details: Option<&'a Details>,
    unit: Option<&'a str>,
}

/// The mapping; `None` when there is nothing to make a tag of.
pub(super) fn emit_yaml(shown: &Shown, opcua: &OpcUaConfig) -> Option<String> {
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    // What OPC UA itself puts below Objects, such as Aliases, is about the server; whoever wants it begins there.
    let skips_base = shown.tree.nodes.first().is_some_and(|first| first.address.to_string() == "i=85");
    for (position, node) in shown.tree.nodes.iter().enumerate() {
        let is_skipped = skips_base && node.address.namespace == Namespace::Index(0);
        if shown.is_wanted[position] && node.class == Class::Variable && !node.is_property && !is_skipped {
            let path = shown.tree.path(position);
            candidates.push(Candidate {
                path: if path.is_empty() { vec![node.name.as_str()] } else { path },
                address: &node.address,
                details: shown.details[position].as_ref(),
                unit: shown.units[position].as_deref(),
            });
        }
    }
    // Neighbours in the tree are neighbours in the file.
    candidates.sort_by(|one, other| one.path.cmp(&other.path));
    mapping(&candidates, opcua)
}

fn mapping(candidates: &[Candidate<'_>], opcua: &OpcUaConfig) -> Option<String> {
    let is_readable = |candidate: &&Candidate<'_>| candidate.details.is_none_or(|details| details.is_readable);
    let count = candidates.iter().filter(is_readable).count();
    if count == 0 {
        return None;
    }
    let auth = match &opcua.auth {
        OpcUaAuth::Anonymous => String::new(),
        OpcUaAuth::Basic { username, .. } => {
            format!(", auth: {{ basic: {{ username: {}, password: \"${{env:PLC_PASSWORD}}\" }} }}", quote(username))
        }
        OpcUaAuth::X509 { certificate, private_key } => {
            let (certificate, key) = (quote(&certificate.to_string_lossy()), quote(&private_key.to_string_lossy()));
            format!(", auth: {{ x509: {{ certificate: {certificate}, private_key: {key} }} }}")
        }
    };
    let security = opcua.security.map_or_else(
        || "policy: none".to_owned(),
        |security| format!("policy: {}, message_security_mode: {}", security.policy.as_str(), security.mode.as_str()),
    );
    let uri = quote(&opcua.uri);
    let mut text = format!(
        "version: 1\nopcua: {{ uri: {uri}, security: {{ {security} }}{auth} }}\nbroker: {{ url: mqtt://127.0.0.1:1883 }}   # put your broker here\n\ntags:\n"
    );
    let mut names = HashSet::new();
    for candidate in candidates {
        let name = unique(&name_of(&candidate.path), &mut names);
        let unit = candidate.unit.map_or_else(String::new, |unit| format!(", unit: {}", quote(unit)));
        let comment = candidate
            .details
            .map_or_else(String::new, |details| format!("   # {}, {}", type_and_rank(details), access(details)));
        // What cannot be read stays in sight, so that nobody looks for it in vain.
        let start = if is_readable(&candidate) { "  - " } else { "  # - " };
        let node = quote(&candidate.address.to_string());
        let name = quote(&name);
        // Writing to a String cannot fail.
        let _unused: std::fmt::Result =
            writeln!(text, "{start}{{ name: {name}, node: {node}, topic: {name}{unit} }}{comment}");
    }
    Some(text)
}

/// The path as a tag's name that is a topic as well: letters, digits and `_ - .`, levels by `/`.
fn name_of(path: &[&str]) -> String {
    let level = |name: &&str| {
        let is_plain = |character: &char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
        let plain: String = name.chars().map(|character| if is_plain(&character) { character } else { '_' }).collect();
        if plain.is_empty() { "_".to_owned() } else { plain }
    };
    let whole = path.iter().map(level).collect::<Vec<_>>().join("/");
    // The end of a path tells more than its beginning.
    let excess = whole.chars().count().saturating_sub(MAX_NAME_LENGTH);
    let tail: String = whole.chars().skip(excess).collect();
    tail.trim_start_matches('/').to_owned()
}

fn unique(name: &str, names: &mut HashSet<String>) -> String {
    let candidates = std::iter::once(name.to_owned()).chain((2_u64..).map(|number| format!("{name}_{number}")));
    let free = candidates.into_iter().find(|candidate| !names.contains(candidate)).unwrap_or_default();
    names.insert(free.clone());
    free
}

/// The text as a scalar of the mapping language that is read as nothing else than this text.
fn quote(text: &str) -> String {
    let text = text.replace("${", "$${");
    let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '/' | '_' | '-' | '.');
    // With a slash in it, it is neither a number nor a word such as `on`.
    if starts_well && text.contains('/') && text.chars().all(is_plain) {
        return text;
    }
    if printable(&text) == text {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        if printable(character.encode_utf8(&mut [0; 4])).chars().count() == 1 {
            quoted.push(character);
        } else {
            // Writing to a String cannot fail.
            let _unused: std::fmt::Result = write!(quoted, "\\u{:04x}", u32::from(character));
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::{collection::vec, prelude::*};
    use tagwise_model::Registry;

    use super::*;
    use crate::{
        config::{Loaded, parse},
        domain::{Identifier, NodeLocator},
        opcua::{BrowsedNode, Tree, ValueKind},
    };

    fn load(text: &str) -> Loaded {
        let environment = [("PLC_PASSWORD", "secret")];
        parse(text, Path::new("line1.yaml"), &environment, &Registry::builtin())
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}\n{text}"))
    }

    fn address(uri: &str, text: &str) -> NodeAddress {
        NodeAddress { namespace: Namespace::Uri(uri.to_owned()), identifier: Identifier::String(text.to_owned()) }
    }

    fn details(is_readable: bool) -> Details {
        Details {
            data_type: "Double".into(),
            built_in: None,
            kind: ValueKind::Number,
            value_rank: 1,
            is_readable,
            is_writable: true,
        }
    }

    #[test]
    fn variables_become_tags_with_type_and_access_as_comments() {
        let node = |parent, name: &str, class| BrowsedNode::example(parent, name, address("urn:plc", name), class);
        let mut nodes = vec![
            node(None, "Objects", Class::Object),
            node(Some(0), "Line 1", Class::Object),
            node(Some(1), "Speed", Class::Variable),
            node(Some(1), "Secret", Class::Variable),
            node(Some(2), "EURange", Class::Variable),
        ];
        nodes[4].is_property = true;
        let shown = Shown {
            is_wanted: vec![true; 5],
            details: vec![None, None, Some(details(true)), Some(details(false)), Some(details(true))],
            units: vec![None, None, Some("1/min".to_owned()), None, None],
            tree: Tree { nodes, ..Tree::default() },
        };
        let text = emit_yaml(&shown, &OpcUaConfig::new("opc.tcp://plc:4840")).unwrap();
        let tags: Vec<&str> = text.lines().skip_while(|line| *line != "tags:").skip(1).collect();
        assert_eq!(
            tags,
            [
                "  # - { name: Line_1/Secret, node: 'nsu=urn:plc;s=Secret', topic: Line_1/Secret }   # Double[], write only",
                "  - { name: Line_1/Speed, node: 'nsu=urn:plc;s=Speed', topic: Line_1/Speed, unit: '1/min' }   # Double[], read/write",
            ]
        );
        let loaded = load(&text);
        assert_eq!(loaded.warnings.list, []);
        assert_eq!(loaded.config.tags[0].unit.as_deref(), Some("1/min"));
    }

    #[test]
    fn a_user_is_kept_and_the_password_is_not() {
        let auth = OpcUaAuth::Basic { username: "o'edge".into(), password: "hunter2".to_owned().into() };
        let opcua = OpcUaConfig { auth, ..OpcUaConfig::new("opc.tcp://plc:4840") };
        let (path, node) = (vec!["a"], address("urn:plc", "a"));
        let one = Candidate { path, address: &node, details: None, unit: None };
        let text = mapping(&[one], &opcua).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let OpcUaAuth::Basic { username, .. } = load(&text).config.opcua.auth else { panic!("nobody") };
        assert_eq!(username, "o'edge");
    }

    #[test]
    fn nothing_to_read_is_no_mapping() {
        let (hidden, node) = (details(false), address("urn:plc", "a"));
        let one = Candidate { path: vec!["a"], address: &node, details: Some(&hidden), unit: None };
        assert_eq!(mapping(&[one], &OpcUaConfig::new("opc.tcp://plc:4840")), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_a_server_calls_its_nodes_the_mapping_is_good_and_means_them(
            nodes in vec((vec("(on|12|[a-z]|[${}+#'\"/\\\\ ]|.|\\PC){0,6}", 1..4), "(\\$\\{env:X\\}|['\"\\\\]|.|\n|\u{85}|\u{1b}|\u{7f}|\u{2028}|\u{feff}){1,12}", "[a-z:;%' ${}]{1,12}"), 1..6)
        ) {
            let addresses: Vec<NodeAddress> = nodes.iter().map(|(_, text, uri)| address(uri, text)).collect();
            let candidates: Vec<Candidate<'_>> = nodes
                .iter()
                .zip(&addresses)
                .map(|((path, text, _), address)| Candidate {
                    path: path.iter().map(String::as_str).collect(),
                    address,
                    details: None,
                    unit: Some(text),
                })
                .collect();
            let loaded = load(&mapping(&candidates, &OpcUaConfig::new("opc.tcp://plc:4840")).unwrap());
            let found: Vec<NodeLocator> = loaded.config.tags.iter().map(|tag| tag.node.clone()).collect();
            prop_assert_eq!(found, addresses.into_iter().map(NodeLocator::Id).collect::<Vec<_>>());
        }
    }
}
