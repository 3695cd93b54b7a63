//! A line of YAML taken apart as far as its mistakes need it.

/// A line as characters.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) characters: Vec<char>,
}

/// Where a value starts on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValueStart {
    /// From 0.
    pub(super) at: usize,
    /// Whether it stands between `{` and `}` or `[` and `]`.
    pub(super) is_in_flow: bool,
    /// Whether a key stands before it.
    pub(super) has_key: bool,
}

impl Line {
    pub(super) fn new(line: &str) -> Self {
        Self { characters: line.chars().collect() }
    }

    /// How many characters of white space it starts with.
    pub(super) fn indentation(&self) -> usize {
        self.characters.iter().take_while(|c| c.is_whitespace()).count()
    }

    /// Whether there is nothing on it but white space or a comment.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self.characters.get(self.indentation()), None | Some('#'))
    }

    pub(super) fn get(&self, at: usize) -> Option<char> {
        self.characters.get(at).copied()
    }

    pub(super) fn text(&self, from: usize, to: usize) -> String {
        self.characters[from.min(to)..to.min(self.characters.len())].iter().collect()
    }

    /// Every place where a value starts, as well as can be told when the line is broken.
    pub(super) fn values(&self) -> Vec<ValueStart> {
        let mut values = Vec::new();
        let mut at = self.indentation();
        while self.get(at) == Some('-') && matches!(self.get(at + 1), Some(' ') | None) {
            at += 1 + self.spaces(at + 1);
        }
        let mut depth = 0_usize;
        let mut expects_item = true;
        while let Some(character) = self.get(at) {
            if expects_item && self.is_key(at) {
                expects_item = false;
            } else if expects_item && !matches!(character, ' ' | '{' | '[' | '}' | ']' | ',') {
                values.push(ValueStart { at, is_in_flow: depth > 0, has_key: false });
                expects_item = false;
            }
            match character {
                '{' | '[' => {
                    if expects_item {
                        values.push(ValueStart { at, is_in_flow: depth > 0, has_key: false });
                    }
                    depth += 1;
                    expects_item = true;
                }
                '}' | ']' => depth = depth.saturating_sub(1),
                ',' => expects_item = depth > 0,
                '"' | '\'' => at = self.closing_quote(at).unwrap_or(self.characters.len()),
                '#' if at > 0 && self.get(at - 1) == Some(' ') => break,
                ':' if matches!(self.get(at + 1), Some(' ') | None) => {
                    let start = at + 1 + self.spaces(at + 1);
                    if start < self.characters.len() {
                        values.push(ValueStart { at: start, is_in_flow: depth > 0, has_key: true });
                    }
                    // A value that is text without quotes goes to the end of the line, unless in brackets.
                    at = start;
                    if depth == 0 && !matches!(self.get(at), Some('{' | '[' | '"' | '\'')) {
                        break;
                    }
                    expects_item = false;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        values
    }

    /// Whether `word: ` starts here.
    fn is_key(&self, at: usize) -> bool {
        let length = self.characters[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
        length > 0 && self.get(at + length) == Some(':') && matches!(self.get(at + length + 1), Some(' ') | None)
    }

    /// ` #` between brackets that are not closed yet: where the `#` stands.
    pub(super) fn comment_in_brackets(&self) -> Option<usize> {
        let mut depth = 0_usize;
        let mut at = 0;
        while let Some(character) = self.get(at) {
            match character {
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                '"' | '\'' if at == 0 || matches!(self.get(at - 1), Some(' ' | '{' | '[' | ',')) => {
                    at = self.closing_quote(at)?;
                }
                '#' if at > 0 && self.get(at - 1) == Some(' ') => {
                    let is_hiding = self.characters[at..].iter().any(|c| matches!(c, '}' | ']'));
                    return (depth > 0 && is_hiding).then_some(at);
                }
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// The brackets that are opened on this line and not closed there, with their places; `None` if there is none.
    pub(super) fn open_brackets(&self) -> Option<Vec<(usize, char)>> {
        let mut open = Vec::new();
        let mut at = 0;
        while let Some(character) = self.get(at) {
            match character {
                '{' | '[' => open.push((at, character)),
                '}' | ']' => drop(open.pop()),
                '"' | '\'' if at == 0 || matches!(self.get(at - 1), Some(' ' | '{' | '[' | ',')) => {
                    at = self.closing_quote(at)?;
                }
                '#' if at > 0 && self.get(at - 1) == Some(' ') => break,
                _ => {}
            }
            at += 1;
        }
        (!open.is_empty()).then_some(open)
    }

    /// Where the value that starts at `from` was meant to end (from 0, exclusive), whatever stands in it.
    pub(super) fn value_end(&self, from: usize, is_in_flow: bool) -> usize {
        let mut depth = 0_usize;
        let mut end = from;
        while let Some(character) = self.get(end) {
            match character {
                ',' if is_in_flow && depth == 0 => break,
                '{' | '[' => depth += 1,
                '}' | ']' if is_in_flow && depth == 0 => break,
                '}' | ']' => depth = depth.saturating_sub(1),
                '#' if end > from && self.get(end - 1) == Some(' ') => break,
                _ => {}
            }
            end += 1;
        }
        while end > from && self.characters[end - 1].is_whitespace() {
            end -= 1;
        }
        end
    }

    /// The other end of a quote.
    pub(super) fn closing_quote(&self, at: usize) -> Option<usize> {
        let quote = self.get(at)?;
        let mut position = at + 1;
        while let Some(character) = self.get(position) {
            match character {
                '\\' if quote == '"' => position += 1,
                '\'' if quote == '\'' && self.get(position + 1) == Some('\'') => position += 1,
                _ if character == quote => return Some(position),
                _ => {}
            }
            position += 1;
        }
        None
    }

    /// `key:value` at the start of the line, without the space that YAML wants: where the colon stands.
    pub(super) fn colon_without_space(&self) -> Option<usize> {
        let mut start = self.indentation();
        while self.get(start) == Some('-') {
            start += 1 + self.spaces(start + 1);
        }
        let length = self.characters[start..].iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').count();
        let colon = start + length;
        let is_colon = length > 0 && self.get(colon) == Some(':');
        (is_colon && !matches!(self.get(colon + 1), None | Some(' ' | ':' | '/'))).then_some(colon)
    }

    /// How many spaces there are from `at` on.
    pub(super) fn spaces(&self, at: usize) -> usize {
        self.characters.iter().skip(at).take_while(|c| **c == ' ').count()
    }
}
