//! Mends a mistake of syntax in memory, so that the rest of the file can be checked as well.

use std::collections::BTreeMap;

use crate::config::span::Span;

/// Characters to put in so that the YAML can be read on.
#[derive(Clone, Debug)]
pub(crate) struct Repair {
    /// The line, from 1.
    pub line: usize,
    /// Each goes before the character in this column (from 1) of the original line.
    pub insertions: Vec<(usize, char)>,
    /// The place of the value when nothing can be said about what it was meant to be.
    pub broken: Option<Span>,
}

/// All repairs so far.
#[derive(Debug, Default)]
pub(crate) struct Patches {
    by_line: BTreeMap<usize, Vec<(usize, char)>>,
    broken: Vec<(usize, usize)>,
}

impl Patches {
    /// Adds a repair.
    pub(crate) fn add(&mut self, repair: Repair) {
        let insertions = self.by_line.entry(repair.line).or_default();
        insertions.extend(repair.insertions);
        insertions.sort_by_key(|(column, _)| *column);
        self.broken.extend(repair.broken.map(|span| (span.line, span.column)));
    }

    /// The text with all repairs.
    pub(crate) fn apply(&self, text: &str) -> String {
        if self.by_line.is_empty() {
            return text.to_owned();
        }
        let mut patched = String::with_capacity(text.len() + 64);
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            let mut insertions = self.by_line.get(&number).map_or(&[][..], Vec::as_slice).iter().peekable();
            for (column, character) in (1..).zip(line.chars()) {
                while let Some((_, inserted)) = insertions.next_if(|(at, _)| *at <= column) {
                    patched.push(*inserted);
                }
                patched.push(character);
            }
            patched.extend(insertions.map(|(_, inserted)| *inserted));
        }
        patched
    }

    /// Where a character of the mended text stands in the original.
    pub(crate) fn original(&self, line: usize, column: usize) -> (usize, usize) {
        let mut inserted = 0;
        for (at, _) in self.by_line.get(&line).map_or(&[][..], Vec::as_slice) {
            if column > at + inserted {
                inserted += 1;
            } else {
                break;
            }
        }
        (line, column - inserted)
    }

    /// Whether the value at this place is known to be no use.
    pub(crate) fn is_broken(&self, span: Span) -> bool {
        self.broken.contains(&(span.line, span.column))
    }
}
