//! A place in a mapping file.

/// From one character to another; lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// The line of the first character.
    pub line: usize,
    /// The column of the first character.
    pub column: usize,
    /// The line of the first character that no longer belongs to it.
    pub end_line: usize,
    /// The column of that character.
    pub end_column: usize,
}

impl Span {
    /// A place within one line.
    pub(super) const fn on_line(line: usize, column: usize, length: usize) -> Self {
        Self { line, column, end_line: line, end_column: column + length }
    }

    /// How many characters of its first line it covers, where that line has `line_length` characters; at least 1.
    pub(super) fn length_on_first_line(self, line_length: usize) -> usize {
        let end = if self.end_line == self.line { self.end_column } else { line_length + 1 };
        end.saturating_sub(self.column).max(1)
    }
}
