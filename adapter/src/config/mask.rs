//! Finds literal secrets in the text itself, so that they are masked even where the YAML around them is broken.
//!
//! When in doubt, more is hidden: a diagnostic with too little of a line can be lived with.

use std::{collections::BTreeMap, ops::Range};

type Secrets = BTreeMap<usize, Vec<Range<usize>>>;

/// The columns (from 1) of each line (from 1) that may hold a secret.
pub(super) fn find_secrets(lines: &[String]) -> Secrets {
    let mut secrets = Secrets::new();
    let mut block_of_column = None;
    for (number, line) in (1..).zip(lines) {
        let characters: Vec<char> = line.chars().collect();
        let indentation = characters.iter().take_while(|c| c.is_whitespace()).count();
        match block_of_column {
            Some(column) if indentation > column || indentation == characters.len() => {
                hide(&mut secrets, number, indentation, usize::MAX - 1);
                continue;
            }
            _ => block_of_column = None,
        }
        hide_user_information(&mut secrets, number, &characters);
        let mut brackets = Brackets::default();
        let mut position = 0;
        while let Some(key) = next_key(&characters, position, &mut brackets) {
            position = key.value_start;
            if is_secret_name(&key.name) {
                let value = secret_value(&characters, &key);
                hide(&mut secrets, number, value.range.start, value.range.end);
                position = value.range.end.max(position);
                if value.goes_on {
                    // Between brackets indentation means nothing; what is indented at all may still belong to it.
                    block_of_column = Some(if key.is_in_flow { indentation } else { key.column });
                }
            }
        }
    }
    secrets
}

/// Whether a key of this name holds a secret; near misses count, since a misspelt key is shown as well.
pub(super) fn is_secret_name(name: &str) -> bool {
    const PARTS: [&str; 7] = ["passw", "passphrase", "secret", "token", "pwd", "credential", "apikey"];
    let name = name.to_lowercase().replace(['_', '-'], "");
    PARTS.iter().any(|part| name.contains(part))
        || matches!(name.as_str(), "pass" | "pw" | "psw" | "proxy")
        || strsim::damerau_levenshtein(&name, "password") <= 2
        || strsim::damerau_levenshtein(&name, "token") <= 1
}

fn hide(secrets: &mut Secrets, line: usize, start: usize, end: usize) {
    if start < end {
        secrets.entry(line).or_default().push(start + 1..end.saturating_add(1));
    }
}

/// `mqtt://user:password@host?token=…`: everything up to the last `@`, and the query.
fn hide_user_information(secrets: &mut Secrets, number: usize, characters: &[char]) {
    let Some(colon) = characters.windows(3).position(|window| window == [':', '/', '/']) else { return };
    let is_namespace = characters[..colon].windows(4).any(|window| window == ['n', 's', 'u', '=']);
    let start = colon + 3;
    if is_namespace {
        return;
    }
    let rest = &characters[start..];
    if let Some(at) = rest.iter().rposition(|&c| c == '@') {
        hide(secrets, number, start, start + at);
    }
    // No URL here has a query: what somebody puts into one may well be a password.
    let word = rest.iter().take_while(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).count();
    if let Some(question_mark) = rest[..word].iter().position(|&c| c == '?') {
        hide(secrets, number, start + question_mark + 1, start + word);
    }
}

struct FoundKey {
    name: String,
    /// Where the key starts, from 0.
    column: usize,
    /// The first character after the colon and spaces, from 0.
    value_start: usize,
    is_in_flow: bool,
}

/// Counts brackets while a line is walked along, so that no part of it is looked at twice.
#[derive(Default)]
struct Brackets {
    position: usize,
    depth: usize,
}

impl Brackets {
    fn is_open_at(&mut self, characters: &[char], position: usize) -> bool {
        while self.position < position {
            match characters[self.position] {
                '{' | '[' => self.depth += 1,
                '}' | ']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.position += 1;
        }
        self.depth > 0
    }
}

/// The next `name:` or `"name":` at or after a position.
fn next_key(characters: &[char], from: usize, brackets: &mut Brackets) -> Option<FoundKey> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut position = from;
    while position < characters.len() {
        if !is_word(characters[position]) {
            position += 1;
            continue;
        }
        let length = characters[position..].iter().take_while(|&&c| is_word(c)).count();
        let mut end = position + length;
        while matches!(characters.get(end), Some(' ' | '\t' | '"' | '\'')) {
            end += 1;
        }
        if characters.get(end) == Some(&':') {
            let spaces = characters[end + 1..].iter().take_while(|c| c.is_whitespace()).count();
            return Some(FoundKey {
                name: characters[position..position + length].iter().collect(),
                column: position,
                value_start: end + 1 + spaces,
                is_in_flow: brackets.is_open_at(characters, position),
            });
        }
        position += length;
    }
    None
}

struct SecretValue {
    range: Range<usize>,
    /// Whether the lines below that are indented deeper belong to it.
    goes_on: bool,
}

fn secret_value(characters: &[char], key: &FoundKey) -> SecretValue {
    let start = key.value_start.min(characters.len());
    let rest = &characters[start..];
    let to_the_end = SecretValue { range: start..characters.len(), goes_on: true };
    match rest.first() {
        None | Some('|' | '>' | '#' | '{' | '[') => to_the_end,
        Some(&quote @ ('"' | '\'')) => match closing_quote(rest, quote) {
            Some(end) if is_only_expressions(&rest[1..end]) => SecretValue { range: start..start, goes_on: false },
            Some(end) if ends_a_value(&rest[end + 1..], key.is_in_flow) => {
                SecretValue { range: start..start + end + 1, goes_on: false }
            }
            _ => to_the_end,
        },
        Some(_) => {
            let length = if key.is_in_flow { length_in_flow(rest) } else { rest.len() };
            let is_expression = is_only_expressions(trim_end(&rest[..length]));
            let is_ended = key.is_in_flow && (length < rest.len() || rest.last() == Some(&','));
            let end = if is_expression { start } else { start + length };
            SecretValue { range: start..end, goes_on: !is_expression && !is_ended }
        }
    }
}

fn closing_quote(value: &[char], quote: char) -> Option<usize> {
    let mut position = 1;
    while position < value.len() {
        match value[position] {
            '\\' if quote == '"' => position += 1,
            '\'' if quote == '\'' && value.get(position + 1) == Some(&'\'') => position += 1,
            character if character == quote => return Some(position),
            _ => {}
        }
        position += 1;
    }
    None
}

/// Whether what follows a closing quote lets it be the end of the value: nothing, a comment, or, between brackets,
/// more brackets and the next key.
fn ends_a_value(rest: &[char], is_in_flow: bool) -> bool {
    let spaces = rest.iter().take_while(|c| c.is_whitespace()).count();
    match rest.get(spaces) {
        None => true,
        Some('#') => spaces > 0,
        Some(',') if is_in_flow => starts_a_key(&rest[spaces + 1..]),
        Some('}' | ']') if is_in_flow => {
            let after = trim_start(&rest[spaces + 1..]);
            let is_next_entry = after.first() == Some(&',') && trim_start(&after[1..]).first() == Some(&'{');
            is_next_entry || ends_a_value(&rest[spaces + 1..], is_in_flow)
        }
        Some(_) => false,
    }
}

/// Whether a key follows a comma; or nothing.
fn starts_a_key(rest: &[char]) -> bool {
    let rest = trim_start(rest);
    let word = rest.iter().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '"' | '\'')).count();
    rest.is_empty() || (word > 0 && rest.get(word) == Some(&':') && matches!(rest.get(word + 1), None | Some(' ')))
}

fn trim_start(text: &[char]) -> &[char] {
    let spaces = text.iter().take_while(|c| c.is_whitespace()).count();
    &text[spaces..]
}

/// Up to the comma before the next key, or to the closing brackets at the end of the line.
fn length_in_flow(value: &[char]) -> usize {
    let is_end = |comma: usize| value[comma] == ',' && comma + 1 < value.len() && starts_a_key(&value[comma + 1..]);
    let comma = (0..value.len()).find(|&position| is_end(position));
    comma.unwrap_or_else(|| trim_end(value).len())
}

fn trim_end(value: &[char]) -> &[char] {
    let mut end = value.len();
    // The brace of `${env:NAME}` is the value's own.
    let mut depth = value.iter().filter(|&&c| c == '{').count();
    let closing = value.iter().filter(|&&c| c == '}').count();
    depth = closing.saturating_sub(depth);
    while end > 0 {
        match value[end - 1] {
            '}' if depth > 0 => depth -= 1,
            ' ' | '\t' | ']' | ',' => {}
            _ => break,
        }
        end -= 1;
    }
    &value[..end]
}

/// Whether a value is nothing but `${env:…}` and `${file:…}`, which are no secrets themselves.
fn is_only_expressions(value: &[char]) -> bool {
    let text: String = value.iter().collect();
    let mut rest = text.as_str();
    while let Some(inner) = rest.strip_prefix("${env:").or_else(|| rest.strip_prefix("${file:")) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        match inner.split_once('}') {
            // What could not be a name may be a secret in the wrong place.
            Some((name, after)) if name.chars().all(is_name) => rest = after,
            _ => return false,
        }
    }
    rest.is_empty() && !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows each line with what is hidden as `*`.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let secrets = find_secrets(&lines);
        let shown: Vec<String> = (1..)
            .zip(&lines)
            .map(|(number, line)| {
                let is_hidden =
                    |column| secrets.get(&number).is_some_and(|all| all.iter().any(|r| r.contains(&column)));
                (1..).zip(line.chars()).map(|(column, c)| if is_hidden(column) { '*' } else { c }).collect()
            })
            .collect();
        assert_eq!(shown.join("\n"), expected);
    }

    #[test]
    fn a_literal_secret_is_hidden_wherever_it_stands() {
        check("password: hunter2", "password: *******");
        check("auth: { username: a, password: hunter2 }", "auth: { username: a, password: ******* }");
        check("auth: { password: hunter2, username: a }", "auth: { password: *******, username: a }");
        check("auth: { password: \"hun,}2\", username: a }", "auth: { password: ********, username: a }");
        check("{ password: 'it''s', token: \"a\\\"b\" }", "{ password: *******, token: ****** }");
        check("  pasword: hunter2 # mine", "  pasword: **************");
        check("\"password\": hunter2", "\"password\": *******");
        check("password:hunter2", "password:*******");
        check("auth: { basic: { password: hunter2 } }", "auth: { basic: { password: ******* } }");
    }

    #[test]
    fn a_secret_over_several_lines_is_hidden_to_its_end() {
        check("token: |\n  abc\n\n  def\nhttp: x", "token: *\n  ***\n\n  ***\nhttp: x");
        check("- password:\n    abc\n  name: x", "- password:\n    ***\n  name: x");
        check("password: \"abc\n  def\"\nx: y", "password: ****\n  ****\nx: y");
    }

    #[test]
    fn a_secret_is_hidden_even_where_the_yaml_is_broken() {
        check("password: \"hun\"ter2\"", "password: **********");
        check("{ password: hun,ter2 }", "{ password: ******** }");
        check("{ password: hun}ter2 }", "{ password: ******** }");
        check("password: \"\"}hunter2", "password: **********");
        check("{ password: \"\"}hunter2, x: y }", "{ password: ******************");
        check("{ password: a,b:hunter2 }", "{ password: *********** }");
        check("[ { password: \"a\" }, { x: y } ]", "[ { password: *** }, { x: y } ]");
        check("{ password: \"\", hunter2 }", "{ password: *************");
    }

    #[test]
    fn user_information_in_a_url_is_hidden() {
        check("url: mqtt://user:pa/ss@host:1883", "url: mqtt://**********@host:1883");
        check("broker: { url: mqtt://u:p@h }", "broker: { url: mqtt://***@h }");
        check("url: \"mqtt://h:1?password=a&b\" # x", "url: \"mqtt://h:1?************\" # x");
        check("{ url: mqtt://u:p@h?k=hunter2, x: y }", "{ url: mqtt://***@h?********** x: y }");
        check("node: nsu=http://x;s=a@b", "node: nsu=http://x;s=a@b");
        check("node: nsu=http://x?a;s=b", "node: nsu=http://x?a;s=b");
    }

    #[test]
    fn what_only_names_a_secret_is_shown() {
        check("password: \"${env:PLC_PASSWORD}\"", "password: \"${env:PLC_PASSWORD}\"");
        check("{ password: ${env:X}, username: a }", "{ password: ${env:X}, username: a }");
        check("{ basic: { password: ${env:X} } }", "{ basic: { password: ${env:X} } }");
        check("password: ${file:/run/secrets/plc}", "password: ${file:/run/secrets/plc}");
        check("topic: machine/vib", "topic: machine/vib");
    }
}
