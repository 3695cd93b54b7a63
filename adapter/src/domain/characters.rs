//! Which characters a text that MQTT carries must not have.

use std::fmt;

/// The first character that MQTT 5.0, section 1.5.4, lets a receiver close the connection for, which brokers do: a
/// control character (U+0000 to U+001F, U+007F to U+009F) or a noncharacter (U+FDD0 to U+FDEF, and the last two of each
/// plane, U+FFFE and U+FFFF first).
pub fn unsendable(text: &str) -> Option<char> {
    text.chars().find(|&character| character.is_control() || is_noncharacter(character))
}

/// Unicode 16, section 23.7.
fn is_noncharacter(character: char) -> bool {
    matches!(character, '\u{FDD0}'..='\u{FDEF}') || u32::from(character) & 0xFFFE == 0xFFFE
}

/// Shows a character by its number, since most of those that must not be there cannot be seen: `U+FFFF`.
#[derive(Clone, Copy, Debug)]
pub struct Codepoint(pub char);

impl fmt::Display for Codepoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "U+{:04X}", u32::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_brokers_hang_up_on_is_found_and_named() {
        for (text, expected) in [
            ("a\0b", "U+0000"),
            ("two\nlines", "U+000A"),
            ("\u{7F}", "U+007F"),
            ("\u{9F}", "U+009F"),
            ("\u{FDD0}", "U+FDD0"),
            ("\u{FDEF}", "U+FDEF"),
            ("\u{FFFE}", "U+FFFE"),
            ("x\u{FFFF}", "U+FFFF"),
            ("\u{1FFFE}", "U+1FFFE"),
            ("\u{10FFFF}", "U+10FFFF"),
        ] {
            assert_eq!(unsendable(text).map(|found| Codepoint(found).to_string()).as_deref(), Some(expected));
        }
        for good in ["", "a/b c", "ä\u{A0}€", "\u{FDCF}\u{FDF0}\u{FFFD}\u{10000}😀", "\u{FEFF}"] {
            assert_eq!(unsendable(good), None, "{good}");
        }
    }
}
