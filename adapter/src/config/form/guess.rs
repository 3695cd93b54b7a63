//! What was probably meant by a key that is not known.

use super::walk::join;
use crate::config::{
    keys::{ROOT, Section, Shape},
    suggest::{any_of, did_you_mean},
    tree::Node,
};

/// `name:vibration`, which YAML takes for one word.
pub(super) fn missing_space(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(':')?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (is_key && !value.is_empty() && !value.starts_with('/') && is_any_key(key)).then_some((key, value))
}

/// `{adapter}` alone: a mapping with one key and no value.
pub(super) fn lone_placeholder(node: &Node) -> Option<String> {
    match node.as_mapping()?.entries.as_slice() {
        [only] if only.value.is_null() && only.key.chars().all(|c| c.is_ascii_alphanumeric() || "_[]-".contains(c)) => {
            Some(format!("{{{}}}", only.key))
        }
        _ => None,
    }
}

/// The key that was probably meant by `found`.
pub(crate) fn meant_key(found: &str, section: &'static Section) -> Option<&'static str> {
    /// What other tools call it.
    const OTHER_NAMES: &[(&str, &str)] = &[
        ("qos", "max_qos"),
        ("user", "username"),
        ("pass", "password"),
        ("node_id", "node"),
        ("address", "node"),
        ("host", "url"),
        ("server", "uri"),
        ("endpoint", "uri"),
        ("url", "uri"),
        ("uri", "url"),
        ("user_properties", "mqtt_user_properties"),
        ("bind", "listen"),
        ("port", "listen"),
        ("trees", "detector"),
        ("kind", "detector"),
    ];
    let other = OTHER_NAMES.iter().filter(|(other, _)| other.eq_ignore_ascii_case(found)).map(|(_, name)| *name);
    other
        .into_iter()
        .find(|name| section.get(name).is_some())
        .or_else(|| did_you_mean(found, section.keys().map(|key| key.name)))
}

/// Where a key that stands in the wrong place would be right.
pub(super) fn home_of(name: &str) -> Option<String> {
    let mut homes = Vec::new();
    find_homes(&ROOT, "", name, &mut homes);
    homes.truncate(3);
    (!homes.is_empty()).then(|| any_of(homes.iter().map(String::as_str)))
}

fn find_homes(section: &'static Section, path: &str, name: &str, homes: &mut Vec<String>) {
    for key in section.keys() {
        if key.name == name && !homes.iter().any(|home| *home == format!("`{path}`")) {
            homes.push(if path.is_empty() { "the top level of the file".to_owned() } else { format!("`{path}`") });
        }
        if let Shape::Section(inner) | Shape::NoneOrSection(inner) | Shape::List(inner) | Shape::Named(inner) =
            key.shape
        {
            find_homes(inner, &join(path, key.name), name, homes);
        }
    }
}

fn is_any_key(name: &str) -> bool {
    name == "kind" || home_of(name).is_some()
}
