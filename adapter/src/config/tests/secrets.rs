//! Nothing secret leaks into a diagnostic or into `--resolved`.

use std::{fs, path::Path};

use proptest::prelude::*;
use tagwise_model::Registry;

use super::cases::load;
use crate::config::{parse, resolved_yaml};

const SECRET: &str = "Zx9!secret!Zx9";

/// Everything that loading a text can show.
fn shown(text: &str, environment: &[(&str, &str)]) -> String {
    let variables: [(&str, &str); 1] = [environment.first().copied().unwrap_or(("NONE", ""))];
    match parse(text, Path::new("line1.yaml"), &variables, &Registry::builtin()) {
        Ok(loaded) => format!("{}{}{loaded:?}", loaded.warnings, resolved_yaml(&loaded)),
        Err(said) => format!("{said}{}{said:?}", said.to_json()),
    }
}

#[track_caller]
fn check_hidden(yaml: &str) {
    let text = yaml.replace("SECRET", SECRET);
    let said = shown(&text, &[("VARIABLE", SECRET)]);
    assert!(!said.contains(SECRET), "{said}");
}

#[test]
fn literal_secrets_are_masked_wherever_they_stand() {
    for yaml in [
        "broker: { url: mqtt://edge, auth: { username: a, password: SECRET }, frobnicate: 1 }",
        "broker: { url: mqtt://edge, auth: { username: a, pasword: SECRET } }",
        "broker: { url: mqtt://edge, auth: { username: a, password: 12, token: SECRET } }",
        "broker: { url: mqtt://a:SECRET@edge }",
        "broker: { url: \"mqtt://a:SE/SECRET@edge\" }",
        "opcua: { uri: opc.tcp://a:SECRET@plc, security: {} }",
        "opcua: { auth: { basic: [ a, SECRET ] } }",
        "opcua: { auth: SECRET }",
        "opcua:\n  auth:\n    basic:\n      password: |\n        SECRET\n      frobnicate: 1\n",
        "broker: { url: mqtt://edge, proxy: \"http://joe:SECRET@proxy\" }",
        "broker: { url: mqtt://edge, proxy: joe:SECRET@proxy:3128, frobnicate: 1 }",
        "broker: { url: mqtt://edge, proxy: joe:SECRET:proxy:3128 }",
        "broker: { url: mqtt://edge, proxy: \"http:\\/\\/joe:SECRET\\x40proxy:3128\" }",
        "broker: { url: mqtt://edge, proxy: [ SECRET ] }",
        "broker:\n  proxy: |\n    joe:SECRET\n  url: \"x\n",
        "http: { token: \"SECRET\", listen: x }",
        "http: { token: [ SECRET ] }",
        "http: { token: { SECRET: 1 } }",
        "http: { token: SECRET, token: SECRET }",
        "http: { token: SECRET\"x\" }",
        "http: { token: \"SECRET\"x }",
        "http: { token: 'SECRET'x', listen: 1 }",
        "http:\n  token: \"SECRET\n  listen: 1\n",
        "http:\n  token:SECRET\n  listen: 1\n",
        "http: { token: {SECRET}/x }",
        "http: { token: *SECRET }",
        "http: { token: @SECRET }",
        "http: { token: x: SECRET }",
        "http: { token: ${env:SECRET }",
        "http:\n  token: ${env:SECRET\n",
        "http: { token: x${foo:SECRET} }",
        "a: &a SECRET\nhttp: { token: *a }",
    ] {
        check_hidden(yaml);
    }
}

#[test]
fn what_an_expression_yields_is_never_shown() {
    for place in [
        "adapter: { id: \"${env:VARIABLE} x\" }",
        "adapter: { id: \"${env:VARIABLE}\", status_topic: \"${env:VARIABLE}/+\" }",
        "opcua: { uri: \"${env:VARIABLE}\", security: { policy: \"${env:VARIABLE}\" } }",
        "opcua: { uri: \"opc.tcp://${env:VARIABLE}:x\", security: { policy: none } }",
        "broker: { url: \"${env:VARIABLE}\", protocol_version: \"${env:VARIABLE}\" }",
        "broker: { url: mqtt://a, proxy: \"http://a:${env:VARIABLE}\", client_id: \"${env:VARIABLE}\\n\" }",
        "broker: { url: mqtt://a, proxy: \"${env:VARIABLE}\", auth: { username: \"${env:VARIABLE}\\n\" } }",
        "broker: { url: mqtts://a, tls: { server_name: \"${env:VARIABLE}\", alpn: \"${env:VARIABLE}\\n\" } }",
        "broker: { url: \"mqtts://a\", tls: { ca_file: \"${env:VARIABLE}\" } }",
        "tags: [ { name: a, node: \"ns=${env:VARIABLE};i=1\", topic: a } ]",
        "tags: [ { name: a, node: \"i=${env:VARIABLE}\", topic: \"${env:VARIABLE}/{x}\", model: \"${env:VARIABLE}\" } ]",
        "tags: [ { name: \"${env:VARIABLE}\", node: i=1 }, { name: \"${env:VARIABLE}\", node: i=1 } ]",
        "tags: [ { name: a, node: i=1, max_qos: \"${env:VARIABLE}\", retain: \"${env:VARIABLE}\", topic: a } ]",
        "southbound_mappings: [ { tag_name: \"${env:VARIABLE}\", topic_filter: \"${env:VARIABLE}/a+\", value: \"${env:VARIABLE}\", max_age: \"${env:VARIABLE}\" } ]",
        "northbound_mappings: [ { tag_names: \"${env:VARIABLE}[\" } ]",
        "models: { a: { detector: { kind: \"${env:VARIABLE}\" } }, b: { detector: { kind: ewma_z, smoothing: \"${env:VARIABLE}\" } } }",
        "models: { a: { detector: { kind: ewma_z }, features: [ { kind: window, size: 8, statistics: [ \"${env:VARIABLE}\" ] }, { kind: value, tag: \"${env:VARIABLE}\" }, { kind: \"${env:VARIABLE}\" }, { kind: time_of_day, utc_offset: \"${env:VARIABLE}\" } ] } }",
        "models: { a: { detector: { kind: ensemble, of: [ \"${env:VARIABLE}\", { kind: \"${env:VARIABLE}\" }, { kind: knn, neighbours: \"${env:VARIABLE}\" } ] } } }",
        "models: { a: { detector: { kind: ewma_z }, guard: \"${env:VARIABLE}\", smoothing: \"${env:VARIABLE}\", explain: \"${env:VARIABLE}\", threshold: { evt: \"${env:VARIABLE}\" }, decision: { refractory: \"${env:VARIABLE}\" } } }",
        "models: { a: { detector: { kind: ewma_z }, training: { artefact: \"${env:VARIABLE}\" } }, b: { detector: { kind: ewma_z }, training: { file: \"${env:VARIABLE}\", time_column: [ \"${env:VARIABLE}\" ] } } }",
        "http: { listen: \"${env:VARIABLE}\" }",
    ] {
        check_hidden(place);
    }
}

const COMPLETE: &str = r#"
version: 1
opcua: { uri: opc.tcp://plc, security: { policy: none }, auth: { basic: { username: a, password: "PLACE" } } }
broker: { url: mqtt://edge, auth: { username: a, password: "PLACE" }, proxy: "http://a:PLACE@proxy:3128" }
http: { token: "PLACE" }
tags: [ { name: a, node: i=1, topic: a } ]
"#;

#[test]
fn a_mapping_that_runs_shows_none_of_its_secrets() {
    let literal = COMPLETE.replace("PLACE", SECRET);
    let by_variable = COMPLETE.replace("PLACE", "${env:VARIABLE}");
    let property = by_variable.replace("topic: a", "topic: a, mqtt_user_properties: { key: \"${env:VARIABLE}\" }");
    for text in [literal, by_variable, property.clone()] {
        let loaded = parse(&text, Path::new("line1.yaml"), &[("VARIABLE", SECRET)], &Registry::builtin()).unwrap();
        let said = format!("{}{}{}", loaded.warnings, loaded.warnings.to_json(), resolved_yaml(&loaded));
        assert!(!said.contains(SECRET), "{said}");
        assert!(said.contains("'***'"), "{said}");
    }
}

#[test]
fn files_give_secrets_without_their_last_newline() {
    let directory = tempfile::tempdir().unwrap();
    for (content, expected) in [("abc", "abc"), ("abc\n", "abc"), ("abc\r\n", "abc"), ("abc\n\n", "abc\n"), ("", "")] {
        fs::write(directory.path().join("secret"), content).unwrap();
        let text = "version: 1\nopcua: { uri: opc.tcp://plc, security: { policy: none } }\nbroker: { url: mqtt://edge, auth: { username: a, password: 'x${file:secret}y$${z' } }\ntags: [ { name: a, node: i=1, topic: a } ]\n";
        let file = directory.path().join("line1.yaml");
        let loaded = parse(text, &file, &[("A", "")], &Registry::builtin()).unwrap();
        assert_eq!(loaded.config.brokers[0].auth.as_ref().unwrap().password.loaded(), format!("x{expected}y${{z"));
    }
}

#[test]
fn expressions_that_yield_nothing_say_why() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("large"), vec![b'x'; 70_000]).unwrap();
    fs::write(directory.path().join("binary"), [0xff, 0xfe]).unwrap();
    for (expression, expected) in [
        ("${env:UNSET}", "the environment variable UNSET is not set"),
        ("${file:missing}", "missing cannot be used"),
        ("${file:large}", "larger than 65536 bytes"),
        ("${file:binary}", "not UTF-8"),
        ("${file:.}", "no regular file"),
        ("${env:}", "is neither"),
        ("${NAME}", "is neither"),
        ("${env:NAME", "never closed"),
    ] {
        let text = format!("adapter: {{ id: '{expression}' }}\n");
        let file = directory.path().join("line1.yaml");
        let said = parse(&text, &file, &[("NAME", "x")], &Registry::builtin()).unwrap_err();
        let about_it: Vec<_> = said.list.iter().filter(|one| one.column == 16).collect();
        assert_eq!(about_it.len(), 1, "{said}");
        assert!(about_it[0].message.contains(expected), "{said}");
    }
}

#[test]
fn what_an_expression_yields_is_text_and_never_yaml() {
    let environment = [("A", "{ b: [1] } # x\ny: \"")];
    let complete = COMPLETE.replace(", proxy: \"http://a:PLACE@proxy:3128\"", "");
    let text = complete.replace("PLACE", "${env:A}").replace(" name: a,", " name: a, unit: \"${env:A}\",");
    let loaded = parse(&text, Path::new("line1.yaml"), &environment, &Registry::builtin()).unwrap();
    assert_eq!(loaded.config.tags[0].unit.as_deref(), Some(environment[0].1));
}

#[test]
fn an_expression_may_stand_where_a_number_is_due() {
    let config = load("tags: [ { name: a, node: i=1, topic: a, subscription: { sampling_interval: \"${env:INTERVAL}ms\", server_queue_size: \"${env:INTERVAL}\" } } ]\n").unwrap().config;
    assert_eq!(
        (config.tags[0].subscription.sampling_interval.as_millis(), config.tags[0].subscription.asked_queue_size()),
        (250, 250)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever stands around it, and wherever the YAML breaks.
    #[test]
    fn no_secret_is_shown(
        key in prop::sample::select(vec!["password", "token", "pasword", "api_token", "\"password\""]),
        before in "[ \\n]{0,2}|\\[ |\\{ x: y, |\"|'|> ?\\n  |- ",
        prefix in "[ -~]{0,6}",
        suffix in "[ -~]{0,6}",
        indent in 1_usize..3,
        is_flow in any::<bool>(),
    ) {
        // A line of its own counts as the secret's only if it is indented.
        // `a, b: c` without quotes are two keys to everyone.
        prop_assume!(!is_flow || !prefix.contains(": "));
        let before = before.replace('\n', &format!("\n{}", " ".repeat(indent * 2 + 2)));
        let value = format!("{before}{prefix}{SECRET}{suffix}");
        let text = if is_flow {
            format!("http: {{ listen: 1, {key}: {value}, listne: 2 }}\nversion: 2\n")
        } else {
            format!("version: 2\nhttp:\n  listen: 1\n  {key}: {value}\n  listne: 2\n")
        };
        let said = shown(&text, &[]);
        prop_assert!(!said.contains(SECRET), "{}\n{}", text, said);
    }
}
