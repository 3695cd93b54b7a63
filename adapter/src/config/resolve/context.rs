//! What every part of the resolve pass needs.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use tagwise_model::Registry;

use crate::config::{expression::Environment, form, report::Report, source::Source, view::Text};

/// What every part of the resolve pass needs.
pub(super) struct Context<'a> {
    pub(super) source: &'a Source,
    pub(super) report: &'a mut Report,
    pub(super) registry: &'a Registry,
    pub(super) environment: &'a dyn Environment,
    /// The directory of the mapping file, absolute.
    pub(super) directory: &'a Path,
    /// Values outside of secret keys that `${…}` yielded and that `--resolved` must not print.
    pub(super) masked: Vec<String>,
}

impl Context<'_> {
    /// A text as a message may show it.
    pub(super) fn show(&self, text: Text<'_>) -> String {
        form::show(self.source, text.span, text.scalar)
    }

    /// Reports a text that is not what its key wants, for a reason that may quote it.
    pub(super) fn reject(&mut self, text: Text<'_>, what: &str, reason: impl Display, help: &str) {
        let shown = self.show(text);
        let message = if text.scalar.is_interpolated || self.source.is_secret(text.span) {
            format!("what {shown} yields is no {what}")
        } else {
            format!("{shown} is no {what}: {reason}")
        };
        self.report.error(text.span, message).help(help);
    }

    /// A path of the mapping, relative to its file.
    pub(super) fn path(&mut self, text: Text<'_>) -> PathBuf {
        if has_escapes(text.value) {
            let shown = self.show(text);
            self.report
                .error(text.span, format!("the path {shown} has control characters in it"))
                .help("between double quotes a backslash starts an escape; use single quotes");
        }
        self.directory.join(text.value)
    }

    /// Reports a file that is not there.
    pub(super) fn require_file(&mut self, text: Text<'_>, path: &Path) {
        if !path.is_file() && !has_escapes(text.value) {
            let shown = self.show(text);
            self.report
                .error(text.span, format!("there is no file {shown}"))
                .help("paths are relative to the mapping file");
        }
    }
}

/// What `"C:\new"` becomes: a path never has control characters on purpose.
fn has_escapes(path: &str) -> bool {
    path.chars().any(char::is_control)
}
