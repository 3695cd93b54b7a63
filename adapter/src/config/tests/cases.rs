//! One case per mistake, in `cases/*.txt`: a heading `=== …`, the YAML, `>>>`, and all that is said about it.
//!
//! What a mapping needs besides is added below the YAML, so that a case shows only what it is about. After a change of
//! wording, `UPDATE_EXPECTED=1 cargo test -p tagwise config` writes the files anew; read the difference.

use std::{fmt::Write, fs, path::Path};

use tagwise_model::Registry;

use crate::config::{Diagnostics, Loaded, parse};

/// The environment of all cases.
const ENVIRONMENT: [(&str, &str); 4] =
    [("SECRET", "hunter2"), ("TOPIC", "plant/+/hunter2"), ("INTERVAL", "250"), ("NAME", "line 1")];

/// Parts that are added when a case does not bring them itself.
const PARTS: [(&str, &str); 4] = [
    ("version:", "version: 1"),
    ("opcua:", "opcua: { uri: opc.tcp://plc:4840, security: { policy: none } }"),
    ("broker", "broker: { url: mqtt://edge:1883 }"),
    ("tags:", "tags: [ { name: vibration, node: 'nsu=urn:x;s=Vibration', topic: machine/vib } ]"),
];

/// Completes a mapping and loads it.
pub(super) fn load(yaml: &str) -> Result<Loaded, Diagnostics> {
    let mut text = yaml.to_owned();
    for (key, part) in PARTS {
        if !yaml.lines().any(|line| line.trim_start_matches("? ").starts_with(key)) {
            text.push_str(part);
            text.push('\n');
        }
    }
    parse(&text, Path::new("line1.yaml"), &ENVIRONMENT, &Registry::builtin())
}

fn said_about(yaml: &str) -> String {
    match load(yaml) {
        Ok(loaded) if loaded.warnings.list.is_empty() => "good\n".to_owned(),
        Ok(loaded) => loaded.warnings.to_string(),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

#[track_caller]
fn check_file(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/cases").join(name);
    let expected = fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    for case in expected.split("=== ").skip(1) {
        let (heading, rest) = case.split_once('\n').unwrap();
        let yaml = rest.split_once("\n>>>\n").map_or(rest, |(yaml, _)| yaml);
        let said = said_about(&format!("{}\n", yaml.trim_end_matches('\n')));
        write!(actual, "=== {heading}\n{}\n>>>\n{}\n\n", yaml.trim_end_matches('\n'), said.trim_end()).unwrap();
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, &actual).unwrap();
    }
    for (expected, actual) in expected.split("=== ").zip(actual.split("=== ")) {
        assert_eq!(actual.trim_end(), expected.trim_end());
    }
}

#[test]
fn mistakes_that_yaml_makes_easy_each_have_their_sentence() {
    check_file("easy_mistakes.txt");
}

#[test]
fn mistakes_of_form_are_explained() {
    check_file("form.txt");
}

#[test]
fn mistakes_of_meaning_are_explained() {
    check_file("meaning.txt");
}

#[test]
fn node_ids_of_other_tools_are_rewritten() {
    check_file("node_ids.txt");
}

/// What stands between the quotes of `write '…'`.
fn suggestions(said: &str) -> Vec<String> {
    let parts = said.lines().filter_map(|line| line.trim().strip_prefix("= help: write '"));
    parts.filter_map(|rest| rest.split("' with").next()?.split("'\n").next().map(str::to_owned)).collect()
}

#[test]
fn what_is_written_in_place_of_a_node_id_is_accepted() {
    let ids = include_str!("cases/node_ids.txt").lines().filter_map(|line| line.split_once("node: '"));
    let ids = ids.filter_map(|(_, rest)| rest.split_once("', topic: t/"));
    let mut tried = 0;
    for (id, _) in ids.filter(|(id, _)| !id.contains("''")) {
        let mapping = |id: &str| said_about(&format!("tags: [ {{ name: a, node: '{id}', topic: t }} ]\n"));
        for suggestion in suggestions(&mapping(id)) {
            let suggestion = suggestion.trim_end_matches('\'').replace("<namespace uri>", "urn:x");
            let said = mapping(&suggestion);
            assert!(!said.contains("error:") && !said.contains("warning:"), "{id} -> {suggestion}: {said}");
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn mistakes_between_mappings_are_explained() {
    check_file("conflicts.txt");
}

#[test]
fn mistakes_of_security_are_explained() {
    check_file("security.txt");
}

#[test]
fn mistakes_about_the_broker_are_explained() {
    check_file("broker.txt");
}

#[test]
fn mistakes_about_several_brokers_are_explained() {
    check_file("brokers.txt");
}

#[test]
fn what_is_planned_is_refused_as_not_yet() {
    check_file("not_yet.txt");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    check_file("all_at_once.txt");
}
