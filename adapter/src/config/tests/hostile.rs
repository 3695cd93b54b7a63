//! Files that are no mappings at all, or that somebody made to hurt.

use std::{
    fmt::Write as _,
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use proptest::{collection::vec, prelude::*};
use tagwise_model::Registry;

use super::cases::load as load_completed;
use crate::config::{Diagnostics, MAX_FILE_SIZE, load, parse};

const NO_VARIABLES: [(&str, &str); 0] = [];

fn parse_text(text: &str) -> Result<(), Diagnostics> {
    parse(text, Path::new("line1.yaml"), &NO_VARIABLES, &Registry::builtin()).map(drop)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let said = parse_text(text).unwrap_err();
    assert!(said.list.iter().any(|one| one.message.contains(expected)), "{said}");
}

#[track_caller]
fn check_bytes(bytes: &[u8], expected: &str) {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let said = load(file.path(), &NO_VARIABLES, &Registry::builtin()).unwrap_err();
    assert!(said.list[0].message.contains(expected), "{said}");
}

#[test]
fn an_empty_file_says_what_is_due() {
    for text in ["", "\n\n", "# nothing yet\n", "---\n", "~\n"] {
        check(text, "is empty");
    }
}

#[test]
fn a_file_of_the_wrong_shape_says_what_is_due() {
    check("- version: 1\n- tags: []\n", "consists of keys with values");
    check("hello\n", "consists of keys with values");
    check("'12'\n", "consists of keys with values");
}

#[test]
fn what_is_no_text_is_refused() {
    check_bytes(b"\x7fELF\x02\x01\x01\0\0\0", "control characters");
    check_bytes(b"version: 1\nadapter: \0\n", "line 2 has control characters");
    check_bytes(b"version: 1\nadapter: { id: \xff\xfe }\n", "line 2 has bytes that are no characters");
    check_bytes(b"\xff\xfev\0e\0r\0", "is UTF-16");
    check_bytes(b"", "is empty");
}

#[test]
fn a_byte_order_mark_is_no_mistake() {
    let text = "\u{feff}version: 1\nopcua: { uri: opc.tcp://plc, security: { policy: none } }\nbroker: { url: mqtt://edge }\ntags: [ { name: a, node: i=1, topic: a } ]\r\n";
    assert_eq!(parse_text(text), Ok(()));
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let said = load(Path::new("no/such/file.yaml"), &NO_VARIABLES, &Registry::builtin()).unwrap_err();
    assert!(said.to_string().starts_with("error: the mapping file cannot be opened"), "{said}");
    let said = load(Path::new("/"), &NO_VARIABLES, &Registry::builtin()).unwrap_err();
    assert!(said.to_string().starts_with("error: this is a directory"), "{said}");
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // A hole in the disk: it costs nothing to make, and half a minute to read.
    File::set_len(file.as_file(), 64 << 30).unwrap();
    let started = Instant::now();
    let said = load(file.path(), &NO_VARIABLES, &Registry::builtin()).unwrap_err();
    assert!(said.list[0].message.contains("68719476736 bytes"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(5), "reading 64 GiB takes longer than looking at its size");
}

#[test]
fn a_carriage_return_alone_ends_no_line() {
    for (text, line) in [("version: 1\ropcua: x\r", 1), ("version: 1\r\nopcua: x\ry", 2), ("version: 1\n\r", 2)] {
        let said = parse_text(text).unwrap_err().to_string();
        assert!(said.contains(&format!("line {line} has a carriage return")), "{text:?}: {said}");
    }
}

#[test]
fn an_alias_bomb_is_defused() {
    let mut text = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        writeln!(text, "b{level}: &a{level} [{}]", vec![below; 10].join(", ")).unwrap();
    }
    check(&text, "more than 1000000 values, those that aliases repeat included");
    check("a: &a [ *a ]\n", "stands inside the very value");
}

#[test]
fn deep_nesting_is_refused() {
    check(&"[".repeat(100_000), "nested too deep");
    check(&format!("a: {}1{}\n", "[".repeat(200), "]".repeat(200)), "nests more than 64 levels deep");
    check(&format!("{}1\n", "- ".repeat(10_000)), "nests more than 64 levels deep");
    let steps = many(1000, |depth| format!("{}a:\n", " ".repeat(depth)));
    check(&steps, "nests more than 64 levels deep");
}

#[test]
fn long_texts_are_refused_by_what_they_are_for() {
    let topic = "x".repeat(65_536);
    let said = load_completed(&format!("tags: [ {{ name: a, node: i=1, topic: {topic} }} ]\n")).unwrap_err();
    assert!(said.to_string().contains("a topic has at most 65535 bytes, this one has 65536"));
    assert!(said.list.iter().all(|one| one.line_text.chars().count() < 130 && one.message.len() < 400), "{said}");
    let name = "y".repeat(1_000_000);
    let said = load_completed(&format!("tags: [ {{ name: {name}, node: i=1, topic: a }} ]\n{name}: 1\n")).unwrap_err();
    assert!(said.to_string().len() < 5000, "{said}");
}

#[test]
fn many_mistakes_are_counted_and_not_all_shown() {
    let text: String = many(30_000, |number| format!("mistake_{number}: 1\n"));
    let started = Instant::now();
    let said = parse_text(&text).unwrap_err();
    assert_eq!((said.list.len(), said.left_out > 29_000), (200, true));
    assert!(said.to_string().contains("more that are not shown"));
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn ten_thousand_tags_fit() {
    let mut text =
        "version: 1\nopcua: { uri: opc.tcp://plc, security: { policy: none } }\nbroker: { url: mqtt://edge }\ntags:\n"
            .to_owned();
    for tag in 0..10_000 {
        writeln!(text, "  - {{ name: line1/tag{tag}, node: 'nsu=urn:x;s=\"Machine\".\"Tag{tag}\"', unit: mm/s, description: A tag among many }}").unwrap();
    }
    text.push_str("northbound_mappings:\n");
    for tag in 0..10_000 {
        writeln!(text, "  - tag_name: line1/tag{tag}\n    topic: machine/line1/tag{tag}\n    include_metadata: true\n    max_qos: 1").unwrap();
    }
    assert!((text.len() as u64) < MAX_FILE_SIZE * 2 / 3);
    assert_eq!(parse_text(&text), Ok(()));
}

fn reference() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../mappings/reference.yaml")).unwrap()
}

/// One text for each number, joined.
fn many(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

/// Renders as well: that is where columns could go wrong.
fn must_not_panic(text: &str) {
    match parse(text, Path::new("line1.yaml"), &[("A", "b")], &Registry::builtin()) {
        Ok(loaded) => drop((loaded.warnings.to_string(), crate::config::resolved_yaml(&loaded))),
        Err(said) => drop((said.to_string(), said.to_json())),
    }
}

const SNIPPETS: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    "'",
    "\"",
    "#",
    " #",
    ":",
    ": ",
    "- ",
    "\t",
    "\n",
    "&a ",
    "*a",
    "!!str ",
    "${env:A}",
    "<<: *a",
    "|",
    "ä\u{202e}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300)) {
        must_not_panic(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_text_of_yaml_s_characters_panics(text in "([ a-z]{0,4}|: |- |[{}\\[\\],'\"#&*!|>%@\\n\\t]|\\$\\{|env:A){0,40}") {
        must_not_panic(&text);
    }

    #[test]
    fn no_mutation_of_the_reference_panics(places in vec((any::<prop::sample::Index>(), 0..SNIPPETS.len(), 0_usize..30), 1..4)) {
        let mut text: Vec<char> = reference().chars().collect();
        for (place, snippet, removed) in places {
            let start = place.index(text.len());
            let end = (start + removed).min(text.len());
            text.splice(start..end, SNIPPETS[snippet].chars());
        }
        must_not_panic(&text.into_iter().collect::<String>());
    }
}

/// What takes time that grows with the square of a line's length shows here.
#[test]
fn everything_on_one_line_takes_no_longer() {
    let keys: String = many(20_000, |number| format!("k{number}: {{ token: 'x' }}, "));
    let properties: String = many(20_000, |number| format!("k{number}: \"v\", "));
    let tags: String = many(10_000, |number| format!("{{ name: t{number}, node: i=1, topic: t{number} }}, "));
    let broken = "{ token: x, ".repeat(20_000);
    let features: String = many(10_000, |number| format!("{{ kind: value, tag: t{number} }}, "));
    let members: String = many(20_000, |number| format!("knm{number}, "));
    for text in [
        format!("http: {{ {keys} }}\n"),
        format!("tags: [ {{ name: a, node: i=1, topic: a, mqtt_user_properties: {{ {properties} }} }} ]\n"),
        format!("tags: [ {tags} ]\n"),
        format!("models: {{ a: {{ detector: {{ kind: knn }}, features: [ {features} ] }} }}\ntags: [ {tags} ]\n"),
        format!("models: {{ a: {{ detector: {{ kind: ensemble, of: [ {members} ] }} }} }}\n"),
        format!("http: {broken}\n"),
        format!("base: &base {{ {keys} }}\nhttp: {{ <<: *base, {keys} }}\n"),
    ] {
        let started = Instant::now();
        must_not_panic(&text);
        assert!(
            started.elapsed().as_secs() < 20,
            "{:?} for {}",
            started.elapsed(),
            text.chars().take(60).collect::<String>()
        );
    }
}
