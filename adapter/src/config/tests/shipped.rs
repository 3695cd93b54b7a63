//! The mappings that are shipped, the schema, and the effective mapping as YAML.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tagwise_model::{ParamValue, Params, Registry};

use super::defaults::all_keys;
use crate::config::{Loaded, load, parse, resolved_yaml, schema};

const ENVIRONMENT: [(&str, &str); 7] = [
    ("PLC_PASSWORD", "plc"),
    ("CLOUD_HOST", "cloud.example"),
    ("CLOUD_USER", "user"),
    ("CLOUD_PASSWORD", "cloud"),
    ("CLOUD_PROXY", "http://user:password@proxy:3128"),
    ("TAGWISE_TOKEN", "token"),
    ("NAME", "x"),
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../mappings")
}

/// All shipped mappings, copied to where the files stand that they name.
fn shipped() -> (tempfile::TempDir, Vec<PathBuf>) {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("secrets")).unwrap();
    fs::write(copy.path().join("secrets/cloud"), "cloud\n").unwrap();
    for file in ["ca.pem", "us.pem", "us.key"] {
        fs::write(copy.path().join("secrets").join(file), "").unwrap();
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let target = copy.path().join(path.file_name().unwrap());
            fs::copy(&path, &target).unwrap();
            files.push(target);
        }
    }
    assert!(files.len() >= 3);
    (copy, files)
}

fn load_good(path: &Path) -> Loaded {
    load(path, &ENVIRONMENT, &Registry::builtin()).unwrap_or_else(|said| panic!("{said}"))
}

fn as_json(yaml: &str) -> serde_json::Value {
    serde_yaml::from_str(yaml).unwrap()
}

#[test]
fn every_shipped_mapping_loads() {
    let (_copy, files) = shipped();
    for file in files {
        let loaded = load_good(&file);
        assert!(loaded.config.tags.len() >= 3, "{}", file.display());
    }
}

#[test]
fn the_demo_loads_without_a_word() {
    let loaded = load_good(&directory().join("demo.yaml"));
    assert_eq!(loaded.warnings.list, []);
    let alarm = loaded.config.northbound_mappings[0].alarm.as_ref().unwrap();
    assert_eq!(loaded.config.tags[alarm.write_tag.unwrap().index()].name.as_str(), "vib_alarm");
}

#[test]
fn the_shipped_schema_is_the_one_of_the_code() {
    let path = directory().join("tagwise.schema.json");
    let expected = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert!(fs::read_to_string(path).unwrap() == expected, "run UPDATE_EXPECTED=1 cargo test -p tagwise config");
}

#[test]
fn the_schema_accepts_every_shipped_mapping() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let (_copy, files) = shipped();
    for file in files {
        let mapping = as_json(&fs::read_to_string(&file).unwrap());
        let errors: Vec<String> = validator.iter_errors(&mapping).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
        let resolved = as_json(&resolved_yaml(&load_good(&file)));
        assert!(validator.is_valid(&resolved), "{resolved:#}");
    }
}

#[test]
fn the_schema_refuses_what_the_checks_refuse() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let good = r#"{ version: 1, opcua: { uri: "opc.tcp://a", security: { policy: NONE } }, broker: { url: "mqtt://a" }, tags: [ { name: a, node: "i=1", topic: a } ] }"#;
    assert!(validator.is_valid(&as_json(good)));
    assert!(validator.is_valid(&as_json(&good.replace("node: \"i=1\",", "browse_path: [ \"2:PLC\", Speed ],"))));
    for (from, to) in [
        ("version: 1", "version: 2"),
        ("topic: a", "topci: a"),
        ("policy: NONE", "policy: basic512"),
        ("topic: a", "topic: a, max_qos: 3"),
        ("topic: a", "topic: a, message_expiry_interval: 10"),
        ("node: \"i=1\",", ""),
        ("node: \"i=1\",", "node: \"i=1\", browse_path: a,"),
        ("broker: { url: \"mqtt://a\" },", ""),
    ] {
        assert!(!validator.is_valid(&as_json(&good.replace(from, to))), "{to}");
    }
}

/// What stands in the reference, commented keys included, without its comments.
fn reference_words() -> Vec<String> {
    let text = fs::read_to_string(directory().join("reference.yaml")).unwrap();
    text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect()
}

#[test]
fn the_reference_has_every_key_of_the_language() {
    let words = reference_words();
    let reference = as_json(&fs::read_to_string(directory().join("reference.yaml")).unwrap());
    for (path, key) in all_keys() {
        assert!(words.iter().any(|word| word == key.name), "{path} is not in the reference");
        let exceptions =
            ["broker", "file", "time_column", "artefact", "duration", "contamination", "evt", "fixed", "percent"];
        let is_shared = path.starts_with("defaults.")
            || path.starts_with("opcua.auth.x509")
            || path.starts_with("broker.")
            || (path.starts_with("tags.") && !path.starts_with("tags.subscription"));
        if key.is_built() && !exceptions.contains(&key.name) && !is_shared {
            assert!(find(&reference, &path.split('.').collect::<Vec<_>>()).is_some(), "{path} is only a comment");
        }
    }
    for name in Registry::builtin().names() {
        assert!(words.iter().any(|word| word == name), "{name}");
    }
}

#[test]
fn the_reference_shows_the_defaults_of_the_tables() {
    let reference = as_json(&fs::read_to_string(directory().join("reference.yaml")).unwrap());
    for (path, key) in all_keys() {
        let Some(default) = key.default else { continue };
        let is_an_example = path.starts_with("tags.")
            || path.starts_with("defaults.")
            || path.starts_with("broker.")
            || path.contains("models.training");
        if is_an_example {
            continue;
        }
        if let Some(found) = find(&reference, &path.split('.').collect::<Vec<_>>()) {
            let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            assert_eq!(found, default.trim_matches('"'), "{path}");
        }
    }
}

#[test]
fn the_reference_shows_every_parameter_of_every_kind_at_its_default() {
    let (_copy, files) = shipped();
    let file = files.iter().find(|file| file.ends_with("reference.yaml")).unwrap();
    let written = as_json(&fs::read_to_string(file).unwrap());
    let models = load_good(file).declared_models;
    for kind in Registry::builtin().names().map(|name| Registry::builtin().get(name).unwrap().clone()) {
        let model =
            models.iter().find(|model| model.spec.kind == kind.name()).unwrap_or_else(|| panic!("{}", kind.name()));
        for (name, default) in Params::defaults(kind.parameters()).iter() {
            let place = format!("{}: {name}", kind.name());
            assert!(written["models"][&model.name]["detector"].get(name).is_some(), "{place} is not written");
            // The members of an ensemble are an example.
            if !matches!(default, ParamValue::Detectors(_)) {
                assert_eq!(model.spec.params.get(name), Some(default), "{place}");
            }
        }
    }
}

/// Steps into lists and named entries by themselves.
fn find<'a>(value: &'a serde_json::Value, path: &[&str]) -> Option<&'a serde_json::Value> {
    let Some((first, rest)) = path.split_first() else { return Some(value) };
    match value {
        serde_json::Value::Array(items) => items.iter().find_map(|item| find(item, path)),
        serde_json::Value::Object(entries) => match entries.get(*first) {
            Some(inner) => find(inner, rest),
            None => entries
                .values()
                .filter(|inner| inner.is_object())
                .find_map(|inner| inner.get(*first).and_then(|inner| find(inner, rest))),
        },
        _ => None,
    }
}

/// The configuration without the lines, which differ between two files.
fn without_lines(loaded: &Loaded) -> String {
    let shown = format!("{:#?}", loaded.config);
    shown.lines().filter(|line| !line.trim_start().starts_with("line: ")).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check_round_trip(loaded: &Loaded) {
    let yaml = resolved_yaml(loaded);
    let again = parse(&yaml, Path::new("/other/place.yaml"), &[("A", "")], &Registry::builtin())
        .unwrap_or_else(|said| panic!("{yaml}\n{said}"));
    assert_eq!(without_lines(&again), without_lines(loaded));
    assert_eq!(resolved_yaml(&again), yaml);
}

#[test]
fn the_effective_mapping_gives_the_same_configuration_again() {
    let (_copy, files) = shipped();
    for file in files {
        check_round_trip(&load_good(&file));
    }
}

#[test]
fn everything_that_a_model_can_say_survives() {
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("normal.csv"), "time,a\n").unwrap();
    fs::write(files.path().join("a.model"), "").unwrap();
    let yaml = r#"
version: 1
adapter: { id: a, state_dir: /x }
opcua: { uri: opc.tcp://plc, security: { policy: none } }
broker: { url: mqtt://edge }
models:
  inputs:
    detector: { kind: mewma_t2, smoothing: 0.5, of: t2 }
    per: model
    features:
      - { kind: value, tag: c }
      - { kind: window, tag: b, size: 7, statistics: [ standard_deviation, peak_to_peak ] }
      - { kind: difference, tag: c, lag: 3 }
      - { kind: time_of_day, slots: 24, utc_offset: "-05:30" }
      - { kind: value }
    scaler: none
    guard: none
    smoothing: 0.25
    training: { file: normal.csv, time_column: "time of day: #1" }
    threshold: { evt: 0.01 }
    decision: { raise_after: 3, clear_after: 10, refractory: 90s }
    explain: 4
  frames:
    detector: { kind: pca, statistic: combined }
    features: [ { kind: bands, tag: b, size: 64, count: 4, hop: 16 }, { kind: bands, size: 32 , hop: 16 } ]
    guard: 0
    training: { artefact: a.model }
    threshold: { contamination: 0.1 }
  several:
    detector: { kind: ensemble, of: [ lof, { kind: novelty, rhythm: daily, utc_offset_minutes: -15 } ], combine: max }
    training: { samples: 2000 }
    threshold: { fixed: -1.5 }
  quantile: { detector: { kind: stuck, rate: 0.1 }, threshold: { quantile: 0.98, factor: 1.5 }, features: [] }
tags:
  - { name: a, node: "nsu=urn:x;s=A", topic: a, model: inputs }
  - { name: b, node: "nsu=urn:x;s=B", topic: b, model: frames }
  - { name: c, node: "nsu=urn:x;s=C", topic: c, model: several }
  - { name: d, node: "nsu=urn:x;s=D", topic: d, model: quantile }
  - { name: e, node: "nsu=urn:x;s=E", topic: e, model: ensemble }
"#;
    let loaded = parse(yaml, &files.path().join("b.yaml"), &[("A", "")], &Registry::builtin())
        .unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(loaded.warnings.list, []);
    check_round_trip(&loaded);
}

#[test]
fn texts_that_yaml_could_misread_survive() {
    for text in [
        "on",
        "12",
        "0x1F",
        "1e3",
        "null",
        "~",
        "a: b",
        "a #b",
        "#a",
        "$${env:A}",
        "it's",
        "\\\"q\\\"",
        " a ",
        "{tag}",
        "*",
        "010",
        "1_000",
        ".inf",
        "2024-01-01",
        "y",
    ] {
        let yaml = format!(
            "version: 1\nadapter: {{ id: a, state_dir: /x }}\nopcua: {{ uri: opc.tcp://plc, security: {{ policy: none }} }}\nbroker: {{ url: mqtt://edge }}\ntags: [ {{ name: \"{text}\", node: \"nsu=urn:x;s={text}\", topic: a, unit: \"{text}\", mqtt_user_properties: {{ \"{text}\": \"{text}\" }} }} ]\n"
        );
        let loaded = parse(&yaml, Path::new("/a/b.yaml"), &[("A", "")], &Registry::builtin())
            .unwrap_or_else(|said| panic!("{said}"));
        check_round_trip(&loaded);
    }
}
