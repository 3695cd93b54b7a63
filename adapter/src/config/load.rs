//! From a file to a `Config`, or to everything that is wrong with it.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use tagwise_model::Registry;

use super::{
    compose::compose,
    diagnostic::{Diagnostic, Diagnostics, Severity},
    effective::{Config, ModelConfig},
    expression::{self, Environment},
    form::{self, SMALLEST},
    report::Report,
    resolve::{self, Inputs, Resolved},
    source::Source,
    span::Span,
};

/// The largest mapping file, in bytes; 10,000 tags in their long form are about half of it.
pub const MAX_FILE_SIZE: u64 = 4 * 1024 * 1024;

/// A mapping that can be run.
#[derive(Debug)]
pub struct Loaded {
    /// The mapping, every default filled in.
    pub config: Config,
    /// Warnings and notes, in the order of the file.
    pub warnings: Diagnostics,
    /// All entries of `models:`, also those that no mapping names.
    pub declared_models: Vec<ModelConfig>,
    /// Values besides passwords and tokens that must not be printed.
    pub(super) masked: Vec<String>,
}

/// Reads a mapping file.
///
/// # Errors
/// Everything that is wrong with it; also when the file cannot be read, is too large, or is no text.
pub fn load(path: &Path, environment: &dyn Environment, registry: &Registry) -> Result<Loaded, Diagnostics> {
    let text = read(path).map_err(|(message, help)| about_file(path, message, help))?;
    parse(&text, path, environment, registry)
}

/// Reads a mapping from a text; `file` names it in messages, and relative paths start beside it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(
    text: &str,
    file: &Path,
    environment: &dyn Environment,
    registry: &Registry,
) -> Result<Loaded, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Err((message, help)) = check_text(text) {
        return Err(about_file(file, message, help));
    }
    let mut source = Source::new(file, text);
    let mut report = Report::default();
    let directory = directory_of(file);

    let root = compose(text, &source, &mut report);
    if root.is_none() && !report.has_errors() {
        report.error(Span::on_line(1, 1, 1), "the mapping file is empty").help(SMALLEST);
    }
    let resolved = root.and_then(|mut root| {
        expression::hide_secrets(&root, &mut source);
        expression::evaluate(&mut root, &directory, environment, &mut report);
        if root.is_null() {
            report.error(Span::on_line(1, 1, 1), "the mapping file is empty").help(SMALLEST);
            return None;
        }
        form::check_form(&root, &source, registry, &mut report);
        let inputs = Inputs { source: &source, registry, environment, directory: &directory };
        resolve::resolve(root.as_mapping()?, inputs, &mut report)
    });

    let has_errors = report.has_errors();
    let diagnostics = report.render(&source);
    match resolved {
        Some(resolved) if !has_errors => {
            let Resolved { config, declared_models, masked } = resolved;
            Ok(Loaded { config, warnings: diagnostics, declared_models, masked })
        }
        _ if has_errors => Err(diagnostics),
        // Cannot happen as long as every part that gives up says why; refusing is the safe way out.
        _ => Err(about_file(
            file,
            "the mapping cannot be resolved, and this program does not know why".to_owned(),
            "this is a bug; please report it with the mapping",
        )),
    }
}

fn read(path: &Path) -> Result<String, (String, &'static str)> {
    const TOO_LARGE: &str = "a mapping of 10,000 tags needs about 2 MiB; is this the right file?";
    let file = File::open(path)
        .map_err(|error| (format!("the mapping file cannot be opened: {error}"), "check path and permissions"))?;
    let metadata = file
        .metadata()
        .map_err(|error| (format!("the mapping file cannot be read: {error}"), "check path and permissions"))?;
    if metadata.is_dir() {
        return Err(("this is a directory, not a mapping file".to_owned(), "name a file, such as mappings/demo.yaml"));
    }
    let too_large =
        |size: u64| (format!("the mapping file has {size} bytes; at most {MAX_FILE_SIZE} are read"), TOO_LARGE);
    if metadata.len() > MAX_FILE_SIZE {
        return Err(too_large(metadata.len()));
    }
    // The size of a pipe or device is not known beforehand.
    let mut bytes = Vec::new();
    file.take(MAX_FILE_SIZE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| (format!("the mapping file cannot be read: {error}"), "check path and permissions"))?;
    if bytes.len() as u64 > MAX_FILE_SIZE {
        return Err(too_large(bytes.len() as u64));
    }
    decode(bytes)
}

fn decode(bytes: Vec<u8>) -> Result<String, (String, &'static str)> {
    const HELP: &str = "save the file as UTF-8 text; is this the right file?";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(("the mapping file is UTF-16".to_owned(), "save it as UTF-8; most editors can be told to"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
        (format!("the mapping file is not UTF-8 text: line {line} has bytes that are no characters"), HELP)
    })
}

fn check_text(text: &str) -> Result<(), (String, &'static str)> {
    if text.len() as u64 > MAX_FILE_SIZE {
        return Err((
            format!("the mapping has {} bytes; at most {MAX_FILE_SIZE} are read", text.len()),
            "is this the right file?",
        ));
    }
    // A YAML parser ends a line there, an editor does not: places would differ, and with them what is masked.
    if let Some(line) = text.lines().position(|line| line.contains('\r')) {
        let message = format!("line {} has a carriage return that no line feed follows", line + 1);
        return Err((message, "save the file with the line ends of Unix or of Windows; most editors can be told to"));
    }
    let is_binary = |c: char| c.is_control() && !matches!(c, '\t' | '\u{85}');
    match text.lines().position(|line| line.contains(is_binary)) {
        Some(line) => {
            let message = format!("line {} has control characters, which no text has", line + 1);
            Err((message, "is this the right file? A mapping is plain text in UTF-8"))
        }
        None => Ok(()),
    }
}

fn directory_of(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    absolute.parent().map_or_else(PathBuf::new, Path::to_owned)
}

fn about_file(file: &Path, message: String, help: &str) -> Diagnostics {
    let diagnostic = Diagnostic {
        severity: Severity::Error,
        file: file.to_owned(),
        line: 1,
        column: 1,
        length: 0,
        line_text: String::new(),
        caret_column: 1,
        caret_length: 0,
        message,
        help: Some(help.to_owned()),
    };
    vec![diagnostic].into()
}
