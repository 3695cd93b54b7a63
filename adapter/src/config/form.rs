//! The first half of the resolve pass: is every key known, is every value of the right type?
//!
//! It walks the whole tree by the key tables and reports everything, so that the second half, which builds the
//! `Config`, need not say anything about form.

use tagwise_model::{Domain, ParamValue, Registry};

use super::{
    keys::{Key, Need, PLANNED_DETECTORS, ROOT, Section, Shape, TextKind},
    mask,
    report::Report,
    scalar::{self, Problem},
    source::Source,
    span::Span,
    suggest::{any_of, did_you_mean},
    tree::{Entry, Kind, Mapping, Node, Scalar},
};

/// Checks the form of a whole file.
pub(super) fn check_form(root: &Node, source: &Source, registry: &Registry, report: &mut Report) {
    let mut form = Form { source, registry, report };
    match &root.kind {
        Kind::Mapping(mapping) => form.section(mapping, Span::on_line(1, 1, 1), "", &ROOT),
        Kind::Broken => {}
        _ => form.report.error(root.span, "a mapping file consists of keys with values").help(SMALLEST),
    }
}

/// What a file needs at least.
pub(super) const SMALLEST: &str =
    "start with `version: 1`, `opcua:`, `broker:` and `tags:`; mappings/reference.yaml has every key";

struct Form<'a> {
    source: &'a Source,
    registry: &'a Registry,
    report: &'a mut Report,
}

impl Form<'_> {
    fn section(&mut self, mapping: &Mapping, span: Span, path: &str, section: &'static Section) {
        let mut guesses = Vec::new();
        for entry in &mapping.entries {
            match section.get(&entry.key) {
                Some(key) => self.entry(entry, key, path),
                None => guesses.extend(self.unknown_key(entry, path, section)),
            }
        }
        for key in section.keys() {
            if let Need::Required(example) = key.need
                && mapping.get(key.name).is_none()
                && !guesses.contains(&key.name)
            {
                let place = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
                self.report.error(span, format!("`{}` is missing in {place}", key.name)).help(example);
            }
        }
    }

    fn entry(&mut self, entry: &Entry, key: &'static Key, path: &str) {
        if let Need::NotYet(instead) = key.need {
            let message = format!("`{}` is planned, but not yet built", join(path, key.name));
            self.report.error(entry.key_span, message).help(instead);
            return;
        }
        if entry.value.is_null() {
            self.no_value(entry, key.shape);
            return;
        }
        self.value(&entry.value, entry.key_span, &join(path, key.name), key.shape);
    }

    fn value(&mut self, node: &Node, key_span: Span, path: &str, shape: Shape) {
        match (shape, &node.kind) {
            (_, Kind::Broken) | (Shape::Unread, _) => {}
            (Shape::Section(section), Kind::Mapping(mapping)) => self.section(mapping, key_span, path, section),
            (Shape::List(section), Kind::Sequence(items)) => self.list(items, path, section),
            (Shape::Named(section), Kind::Mapping(mapping)) => self.named(mapping, path, section),
            (Shape::Detector, Kind::Mapping(mapping)) => self.detector(mapping, key_span, path),
            (Shape::TextMap, Kind::Mapping(mapping)) => {
                for entry in &mapping.entries {
                    self.value(&entry.value, entry.key_span, &join(path, &entry.key), Shape::Text(TextKind::Any));
                }
            }
            (Shape::Texts, Kind::Sequence(items)) => {
                for item in items {
                    self.value(item, item.span, path, Shape::Text(TextKind::Topic));
                }
            }
            (Shape::Texts, Kind::Scalar(_)) => self.value(node, key_span, path, Shape::Text(TextKind::Topic)),
            (Shape::Section(_) | Shape::Named(_) | Shape::Detector | Shape::TextMap, _) => {
                self.not_a_mapping(node, path, shape);
            }
            (Shape::List(_), _) => self
                .report
                .error(node.span, format!("`{path}` is a list, but here stands {}", self.describe(node)))
                .help("start each entry with `- ` on a line of its own"),
            (_, Kind::Scalar(scalar)) => self.scalar(node, scalar, path, shape),
            (_, Kind::Mapping(_) | Kind::Sequence(_)) => self.not_a_scalar(node, path, shape),
        }
    }

    fn list(&mut self, items: &[Node], path: &str, section: &'static Section) {
        for item in items {
            match &item.kind {
                Kind::Mapping(mapping) => {
                    let span = mapping.entries.first().map_or(item.span, |first| first.key_span);
                    self.section(mapping, span, path, section);
                }
                _ => self.not_a_mapping(item, path, Shape::List(section)),
            }
        }
    }

    fn named(&mut self, mapping: &Mapping, path: &str, section: &'static Section) {
        for entry in &mapping.entries {
            self.value(&entry.value, entry.key_span, &join(path, &entry.key), Shape::Section(section));
        }
    }

    fn scalar(&mut self, node: &Node, scalar: &Scalar, path: &str, shape: Shape) {
        if scalar.is_null() {
            self.report.error(node.span, format!("`{path}` has no value")).help("write one, or remove the key");
            return;
        }
        let problem = match shape {
            Shape::Text(kind) => {
                self.comment_in_text(node, scalar, kind);
                scalar::read_text(scalar).err()
            }
            Shape::Boolean => scalar::read_boolean(scalar).err(),
            Shape::Integer { min, max } => scalar::read_integer(scalar, min, max).err(),
            Shape::Number { min, max } => scalar::read_number(scalar, min, max).err(),
            Shape::Duration { min, max } => scalar::read_duration(scalar, min, max).err(),
            Shape::Choice { options, planned } => scalar::read_choice(scalar, options, planned).err(),
            Shape::AutoOrInteger { min, max } => scalar::read_auto_or_integer(scalar, min, max).err(),
            Shape::Version => scalar::read_version(scalar).err(),
            Shape::Texts
            | Shape::TextMap
            | Shape::Section(_)
            | Shape::List(_)
            | Shape::Named(_)
            | Shape::Detector
            | Shape::Unread => None,
        };
        if let Some(problem) = problem {
            self.problem(node, scalar, problem);
        }
    }

    fn problem(&mut self, node: &Node, scalar: &Scalar, problem: Problem) {
        let found = show(self.source, node.span, scalar);
        let helper = self.report.error(node.span, problem.message.replace("{}", &found));
        if let Some(help) = problem.help {
            helper.help(help.replace("{}", &if found == "***" { "\"…\"".to_owned() } else { found }));
        }
    }

    /// YAML ends a text without quotes at ` #`.
    fn comment_in_text(&mut self, node: &Node, scalar: &Scalar, kind: TextKind) {
        if !scalar.is_plain() || node.span.line != node.span.end_line {
            return;
        }
        let after = self.source.after(node.span.line, node.span.end_column);
        let comment = after.trim_start();
        if !comment.starts_with('#') || after.len() == comment.len() {
            return;
        }
        let is_wildcard = comment.trim_end() == "#" || comment.starts_with("#/");
        match kind {
            TextKind::Topic if scalar.text.ends_with('/') || is_wildcard => self
                .report
                .error(node.span, "the topic ends here: ` #` starts a comment in YAML")
                .help("put the whole topic in quotes, without a space before `#`"),
            TextKind::Secret => self
                .report
                .warning(node.span, "this secret ends before ` #`, which starts a comment in YAML")
                .help("if the rest belongs to the secret, put all of it in quotes"),
            TextKind::Any | TextKind::Topic => {}
        }
    }

    fn no_value(&mut self, entry: &Entry, shape: Shape) {
        let after = self.source.after(entry.key_span.line, entry.key_span.end_column);
        let comment = after.trim_start_matches([':', ' ', '"', '\'']);
        if matches!(shape, Shape::Text(TextKind::Topic) | Shape::Texts) && comment.starts_with('#') {
            let wildcard: String = comment.chars().take_while(|c| !c.is_whitespace()).collect();
            self.report
                .error(entry.key_span, format!("`{}` has no value: `#` starts a comment in YAML", entry.key))
                .help(format!("write \"{wildcard}\" in quotes"));
            return;
        }
        self.report.error(entry.key_span, format!("`{}` has no value", entry.key)).help(
            "write one, or remove the key; what belongs to it on the lines below must be indented deeper than the key",
        );
    }

    fn not_a_mapping(&mut self, node: &Node, path: &str, shape: Shape) {
        if node.is_broken() {
            return;
        }
        if let Kind::Scalar(scalar) = &node.kind
            && let Some((key, _)) = missing_space(&scalar.text)
        {
            self.report.error(node.span, "a space is missing after the colon").help(format!("write `{key}: …`"));
            return;
        }
        let example = match shape {
            Shape::Section(section) | Shape::List(section) | Shape::Named(section) => {
                let keys = section.keys().filter(|key| key.is_built()).map(|key| key.name);
                format!("the keys of `{path}` are {}", keys.collect::<Vec<_>>().join(", "))
            }
            Shape::Detector => "write `detector: { kind: isolation_forest }`".to_owned(),
            _ => format!("write `{}: {{ name: text }}`", path.rsplit('.').next().unwrap_or(path)),
        };
        let what = if matches!(shape, Shape::List(_)) { "an entry of `" } else { "`" };
        self.report
            .error(
                node.span,
                format!("{what}{path}` consists of keys with values, but here stands {}", self.describe(node)),
            )
            .help(example);
    }

    fn not_a_scalar(&mut self, node: &Node, path: &str, shape: Shape) {
        let due = match shape {
            Shape::Text(_) | Shape::Texts => "a text",
            Shape::Boolean => "`true` or `false`",
            Shape::Integer { .. } | Shape::AutoOrInteger { .. } | Shape::Version => "a whole number",
            Shape::Number { .. } => "a number",
            Shape::Duration { .. } => "a time",
            _ => "a single word",
        };
        let is_text = matches!(shape, Shape::Text(_) | Shape::Texts);
        if is_text && let Some(braces) = lone_placeholder(node) {
            self.report
                .error(node.span, "a text with `{…}` needs quotes: YAML reads `{` as the start of a mapping")
                .help(format!("write \"{braces}\""));
            return;
        }
        self.report
            .error(node.span, format!("{due} is due for `{path}`, but here stands {}", self.describe(node)))
            .help("a text that starts with `{` or `[` goes in quotes");
    }

    /// Answers with the key that was probably meant.
    fn unknown_key(&mut self, entry: &Entry, path: &str, section: &'static Section) -> Option<&'static str> {
        if self.report.is_only_counting() {
            return None;
        }
        let shown = self.source.quote(entry.key_span, &entry.key);
        if let Some((key, _)) = missing_space(&entry.key) {
            self.report
                .error(entry.key_span, format!("unknown key {shown}: a space is missing after the colon"))
                .help(format!("write `{key}: …`"));
            return section.get(key).map(|key| key.name);
        }
        let place = if path.is_empty() { "at the top of the file".to_owned() } else { format!("in `{path}`") };
        let meant = meant_key(&entry.key, section);
        let guess = meant.map_or_else(String::new, |key| format!("; did you mean \"{key}\"?"));
        let built: Vec<_> = section.keys().filter(|key| key.is_built()).map(|key| key.name).collect();
        let elsewhere = if meant.is_none() { home_of(&entry.key) } else { None };
        let help = match elsewhere {
            Some(home) => format!("`{}` belongs in {home}; check the indentation", entry.key),
            None => format!("the keys here are {}", built.join(", ")),
        };
        self.report.error(entry.key_span, format!("unknown key {shown} {place}{guess}")).help(help);
        meant
    }

    fn detector(&mut self, mapping: &Mapping, span: Span, path: &str) {
        let Some(kind) = mapping.get("kind") else {
            let help = format!("write `kind: …`: {}", any_of(self.registry.names()));
            self.report.error(span, format!("`kind` is missing in `{path}`")).help(help);
            return;
        };
        let Kind::Scalar(scalar) = &kind.value.kind else {
            self.value(&kind.value, kind.key_span, &join(path, "kind"), Shape::Text(TextKind::Any));
            return;
        };
        let Some(known) = self.registry.get(&scalar.text.to_lowercase()) else {
            let (message, help) = unknown_kind(scalar, self.registry);
            let found = show(self.source, kind.value.span, scalar);
            self.report.error(kind.value.span, message.replace("{}", &found)).help(help);
            return;
        };
        let parameters = known.parameters();
        for entry in mapping.entries.iter().filter(|entry| entry.key != "kind") {
            match parameters.iter().find(|parameter| parameter.name == entry.key) {
                Some(parameter) => self.parameter(entry, parameter, path),
                None => {
                    let names = parameters.iter().map(|parameter| parameter.name);
                    let meant = did_you_mean(&entry.key, names.clone());
                    let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
                    let shown = self.source.quote(entry.key_span, &entry.key);
                    let help = format!("its parameters are {}", names.collect::<Vec<_>>().join(", "));
                    self.report
                        .error(entry.key_span, format!("`{}` has no parameter {shown}{guess}", known.name()))
                        .help(help);
                }
            }
        }
    }

    fn parameter(&mut self, entry: &Entry, parameter: &tagwise_model::Parameter, path: &str) {
        let Kind::Scalar(scalar) = &entry.value.kind else {
            let shape = Shape::Number { min: f64::MIN, max: f64::MAX };
            self.value(&entry.value, entry.key_span, &join(path, parameter.name), shape);
            return;
        };
        if scalar.is_null() {
            self.no_value(entry, Shape::Unread);
        } else if let Err(mut problem) = read_parameter(scalar, parameter) {
            problem.help = Some(format!("{}: {}", parameter.domain, parameter.doc));
            self.problem(&entry.value, scalar, problem);
        }
    }

    fn describe(&self, node: &Node) -> String {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Kind::Scalar(scalar) => format!("the text {}", show(self.source, node.span, scalar)),
            Kind::Sequence(_) => "a list".to_owned(),
            Kind::Mapping(_) | Kind::Broken => "a mapping with keys".to_owned(),
        }
    }
}

/// A scalar for use in a message. What `${…}` yielded is never shown, only how it was written.
pub(super) fn show(source: &Source, span: Span, scalar: &Scalar) -> String {
    if scalar.is_interpolated {
        return if source.is_secret(span) { "***".to_owned() } else { format!("`{}`", source.raw(span)) };
    }
    source.quote(span, &scalar.text)
}

/// Reads a detector's parameter as its kind wants it.
pub(super) fn read_parameter(scalar: &Scalar, parameter: &tagwise_model::Parameter) -> Result<ParamValue, Problem> {
    match parameter.domain {
        Domain::Integer { min, max, .. } => scalar::read_integer(scalar, min, max).map(ParamValue::Integer),
        Domain::Number { min, max, .. } => scalar::read_number(scalar, min, max).map(ParamValue::Number),
        Domain::Choice { options, .. } => {
            scalar::read_choice(scalar, options, &[]).map(|word| ParamValue::Text(word.to_owned()))
        }
    }
}

/// What to say of a kind that the registry does not have; `{}` stands for the text found.
pub(super) fn unknown_kind(scalar: &Scalar, registry: &Registry) -> (String, String) {
    let help = format!("write {}", any_of(registry.names()));
    if PLANNED_DETECTORS.contains(&scalar.text.to_lowercase().as_str()) {
        return ("the detector {} is planned, but not yet built".to_owned(), help);
    }
    let meant = if scalar.is_interpolated { None } else { did_you_mean(&scalar.text, registry.names()) };
    let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
    (format!("unknown kind of detector {{}}{guess}"), help)
}

fn join(path: &str, key: &str) -> String {
    // A key of the mapping's own choice may hold anything; a path in a message stays one short word.
    let key: String = if mask::is_secret_name(key) {
        key.to_owned()
    } else {
        key.chars().take(60).filter(|c| !c.is_control()).collect()
    };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// `name:vibration`, which YAML takes for one word.
fn missing_space(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(':')?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (is_key && !value.is_empty() && !value.starts_with('/') && is_any_key(key)).then_some((key, value))
}

/// `{adapter}` alone: a mapping with one key and no value.
fn lone_placeholder(node: &Node) -> Option<String> {
    match node.as_mapping()?.entries.as_slice() {
        [only] if only.value.is_null() && only.key.chars().all(|c| c.is_ascii_alphanumeric() || "_[]-".contains(c)) => {
            Some(format!("{{{}}}", only.key))
        }
        _ => None,
    }
}

fn meant_key(found: &str, section: &'static Section) -> Option<&'static str> {
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
fn home_of(name: &str) -> Option<String> {
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
        if let Shape::Section(inner) | Shape::List(inner) | Shape::Named(inner) = key.shape {
            find_homes(inner, &join(path, key.name), name, homes);
        }
    }
}

fn is_any_key(name: &str) -> bool {
    name == "kind" || home_of(name).is_some()
}
