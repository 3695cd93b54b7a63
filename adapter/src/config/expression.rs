//! `${env:NAME}` and `${file:PATH}` inside scalars, and which scalars are secret.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use super::{
    credential::{FileTemplate, Part},
    mask,
    report::Report,
    source::Source,
    span::Span,
    tree::{Kind, Node, Scalar},
};

/// The largest file that `${file:…}` takes in, in bytes.
const MAX_FILE: u64 = 64 * 1024;
/// How much all expressions of a mapping may yield together, in bytes.
const MAX_TOTAL: usize = 4 * 1024 * 1024;

/// Where environment variables come from; tests bring their own.
pub trait Environment {
    /// The value of a variable; `None` when it is not set, or is not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The variables of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Variables from a list: of two with the same name the first counts.
impl Environment for [(&str, &str)] {
    fn variable(&self, name: &str) -> Option<String> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
    }
}

impl<const N: usize> Environment for [(&str, &str); N] {
    fn variable(&self, name: &str) -> Option<String> {
        self.as_slice().variable(name)
    }
}

/// Marks the places of all secrets that the tree shows to be some, wherever aliases have put them.
pub(super) fn hide_secrets(node: &Node, source: &mut Source) {
    match &node.kind {
        Kind::Sequence(items) => items.iter().for_each(|item| hide_secrets(item, source)),
        Kind::Mapping(mapping) => {
            for entry in &mapping.entries {
                let is_secret = mask::is_secret_name(&entry.key);
                // A password that slipped a level up is still one.
                let is_misplaced = matches!(entry.key.as_str(), "auth" | "basic") && entry.value.as_mapping().is_none();
                if is_secret || is_misplaced {
                    hide_all(&entry.value, source);
                } else {
                    hide_secrets(&entry.value, source);
                }
            }
        }
        Kind::Scalar(_) | Kind::Broken => {}
    }
}

fn hide_all(node: &Node, source: &mut Source) {
    match &node.kind {
        Kind::Scalar(scalar) if is_expression_alone(&scalar.text) => {}
        Kind::Mapping(mapping) => mapping.entries.iter().for_each(|entry| {
            source.hide(entry.key_span);
            hide_all(&entry.value, source);
        }),
        Kind::Sequence(items) => items.iter().for_each(|item| hide_all(item, source)),
        Kind::Scalar(_) | Kind::Broken => source.hide(node.span),
    }
}

fn is_expression_alone(text: &str) -> bool {
    text.starts_with("${") && text.find('}').is_some_and(|end| end + 1 == text.len())
}

/// Replaces every expression in the tree by what it yields.
pub(super) fn evaluate(root: &mut Node, directory: &Path, environment: &dyn Environment, report: &mut Report) {
    Evaluator { directory, environment, report, total: 0 }.node(root);
}

struct Evaluator<'a> {
    directory: &'a Path,
    environment: &'a dyn Environment,
    report: &'a mut Report,
    total: usize,
}

impl Evaluator<'_> {
    fn node(&mut self, node: &mut Node) {
        let span = node.span;
        match &mut node.kind {
            Kind::Sequence(items) => items.iter_mut().for_each(|item| self.node(item)),
            Kind::Mapping(mapping) => mapping.entries.iter_mut().for_each(|entry| self.node(&mut entry.value)),
            Kind::Scalar(scalar) => {
                if scalar.text.contains("${") && !self.scalar(scalar, span) {
                    node.kind = Kind::Broken;
                }
            }
            Kind::Broken => {}
        }
    }

    /// Whether all went well.
    fn scalar(&mut self, scalar: &mut Scalar, span: Span) -> bool {
        let mut text = String::new();
        let mut rest = scalar.text.as_str();
        let mut is_interpolated = false;
        let mut parts = Vec::new();
        // Where in `text` the first character is that stands in no part yet.
        let mut taken = 0;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                text.push_str(before);
                text.push_str("${");
                rest = after;
                continue;
            }
            text.push_str(before);
            let Some((expression, after)) = after.split_once('}') else {
                self.report
                    .error(span, "`${` is opened here, but never closed by `}`")
                    .help("write `${env:NAME}` or `${file:PATH}`, or `$${` for the two characters themselves");
                return false;
            };
            let Some(value) = self.expression(expression, span) else { return false };
            self.total += value.len();
            if self.total > MAX_TOTAL {
                self.report
                    .error(span, format!("all expressions together yield more than {MAX_TOTAL} bytes"))
                    .help("`${file:…}` is for names and secrets; training data is named by `training: { file: … }`");
                return false;
            }
            if let Some(path) = expression.strip_prefix("file:") {
                parts.push(fixed_part(&text, taken));
                parts.push(Part::File(self.directory.join(path)));
                taken = text.len() + value.len();
            }
            text.push_str(&value);
            rest = after;
            is_interpolated = true;
        }
        text.push_str(rest);
        if !parts.is_empty() {
            parts.push(fixed_part(&text, taken));
            scalar.source = Some(FileTemplate { parts });
        }
        scalar.is_quoted |= !is_interpolated;
        scalar.is_interpolated = is_interpolated;
        scalar.text = text;
        true
    }

    fn expression(&mut self, expression: &str, span: Span) -> Option<String> {
        match expression.split_once(':') {
            Some(("env", name)) if !name.is_empty() => {
                let value = self.environment.variable(name);
                if value.is_none() {
                    self.report
                        .error(span, format!("the environment variable {} is not set", short(name)))
                        .help("set it where this process is started (systemd: Environment= or EnvironmentFile=)");
                }
                value
            }
            Some(("file", path)) if !path.is_empty() => match read_file(&self.directory.join(path)) {
                Ok(text) => Some(text),
                Err(reason) => {
                    let shown = self.directory.join(path);
                    self.report
                        .error(
                            span,
                            format!("the file {} cannot be used: {reason}", short(&shown.display().to_string())),
                        )
                        .help("paths are relative to the mapping file; the file must be readable for this process");
                    None
                }
            },
            _ => {
                self.report
                    .error(span, "`${…}` is neither `${env:NAME}` nor `${file:PATH}`")
                    .help("for the two characters `${` themselves write `$${`");
                None
            }
        }
    }
}

fn fixed_part(text: &str, from: usize) -> Part {
    Part::Fixed(text.get(from..).unwrap_or_default().to_owned().into())
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The text of a file without the end of its last line. The error says why there is none.
pub(super) fn read_file(path: &Path) -> Result<String, String> {
    // Before it is opened: opening a pipe waits for whoever writes to it.
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {MAX_FILE} bytes"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    // Editors and `echo` end a file with a newline that is no part of the secret.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
