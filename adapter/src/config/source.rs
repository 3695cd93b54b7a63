//! The text of a mapping file, and how much of it may be shown.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    diagnostic::{Diagnostic, Severity},
    mask,
    span::Span,
};
use crate::domain::unsendable;

/// The widest line that an excerpt shows, in characters.
const MAX_WIDTH: usize = 120;
/// How many characters around a place are looked at to show it.
const MAX_SURROUNDINGS: usize = 400;
/// The longest text that a message quotes, in characters.
const MAX_QUOTE: usize = 60;

/// The text of a mapping file by lines, with the places of its secrets.
#[derive(Debug)]
pub(super) struct Source {
    file: PathBuf,
    lines: Vec<String>,
    /// By line (from 1): ranges of columns (from 1) that are never shown.
    secrets: BTreeMap<usize, Vec<Range<usize>>>,
}

impl Source {
    /// Takes a text apart; what looks like a secret is marked as one even if the YAML is broken.
    pub(super) fn new(file: &Path, text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let secrets = mask::find_secrets(&lines);
        Self { file: file.to_owned(), lines, secrets }
    }

    /// The file it was read from.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// A line, from 1; empty past the end.
    pub(super) fn line(&self, line: usize) -> &str {
        line.checked_sub(1).and_then(|index| self.lines.get(index)).map_or("", String::as_str)
    }

    /// What follows a place on its line, as far as a mistake there can be seen; empty on a line of monstrous length.
    pub(crate) fn after(&self, line: usize, column: usize) -> String {
        const MAX_LENGTH: usize = 4000;
        let line = self.line(line);
        if line.len() > MAX_LENGTH { String::new() } else { line.chars().skip(column.saturating_sub(1)).collect() }
    }

    /// How many lines there are.
    pub(super) fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// Marks a place as secret.
    pub(super) fn hide(&mut self, span: Span) {
        for line in span.line..=span.end_line.min(self.lines.len()) {
            let start = if line == span.line { span.column } else { 1 };
            let end = if line == span.end_line { span.end_column } else { usize::MAX };
            if start < end {
                self.secrets.entry(line).or_default().push(start..end);
            }
        }
    }

    /// Whether some of this place is secret.
    pub(super) fn is_secret(&self, span: Span) -> bool {
        self.secrets.range(span.line..=span.end_line.max(span.line)).any(|(&line, ranges)| {
            let start = if line == span.line { span.column } else { 1 };
            let end = if line == span.end_line { span.end_column } else { usize::MAX };
            ranges.iter().any(|range| range.start < end && start < range.end)
        })
    }

    /// A text from the mapping for use in a message: quoted, on one line, not too long, and `***` for a secret.
    pub(super) fn quote(&self, span: Span, text: &str) -> String {
        if self.is_secret(span) {
            return "***".to_owned();
        }
        let shown: String = text.chars().take(MAX_QUOTE).map(printable).collect();
        let more = if text.chars().nth(MAX_QUOTE).is_some() { "…" } else { "" };
        format!("\"{shown}{more}\"")
    }

    /// The raw text of a place, as far as it stands on its first line.
    pub(super) fn raw(&self, span: Span) -> String {
        let line = self.line(span.line);
        let length = span.length_on_first_line(line.chars().count());
        line.chars().skip(span.column.saturating_sub(1)).take(length).collect()
    }

    /// A diagnostic about a place.
    pub(super) fn diagnose(&self, severity: Severity, span: Span, message: String, help: Option<String>) -> Diagnostic {
        let length = span.length_on_first_line(self.line(span.line).chars().count());
        let (line_text, caret_column, caret_length) = self.excerpt(span.line, span.column, length);
        Diagnostic {
            severity,
            file: self.file.clone(),
            line: span.line,
            column: span.column,
            length,
            line_text,
            caret_column,
            caret_length,
            message,
            help,
        }
    }

    /// The line with secrets as `***` and cut to a screen's width, and where the marked characters stand in it.
    fn excerpt(&self, line: usize, column: usize, length: usize) -> (String, usize, usize) {
        const MASK: &str = "***";
        // Of a very long line only the surroundings are worth the time.
        let first = column.saturating_sub(MAX_SURROUNDINGS).max(1);
        let last = column.saturating_add(length.min(MAX_WIDTH)).saturating_add(MAX_SURROUNDINGS);
        let secrets = self.secrets_between(line, first, last);
        let mut shown: Vec<char> = if first > 1 { vec!['…'] } else { Vec::new() };
        let (mut caret_start, mut caret_end) = (None, None);
        let mut is_masking = false;
        let characters = self.line(line).chars().enumerate().skip(first - 1).take(last - first);
        for (position, character) in characters.map(|(index, character)| (index + 1, character)) {
            let is_secret = secrets.iter().any(|range| range.contains(&position));
            let start_of_character = if is_secret && is_masking { shown.len() - MASK.len() } else { shown.len() };
            match (is_secret, is_masking) {
                (false, _) => shown.push(printable(character)),
                (true, false) => shown.extend(MASK.chars()),
                (true, true) => {}
            }
            is_masking = is_secret;
            if position >= column && position < column.saturating_add(length) {
                caret_start.get_or_insert(start_of_character);
                caret_end = Some(shown.len());
            }
        }
        let start = caret_start.unwrap_or(shown.len());
        let end = caret_end.unwrap_or(start + 1).max(start + 1);
        cut(&shown, start, end)
    }

    fn secrets_between(&self, line: usize, first: usize, last: usize) -> Vec<Range<usize>> {
        let all = self.secrets.get(&line).map_or(&[][..], Vec::as_slice);
        all.iter().filter(|range| range.start < last && first < range.end).cloned().collect()
    }
}

/// Cuts a line around the marked characters; answers with the text and the caret's column (from 1) and length.
fn cut(line: &[char], start: usize, end: usize) -> (String, usize, usize) {
    if line.len() <= MAX_WIDTH {
        return (line.iter().collect(), start + 1, end - start);
    }
    let from = if end <= MAX_WIDTH { 0 } else { start.saturating_sub(MAX_WIDTH / 3).min(line.len()) };
    let to = (from + MAX_WIDTH).min(line.len());
    let before = if from > 0 { "…" } else { "" };
    let after = if to < line.len() { "…" } else { "" };
    let text: String = line[from..to].iter().collect();
    let column = start - from + before.chars().count() + 1;
    (format!("{before}{text}{after}"), column, end.min(to).saturating_sub(start).max(1))
}

fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        // Control characters, and those that turn the direction of text, could make a terminal lie.
        _ if unsendable(character.encode_utf8(&mut [0; 4])).is_some()
            || matches!(character, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
        {
            '\u{fffd}'
        }
        _ => character,
    }
}
