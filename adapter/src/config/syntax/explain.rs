//! From a parser's complaint to a sentence for the one who wrote the mapping.

use super::{
    line::{Line, ValueStart},
    patch::Repair,
};
use crate::config::{source::Source, span::Span};

/// How many lines above the parser's place are looked at: it often notices a mistake only on a later line.
const LINES_ABOVE: usize = 4;

/// A mistake of syntax.
#[derive(Debug)]
pub(crate) struct Mistake {
    /// Where it is.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// How to read on as if it had been done.
    pub repair: Option<Repair>,
}

/// Looks for the mistake that made the parser stop at `place` with the words `complaint`.
pub(crate) fn explain(source: &Source, place: (usize, usize), complaint: &str) -> Mistake {
    let last = place.0.min(source.line_count().max(1));
    // What was still open at the end of the file may have been opened anywhere.
    let is_at_end = place.0 > source.line_count();
    let place = if is_at_end { (last, source.line(last).chars().count().max(1)) } else { place };
    if let Some(mistake) = tab(source, last) {
        return mistake;
    }
    let mut looked_at = 0;
    for number in (1..=last).rev() {
        let line = Line::new(source.line(number));
        if line.is_blank() {
            continue;
        }
        if let Some(mistake) = look_at(source, number, &line, number == place.0, complaint) {
            return mistake;
        }
        looked_at += 1;
        if looked_at > LINES_ABOVE && !is_at_end {
            break;
        }
    }
    in_general(source, place, complaint)
}

fn look_at(source: &Source, number: usize, line: &Line, is_the_place: bool, complaint: &str) -> Option<Mistake> {
    // Looking at a line takes time that grows with the square of its length.
    const MAX_LENGTH: usize = 2000;
    if line.characters.len() > MAX_LENGTH {
        return None;
    }
    let finder = Finder { source, number, line };
    let mut values = line.values();
    if is_the_place && complaint.contains("flow") {
        // The bracket that was opened may stand on a line above.
        for value in &mut values {
            value.is_in_flow = true;
        }
    }
    values
        .iter()
        .find_map(|value| finder.braces(*value).or_else(|| finder.text_after_quote(*value)))
        .or_else(|| is_the_place.then(|| values.iter().find_map(|value| finder.reserved_start(*value))).flatten())
        .or_else(|| {
            let is_about_colon = is_the_place && complaint.contains("mapping values are not allowed");
            is_about_colon.then(|| values.iter().find_map(|value| finder.second_colon(*value))).flatten()
        })
        .or_else(|| finder.colon_without_space())
        .or_else(|| finder.comment_in_brackets(&values))
        .or_else(|| values.iter().find_map(|value| finder.unclosed_quote(*value)))
        .or_else(|| if is_the_place { None } else { finder.unclosed_bracket() })
        .or_else(|| if is_the_place { None } else { finder.no_colon(complaint) })
}

struct Finder<'a> {
    source: &'a Source,
    number: usize,
    line: &'a Line,
}

impl Finder<'_> {
    /// `{adapter}/{tag}`, or `${env:X}` between the braces of a flow mapping.
    fn braces(&self, value: ValueStart) -> Option<Mistake> {
        let first = self.line.get(value.at)?;
        if matches!(first, '"' | '\'') {
            return None;
        }
        let is_placeholder_first = first == '{' && self.is_placeholder(value.at);
        let end = self.line.value_end(value.at, value.is_in_flow || is_placeholder_first);
        let end = if is_placeholder_first && !value.is_in_flow { self.line.value_end(value.at, false) } else { end };
        let has_brace_inside =
            value.is_in_flow && first != '{' && first != '[' && self.line.text(value.at, end).contains('{');
        if !is_placeholder_first && !has_brace_inside {
            return None;
        }
        let is_expression = self.line.text(value.at, end).contains("${");
        let message = if is_expression {
            "a text with `${…}` needs quotes here: between braces YAML reads `{` as the start of another mapping"
        } else {
            "a text with `{…}` needs quotes here: YAML reads `{` as the start of a mapping"
        };
        Some(self.quote_it(value.at, end, message))
    }

    /// Whether `{word}` or `{word[0]}` stands here and is not a mapping by itself.
    fn is_placeholder(&self, at: usize) -> bool {
        let rest = &self.line.characters[at + 1..];
        let name = rest.iter().take_while(|c| c.is_ascii_lowercase() || **c == '_').count();
        let index = rest[name..].iter().take_while(|c| matches!(c, '[' | ']' | '-' | '0'..='9')).count();
        let closing = at + 1 + name + index;
        name > 0
            && self.line.get(closing) == Some('}')
            && (index > 0 || !matches!(self.line.get(closing + 1), None | Some(' ' | ',' | '}' | ']')))
    }

    /// `"Machine"."Vibration"`
    fn text_after_quote(&self, value: ValueStart) -> Option<Mistake> {
        let quote = self.line.get(value.at).filter(|c| matches!(c, '"' | '\''))?;
        let closing = self.line.closing_quote(value.at)?;
        let next = closing + 1 + self.line.spaces(closing + 1);
        match self.line.get(next) {
            None | Some(',' | '}' | ']' | ':') => return None,
            Some('#') if next > closing + 1 => return None,
            Some(_) => {}
        }
        let end = self.line.value_end(value.at, value.is_in_flow);
        let message = format!("the text ends at its closing quote `{quote}`, but more follows");
        let mut mistake = self.quote_it(value.at, end, &message);
        if let Some(repair) = &mut mistake.repair {
            repair.broken = Some(mistake.span);
        }
        Some(mistake)
    }

    /// `%`, `@`, `*`: characters that YAML keeps for itself.
    fn reserved_start(&self, value: ValueStart) -> Option<Mistake> {
        let first = self.line.get(value.at).filter(|c| matches!(c, '%' | '@' | '`' | '*' | '&' | '!'))?;
        let end = self.line.value_end(value.at, value.is_in_flow);
        let message = format!("a text that starts with `{first}` needs quotes: YAML keeps this character for itself");
        Some(self.quote_it(value.at, end, &message))
    }

    /// `description: Speed: setpoint`
    fn second_colon(&self, value: ValueStart) -> Option<Mistake> {
        let end = self.line.value_end(value.at, value.is_in_flow);
        let text = self.line.text(value.at, end);
        let is_text = value.has_key && !text.starts_with(['"', '\'', '{', '[']);
        (is_text && text.contains(": ")).then(|| {
            self.quote_it(value.at, end, "a text with `: ` in it needs quotes: YAML reads `: ` as the end of a key")
        })
    }

    /// `name:vibration`
    fn colon_without_space(&self) -> Option<Mistake> {
        let colon = self.line.colon_without_space()?;
        let start = self.line.indentation();
        let key = self.line.text(start, colon).trim_start_matches(['-', ' ']).to_owned();
        Some(Mistake {
            span: Span::on_line(self.number, colon + 1, 1),
            message: "a space is missing after the colon".to_owned(),
            help: format!("write `{key}: …`"),
            repair: Some(Repair { line: self.number, insertions: vec![(colon + 2, ' ')], broken: None }),
        })
    }

    /// `{ topic_filter: #, tag_name: speed }`, where the comment takes the closing bracket along.
    fn comment_in_brackets(&self, values: &[ValueStart]) -> Option<Mistake> {
        let hash = self.line.comment_in_brackets()?;
        let start =
            values.iter().rev().find(|value| value.is_in_flow && value.at <= hash).map_or(hash, |value| value.at);
        let end = (hash..self.line.characters.len()).find(|&at| matches!(self.line.get(at), Some(',' | '}' | ']')))?;
        let end = (start..end).rev().find(|&at| self.line.get(at) != Some(' ')).map_or(end, |at| at + 1);
        let message = "` #` starts a comment in YAML, which hides the closing bracket";
        Some(self.quote_it(start, end, message))
    }

    /// A quote that does not end on its line; texts over several lines are rare enough in mappings.
    fn unclosed_quote(&self, value: ValueStart) -> Option<Mistake> {
        let quote = self.line.get(value.at).filter(|c| matches!(c, '"' | '\''))?;
        if self.line.closing_quote(value.at).is_some() {
            return None;
        }
        let end = self.line.value_end(value.at, value.is_in_flow);
        let span = Span::on_line(self.number, value.at + 1, end - value.at);
        Some(Mistake {
            span,
            message: format!("the text that starts with `{quote}` is never closed"),
            help: format!("put `{quote}` at its end"),
            repair: Some(Repair { line: self.number, insertions: vec![(end + 1, quote)], broken: Some(span) }),
        })
    }

    /// `broker: { url: mqtt://edge`
    fn unclosed_bracket(&self) -> Option<Mistake> {
        let mut open = self.line.open_brackets()?;
        let (at, bracket) = *open.last()?;
        let end = self.line.value_end(0, false);
        // A comma or a bracket at the end says that the mapping goes on below.
        if matches!(self.line.get(end.checked_sub(1)?), Some('{' | '[' | ',')) {
            return None;
        }
        let mut insertions = Vec::new();
        while let Some((_, bracket)) = open.pop() {
            insertions.push((end + 1, closing(bracket)));
        }
        Some(Mistake {
            span: Span::on_line(self.number, at + 1, 1),
            message: format!("this `{bracket}` is never closed"),
            help: format!("put `{}` where it ends", closing(bracket)),
            repair: Some(Repair { line: self.number, insertions, broken: None }),
        })
    }

    /// A line that the parser took for the first half of the key below.
    fn no_colon(&self, complaint: &str) -> Option<Mistake> {
        let is_possible = complaint.contains("mapping values are not allowed") && !self.line.characters.contains(&':');
        let start = self.line.indentation();
        let end = self.line.value_end(start, false);
        is_possible.then(|| Mistake {
            span: Span::on_line(self.number, start + 1, end - start),
            message: "this line is no `key: value`".to_owned(),
            help: "write a colon and a space after the key".to_owned(),
            repair: None,
        })
    }

    /// The way out of most mistakes: quotes around the whole value.
    fn quote_it(&self, start: usize, end: usize, message: &str) -> Mistake {
        let span = Span::on_line(self.number, start + 1, end - start);
        let text = self.line.text(start, end);
        let quote = if text.contains('"') || !text.contains('\'') { '\'' } else { '"' };
        let escape = if quote == '\'' { '\'' } else { '\\' };
        let mut insertions = vec![(start + 1, quote)];
        insertions.extend((start..end).filter(|&at| self.line.characters[at] == quote).map(|at| (at + 1, escape)));
        insertions.push((end + 1, quote));
        Mistake {
            span,
            message: message.to_owned(),
            help: self.quoted_example(span, &text),
            repair: Some(Repair { line: self.number, insertions, broken: None }),
        }
    }

    fn quoted_example(&self, span: Span, text: &str) -> String {
        if self.source.is_secret(span) || text.chars().count() > 100 {
            return "put the whole text in single quotes `'…'`, with each `'` in it written twice".to_owned();
        }
        let is_node = self.line.text(0, span.column - 1).ends_with("node: ");
        if is_node && text.starts_with('"') && text.contains("\".\"") && !text.contains('=') {
            return format!("write the whole node id in single quotes: 'nsu=<namespace uri>;s={text}'");
        }
        let inner = unwrapped(text);
        match inner.contains('\'') {
            true if !inner.contains(['"', '\\']) => format!("write \"{inner}\""),
            true => format!("write '{}'", inner.replace('\'', "''")),
            false if inner.contains(['"', '\\']) => format!("write '{inner}'"),
            false => format!("write \"{inner}\""),
        }
    }
}

/// `"ns=3;s="Machine"."Vibration""` and `'it's'` were meant without the outer quotes, `"Machine"."Vibration"` with all.
fn unwrapped(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        let is_node = |inner: &&str| inner.starts_with(['n', 's', 'i', 'g', 'b']) && inner.contains('=');
        if let Some(inner) = inner.filter(|inner| is_node(inner) || inner.matches(quote).count() % 2 == 1) {
            return inner;
        }
    }
    text
}

fn closing(bracket: char) -> char {
    if bracket == '{' { '}' } else { ']' }
}

fn tab(source: &Source, last: usize) -> Option<Mistake> {
    let has_tab = |number: usize| source.line(number).chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    let first = (1..=last + 1).find(|&number| has_tab(number) && !source.line(number).trim().is_empty())?;
    let column = source.line(first).chars().position(|c| c == '\t').unwrap_or(0);
    let count = (first..=source.line_count()).filter(|&number| has_tab(number)).count();
    let others = if count > 1 { format!(" ({count} lines of this file have one)") } else { String::new() };
    Some(Mistake {
        span: Span::on_line(first, column + 1, 1),
        message: format!("this line is indented with a tab; YAML allows only spaces{others}"),
        help: "replace each tab by two spaces; most editors can be told to".to_owned(),
        repair: None,
    })
}

/// When the line shows nothing known: what the parser says, in plain words.
fn in_general(source: &Source, (line, column): (usize, usize), complaint: &str) -> Mistake {
    let in_line = Line::new(source.line(line));
    let whole_line = Span::on_line(
        line,
        in_line.indentation() + 1,
        in_line.characters.len().saturating_sub(in_line.indentation()).max(1),
    );
    let here = Span::on_line(line, column, 1);
    let (span, message, help) = if complaint.contains("did not find expected key")
        || complaint.contains("did not find expected '-'")
        || complaint.contains("mapping values are not allowed")
        || complaint.contains("invalid indentation")
    {
        let help = "keys of one mapping start in the same column, and `- ` of one list too; a key whose value stands on the same line has nothing below it";
        (whole_line, "the indentation of this line fits none of the lines above", help)
    } else if complaint.contains("simple key expect") || complaint.contains("expected ':'") {
        (whole_line, "this line is no `key: value`", "write a colon and a space after the key")
    } else if complaint.contains("',' or '}'")
        || complaint.contains("',' or ']'")
        || complaint.contains("illegal placement of ':'")
    {
        let help = "close what was opened, or put a comma between two entries; a text with `{`, `[`, `,` or `: ` in it goes in quotes";
        (here, "a `,` or a closing bracket is missing before this", help)
    } else if complaint.contains("misplaced bracket") {
        (here, "this bracket closes nothing", "remove it, or put the text in quotes")
    } else if complaint.contains("block sequence entries") {
        (here, "a list cannot start behind its key", "start the list with `- ` on a line of its own")
    } else if complaint.contains("unknown escape") {
        let help = "between double quotes write `\\\\` for a backslash, or use single quotes";
        (here, "between double quotes a backslash starts an escape, and this one is unknown", help)
    } else if complaint.contains("unknown anchor") {
        (here, "this alias (`*…`) has no anchor (`&…`) above", "a text that starts with `*` goes in quotes")
    } else if complaint.contains("recursion limit") {
        (here, "brackets are nested too deep", "look for brackets that are opened and never closed")
    } else {
        let message = format!("YAML cannot be read from here on: {complaint}");
        return Mistake { span: here, message, help: HELP_IN_DOUBT.to_owned(), repair: None };
    };
    Mistake { span, message: message.to_owned(), help: help.to_owned(), repair: None }
}

const HELP_IN_DOUBT: &str = "check quotes, brackets and indentation on this line and the one above";
