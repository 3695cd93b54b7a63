//! Text of a stranger on a terminal: whatever a server calls its nodes, it shall not move the cursor.

use std::fmt::Write;

use crate::{domain::TagValue, domain::Timestamp, pipeline::northbound::value_json::write_value};

/// The text with every control character written out.
pub(super) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            // Writing to a String cannot fail.
            let _unused: std::fmt::Result = write!(safe, "{}", character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Marks that turn the direction of writing, behind which a text can look like another one.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The value as a message would carry it. JSON escapes the control characters below space.
pub(super) fn json(value: &TagValue) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value);
    printable(&String::from_utf8_lossy(&out))
}

/// The time in UTC, to the millisecond.
pub(super) fn time(time: Option<Timestamp>) -> String {
    let utc = time.and_then(|time| chrono::DateTime::from_timestamp_millis(time.unix_millis()));
    utc.map_or_else(|| "-".to_owned(), |utc| utc.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        assert_eq!(printable("Grün \u{1b}[2J\n"), "Grün \\u{1b}[2J\\u{a}");
        assert_eq!(printable("a\u{202e}b\u{9b}"), "a\\u{202e}b\\u{9b}");
        assert_eq!(json(&TagValue::String("a\u{1b}\u{9b}".into())), "\"a\\u001b\\u{9b}\"");
    }
}
