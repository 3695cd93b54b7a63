//! Collects what is found while a mapping is read; nothing is rendered until all secrets are known.

use super::{
    diagnostic::{Diagnostic, Diagnostics, Severity},
    source::Source,
    span::Span,
};

/// How many findings are kept; the rest is counted.
const MAX_FINDINGS: usize = 200;

#[derive(Debug)]
struct Finding {
    severity: Severity,
    span: Span,
    message: String,
    help: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    left_out: usize,
    has_errors: bool,
}

impl Report {
    /// Adds an error; its help can be added to what this returns.
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) -> Helper<'_> {
        self.add(Severity::Error, span, message.into())
    }

    /// Adds a warning.
    pub(super) fn warning(&mut self, span: Span, message: impl Into<String>) -> Helper<'_> {
        self.add(Severity::Warning, span, message.into())
    }

    /// Adds a note.
    pub(super) fn note(&mut self, span: Span, message: impl Into<String>) -> Helper<'_> {
        self.add(Severity::Note, span, message.into())
    }

    /// Whether anything keeps the mapping from being run.
    pub(super) fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// Whether further findings are only counted; then there is no point in working out what to advise.
    pub(super) fn is_full(&self) -> bool {
        self.findings.len() >= MAX_FINDINGS
    }

    /// Takes over what another report found.
    pub(super) fn append(&mut self, other: Self) {
        self.left_out += other.left_out;
        for finding in other.findings {
            let Finding { severity, span, message, help } = finding;
            let helper = self.add(severity, span, message);
            if let Some(help) = help {
                helper.help(help);
            }
        }
    }

    /// Counts an error that would not be kept, and says so: then nobody need work out its words.
    pub(crate) fn is_only_counting(&mut self) -> bool {
        let is_only_counting = self.is_full() && self.has_errors;
        self.left_out += usize::from(is_only_counting);
        is_only_counting
    }

    /// All of it, in the order of the file.
    pub(super) fn render(mut self, source: &Source) -> Diagnostics {
        self.findings.sort_by_key(|finding| (finding.span.line, finding.span.column, finding.severity));
        let list: Vec<Diagnostic> = self
            .findings
            .into_iter()
            .map(|finding| source.diagnose(finding.severity, finding.span, finding.message, finding.help))
            .collect();
        Diagnostics { list, left_out: self.left_out }
    }

    fn add(&mut self, severity: Severity, span: Span, message: String) -> Helper<'_> {
        let is_first_error = severity == Severity::Error && !self.has_errors;
        self.has_errors |= severity == Severity::Error;
        // One mistake that many tags share, by a group or an alias, is still one mistake.
        if self.findings.iter().any(|other| other.span == span && other.message == message) {
            return Helper(None);
        }
        // Warnings must not use up the room of the one error that keeps the mapping from running.
        if self.is_full() && !is_first_error {
            self.left_out += 1;
            return Helper(None);
        }
        self.findings.push(Finding { severity, span, message, help: None });
        Helper(self.findings.last_mut())
    }
}

/// Adds to the finding that was just made.
pub(super) struct Helper<'a>(Option<&'a mut Finding>);

impl Helper<'_> {
    /// Says what to do about it.
    pub(super) fn help(self, help: impl Into<String>) {
        if let Some(finding) = self.0 {
            finding.help = Some(help.into());
        }
    }
}
