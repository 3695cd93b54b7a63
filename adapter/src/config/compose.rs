//! From YAML text to the tree: bounded, with a place for everything, and going on where a mistake can be mended.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as YamlSpan};

use super::{
    report::Report,
    source::Source,
    span::Span,
    syntax::{self, Patches},
    tree::{Entry, Kind, Mapping, Node, Scalar},
};

/// How deep keys and lists may nest.
const MAX_DEPTH: usize = 64;
/// How many values a file may have, those that aliases repeat included.
const MAX_NODES: usize = 1_000_000;
/// How many mistakes of syntax are mended to find those behind them.
const MAX_REPAIRS: usize = 20;

/// Reads a text; what is wrong with it goes into the report.
pub(super) fn compose(text: &str, source: &Source, report: &mut Report) -> Option<Node> {
    let mut patches = Patches::default();
    let mut last_place = None;
    for _ in 0..=MAX_REPAIRS {
        let patched = patches.apply(text);
        // Findings of a text that is read again after a repair would be there twice.
        let mut findings = Report::default();
        let error = match Composer::new(&patches, source, &mut findings).run(&patched) {
            Ok(root) => {
                report.append(findings);
                return root;
            }
            Err(error) => error,
        };
        let place = patches.original(error.marker().line(), error.marker().col() + 1);
        if last_place.is_some_and(|last| place <= last) {
            report.append(findings);
            return None;
        }
        last_place = Some(place);
        let mistake = syntax::explain(source, place, error.info());
        report.error(mistake.span, mistake.message).help(mistake.help);
        let Some(repair) = mistake.repair else {
            report.append(findings);
            return None;
        };
        patches.add(repair);
    }
    None
}

/// A collection that is still open.
enum Frame {
    Sequence { start: Marker, anchor: usize, items: Vec<Node> },
    Mapping { start: Marker, anchor: usize, mapping: Mapping, lines: HashMap<String, usize>, key: Option<OpenKey> },
}

struct OpenKey {
    text: String,
    span: Span,
    /// A key that stands twice, or is no text: its value is read and dropped.
    is_usable: bool,
}

struct Composer<'a> {
    patches: &'a Patches,
    source: &'a Source,
    report: &'a mut Report,
    stack: Vec<Frame>,
    /// By the parser's number: what an alias stands for, and how many values that is.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    root: Option<Node>,
}

impl<'a> Composer<'a> {
    fn new(patches: &'a Patches, source: &'a Source, report: &'a mut Report) -> Self {
        Self { patches, source, report, stack: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None }
    }

    /// `Ok(None)`: stopped by something that is already in the report.
    fn run(mut self, text: &str) -> Result<Option<Node>, saphyr_parser::ScanError> {
        let mut documents = 0;
        for event in Parser::new_from_str(text) {
            let (event, span) = event?;
            let is_possible = match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        self.report
                            .error(self.span(span), "a second YAML document starts here, but a file is one mapping")
                            .help("remove the line `---`, or put the second mapping into a file of its own");
                    }
                    documents == 1
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let has_tag = self.refuse_tag(tag.is_some(), span);
                    let is_quoted = style != ScalarStyle::Plain;
                    let text = text.into_owned();
                    let span = self.without_blanks(self.span(span));
                    let kind = if has_tag || self.patches.is_broken(span) {
                        Kind::Broken
                    } else {
                        Kind::Scalar(Scalar { text, is_quoted, is_interpolated: false, source: None })
                    };
                    self.add(Node { span, kind }, anchor, 1)
                }
                Event::SequenceStart(anchor, tag) => {
                    self.refuse_tag(tag.is_some(), span);
                    self.open(Frame::Sequence { start: span.start, anchor, items: Vec::new() }, span)
                }
                Event::MappingStart(anchor, tag) => {
                    self.refuse_tag(tag.is_some(), span);
                    let (mapping, lines) = (Mapping::default(), HashMap::new());
                    self.open(Frame::Mapping { start: span.start, anchor, mapping, lines, key: None }, span)
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span),
                Event::Alias(anchor) => self.repeat(anchor, span),
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
            };
            if !is_possible {
                return Ok(self.root.filter(|_| documents > 1));
            }
        }
        Ok(self.root)
    }

    fn span(&self, span: YamlSpan) -> Span {
        let (line, column) = self.patches.original(span.start.line(), span.start.col() + 1);
        let (end_line, end_column) = self.patches.original(span.end.line(), span.end.col() + 1);
        Span { line, column, end_line, end_column }
    }

    /// The parser counts blanks behind a quoted text as part of it.
    fn without_blanks(&self, mut span: Span) -> Span {
        if span.line == span.end_line {
            let text: Vec<char> = self.source.after(span.line, span.column).chars().collect();
            let is_blank = |length: usize| matches!(text.get(length - 1), Some(' ' | '\t'));
            while span.end_column > span.column + 1 && is_blank(span.end_column - span.column) {
                span.end_column -= 1;
            }
        }
        span
    }

    fn refuse_tag(&mut self, has_tag: bool, span: YamlSpan) -> bool {
        if has_tag {
            self.report
                .error(self.span(span), "YAML tags (`!…`) are not part of the mapping language")
                .help("remove the tag; a text that starts with `!` goes in quotes");
        }
        has_tag
    }

    fn open(&mut self, frame: Frame, span: YamlSpan) -> bool {
        if self.stack.len() >= MAX_DEPTH {
            self.report
                .error(self.span(span), format!("the file nests more than {MAX_DEPTH} levels deep"))
                .help("no mapping needs that; look for brackets that are opened and never closed");
            return false;
        }
        self.stack.push(frame);
        true
    }

    fn close(&mut self, end: YamlSpan) -> bool {
        let (start, anchor, kind, size) = match self.stack.pop() {
            Some(Frame::Sequence { start, anchor, items }) => (start, anchor, Kind::Sequence(items), 1),
            Some(Frame::Mapping { start, anchor, mapping, .. }) => {
                (start, anchor, Kind::Mapping(self.merge(mapping)), 1)
            }
            None => return true,
        };
        let span = self.span(YamlSpan::new(start, end.end));
        self.add(Node { span, kind }, anchor, size)
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, node: Node, anchor: usize, size: usize) -> bool {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            self.report
                .error(node.span, format!("the file has more than {MAX_NODES} values, those that aliases repeat included"))
                .help("use `tag_names` groups and `defaults` for what many tags share, or split the plant over more processes");
            return false;
        }
        if anchor != 0 {
            let size = count(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::Sequence { items, .. }) => items.push(node),
            Some(Frame::Mapping { mapping, lines, key, .. }) => match key.take() {
                None => *key = Some(open_key(&node, lines, self.source, self.report)),
                Some(key) if key.is_usable => {
                    let is_empty = node.is_null() && node.span.length_on_first_line(0) <= 1;
                    let span = if is_empty { key.span } else { node.span };
                    mapping.entries.push(Entry { key: key.text, key_span: key.span, value: Node { span, ..node } });
                }
                Some(_) => {}
            },
        }
        true
    }

    fn repeat(&mut self, anchor: usize, span: YamlSpan) -> bool {
        if let Some((node, size)) = self.anchors.get(&anchor) {
            let size = *size;
            let is_affordable = self.nodes + size <= MAX_NODES;
            let node = if is_affordable { node.clone() } else { Node { span: self.span(span), kind: Kind::Broken } };
            return self.add(node, 0, size);
        }
        let span = self.span(span);
        self.report
            .error(span, "this alias (`*…`) stands inside the very value that it repeats")
            .help("write the value out");
        self.add(Node { span, kind: Kind::Broken }, 0, 1)
    }

    /// YAML 1.1's merge key: `<<: *base` brings the keys of `base` that do not stand here.
    fn merge(&mut self, mut mapping: Mapping) -> Mapping {
        let Some(position) = mapping.entries.iter().position(|entry| entry.key == "<<") else { return mapping };
        let merge = mapping.entries.remove(position);
        let bases = match merge.value.kind {
            Kind::Sequence(items) => items,
            _ => vec![merge.value],
        };
        for base in bases {
            match base.kind {
                Kind::Mapping(base) => {
                    let own: HashSet<String> = mapping.entries.iter().map(|entry| entry.key.clone()).collect();
                    mapping.entries.extend(base.entries.into_iter().filter(|entry| !own.contains(&entry.key)));
                }
                Kind::Broken => {}
                _ => self
                    .report
                    .error(base.span, "`<<` merges keys, but this is no mapping with keys")
                    .help("write `<<: *name`, where `&name` stands before a mapping"),
            }
        }
        mapping
    }
}

/// A value in the place of a key.
fn open_key(node: &Node, lines: &mut HashMap<String, usize>, source: &Source, report: &mut Report) -> OpenKey {
    let span = node.span;
    let Kind::Scalar(scalar) = &node.kind else {
        report
            .error(span, "a key is a word, but here stands a list or mapping, or an alias of one")
            .help("a text that starts with `{` or `[` goes in quotes");
        return OpenKey { text: String::new(), span, is_usable: false };
    };
    let text = scalar.text.clone();
    let is_usable = match lines.get(&text) {
        Some(_) if report.is_only_counting() => false,
        Some(first) => {
            report
                .error(
                    span,
                    format!(
                        "the key {} stands here a second time; the first is on line {first}",
                        source.quote(span, &text)
                    ),
                )
                .help("remove one of the two");
            false
        }
        None => true,
    };
    lines.entry(text.clone()).or_insert(span.line);
    OpenKey { text, span, is_usable }
}

fn count(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Sequence(items) => items.iter().map(count).sum(),
        Kind::Mapping(mapping) => mapping.entries.iter().map(|entry| count(&entry.value)).sum(),
        Kind::Scalar(_) | Kind::Broken => 0,
    }
}
