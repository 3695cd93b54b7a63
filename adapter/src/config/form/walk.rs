//! Walks the tree along the key tables.

use tagwise_model::Registry;

use super::guess::{home_of, lone_placeholder, meant_key, missing_space};
use crate::config::{
    keys::{Key, Need, ROOT, Section, Shape, TextKind},
    mask, node_help,
    report::Report,
    scalar::{self, Problem},
    size,
    source::Source,
    span::Span,
    tree::{Entry, Kind, Mapping, Node, Scalar},
};

/// Checks the form of a whole file.
pub(crate) fn check_form(root: &Node, source: &Source, registry: &Registry, report: &mut Report) {
    let mut form = Form { source, registry, report };
    match &root.kind {
        Kind::Mapping(mapping) => form.section(mapping, Span::on_line(1, 1, 1), "", &ROOT),
        Kind::Broken => {}
        _ => form.report.error(root.span, "a mapping file consists of keys with values").help(SMALLEST),
    }
}

/// What a file needs at least.
pub(crate) const SMALLEST: &str =
    "start with `version: 1`, `opcua:`, `broker:` and `tags:`; mappings/reference.yaml has every key";

pub(super) struct Form<'a> {
    pub(super) source: &'a Source,
    pub(super) registry: &'a Registry,
    pub(super) report: &'a mut Report,
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

    pub(super) fn value(&mut self, node: &Node, key_span: Span, path: &str, shape: Shape) {
        match (shape, &node.kind) {
            (_, Kind::Broken) | (Shape::Unread, _) => {}
            (Shape::Section(section) | Shape::NoneOrSection(section), Kind::Mapping(mapping)) => {
                self.section(mapping, key_span, path, section);
            }
            (Shape::NoneOrSection(_), Kind::Scalar(scalar)) if scalar::is_none(scalar) => {}
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
            (Shape::Section(_) | Shape::NoneOrSection(_) | Shape::Named(_) | Shape::Detector | Shape::TextMap, _) => {
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
                scalar::read_text(scalar).err().map(|problem| match kind {
                    TextKind::NodeId => node_help::of_other_type(problem, &scalar.text),
                    _ => problem,
                })
            }
            Shape::Boolean => scalar::read_boolean(scalar).err(),
            Shape::Integer { min, max } => scalar::read_integer(scalar, min, max).err(),
            Shape::Number { min, max } => scalar::read_number(scalar, min, max).err(),
            Shape::Duration { min, max } => scalar::read_duration(scalar, min, max).err(),
            Shape::Choice { options } => scalar::read_choice(scalar, options).err(),
            Shape::AutoOrInteger { min, max } => scalar::read_auto_or_integer(scalar, min, max).err(),
            Shape::NoneOrNumber { min, max } => scalar::read_none_or_number(scalar, min, max).err(),
            Shape::NoneOrDuration { min, max } => scalar::read_none_or_duration(scalar, min, max).err(),
            Shape::Size { min, max } => size::read_size(scalar, min, max).err(),
            Shape::AlwaysOrDuration { min, max } => size::read_always_or_duration(scalar, min, max).err(),
            Shape::Version => scalar::read_version(scalar).err(),
            Shape::Texts
            | Shape::TextMap
            | Shape::Section(_)
            | Shape::NoneOrSection(_)
            | Shape::List(_)
            | Shape::Named(_)
            | Shape::Detector
            | Shape::Unread => None,
        };
        if let Some(problem) = problem {
            self.problem(node, scalar, problem);
        }
    }

    pub(super) fn problem(&mut self, node: &Node, scalar: &Scalar, problem: Problem) {
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
            _ if is_numbering(comment) => self.numbering(node, scalar, &after),
            TextKind::Any | TextKind::NodeId | TextKind::Topic => {}
        }
    }

    /// `Pump #2`
    fn numbering(&mut self, node: &Node, scalar: &Scalar, after: &str) {
        let rest = Span::on_line(node.span.line, node.span.column, usize::MAX / 2);
        let whole = format!("{}{}", scalar.text, after.trim_end()).replace('\'', "''");
        let all = if self.source.is_secret(rest) { String::new() } else { format!(": '{whole}'") };
        self.report.warning(node.span, "this text ends before ` #`, which starts a comment in YAML").help(format!(
            "if the rest belongs to the text, put all of it in quotes{all}; else write a space behind `#`"
        ));
    }

    pub(super) fn no_value(&mut self, entry: &Entry, shape: Shape) {
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
            Shape::Section(section) | Shape::NoneOrSection(section) | Shape::List(section) | Shape::Named(section) => {
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
            Shape::Number { .. } | Shape::NoneOrNumber { .. } => "a number",
            Shape::Duration { .. } | Shape::NoneOrDuration { .. } | Shape::AlwaysOrDuration { .. } => "a time",
            Shape::Size { .. } => "a size",
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
pub(crate) fn show(source: &Source, span: Span, scalar: &Scalar) -> String {
    if scalar.is_interpolated {
        return if source.is_secret(span) { "***".to_owned() } else { format!("`{}`", source.raw(span)) };
    }
    source.quote(span, &scalar.text)
}

/// The path of a key within a section.
pub(super) fn join(path: &str, key: &str) -> String {
    // A key of the mapping's own choice may hold anything; a path in a message stays one short word.
    let key: String = if mask::is_secret_name(key) {
        key.to_owned()
    } else {
        key.chars().take(60).filter(|c| !c.is_control()).collect()
    };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Whether a comment looks like the rest of `Pump #2`: people write a space before the words of a comment.
fn is_numbering(comment: &str) -> bool {
    comment[1..].starts_with(|c: char| c.is_ascii_digit())
}
