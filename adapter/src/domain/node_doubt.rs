//! Node ids that can be read, but can hardly be meant.

use super::{
    node::{Identifier, Namespace, NodeAddress},
    node_spelling::{Meant, is_invisible, is_typographic, meant, trailing_namespace, without_data_type},
};

/// Why a node id can hardly be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What is odd about it.
    pub why: &'static str,
    /// What was probably meant.
    pub meant: Option<Meant>,
}

/// What is odd about a node id that can be read.
pub fn doubt(text: &str, address: &NodeAddress) -> Option<Doubt> {
    if text.chars().any(is_escape) {
        let why = "this node id has control characters in it; between double quotes a backslash starts an escape";
        return Some(Doubt { why, meant: meant(&unescaped(text)) });
    }
    if let Some(why) = spelling(text, address) {
        return Some(Doubt { why, meant: meant(text) });
    }
    let is_own = matches!(address.identifier, Identifier::Numeric(_)) || text.starts_with("ns=0;");
    (address.namespace == Namespace::Index(0) && !is_own).then(|| Doubt {
        why: "this node id names no namespace, and OPC UA's own, which then counts, has numbers only",
        meant: Some(Meant { address: address.clone(), has_namespace: false }),
    })
}

fn spelling(text: &str, address: &NodeAddress) -> Option<&'static str> {
    if let Namespace::Uri(uri) = &address.namespace {
        if uri.contains(['<', '>']) {
            return Some("this node id has a placeholder in place of its namespace");
        }
        if uri.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some("`nsu=` is due the namespace's URI, and this is an index");
        }
        if uri.trim() != uri {
            return Some("the namespace of this node id begins or ends with a blank");
        }
    }
    let Identifier::String(identifier) = &address.identifier else { return None };
    string(text, identifier)
}

fn string(text: &str, identifier: &str) -> Option<&'static str> {
    const ESCAPED_QUOTES: [&str; 5] = ["%22", "&quot;", "&#34;", "&#x22;", "&amp;"];
    if text.chars().any(is_invisible) {
        return Some("this node id has characters in it that no screen shows");
    }
    if text.chars().any(is_typographic) {
        return Some("this node id has typographic quotes in it");
    }
    if text.contains("\\\"") {
        return Some("this node id has backslashes before its quotes, as JSON writes them");
    }
    if ESCAPED_QUOTES.iter().any(|escape| identifier.contains(escape)) {
        return Some("this node id has escaped characters in it, as URLs or HTML have them");
    }
    if without_data_type(text) != text {
        return Some("this node id ends with a data type, which would belong to the identifier");
    }
    if identifier.trim() != identifier {
        return Some("the identifier of this node id begins or ends with a blank");
    }
    let has_namespace = text.starts_with("ns");
    (!has_namespace && trailing_namespace(text).is_some())
        .then_some("this node id has its namespace behind the identifier, where it would belong to the identifier")
}

const ESCAPES: [(char, char); 14] = [
    ('\0', '0'),
    ('\u{7}', 'a'),
    ('\u{8}', 'b'),
    ('\t', 't'),
    ('\n', 'n'),
    ('\u{b}', 'v'),
    ('\u{c}', 'f'),
    ('\r', 'r'),
    ('\u{1b}', 'e'),
    ('\u{85}', 'N'),
    ('\u{a0}', '_'),
    ('\u{2028}', 'L'),
    ('\u{2029}', 'P'),
    ('\u{7f}', 'x'),
];

/// Whether one of YAML's escapes yields it.
pub fn is_escape(c: char) -> bool {
    c.is_control() || ESCAPES.iter().any(|(character, _)| *character == c)
}

/// As it stood between double quotes.
fn unescaped(text: &str) -> String {
    let mut raw = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        match ESCAPES.iter().find(|(character, _)| *character == c) {
            Some((_, letter)) => raw.extend(['\\', *letter]),
            None => raw.push(c),
        }
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = doubt(text, &text.parse().unwrap()).unwrap_or_else(|| panic!("no doubt about {text}"));
        let meant = found.meant.unwrap_or_else(|| panic!("nothing meant by {text}"));
        assert_eq!(meant.address.to_string(), expected, "{text}");
    }

    #[test]
    fn what_can_hardly_be_meant_has_what_was_meant() {
        let quoted = "nsu=urn:raw;s=\"Machine\".\"Speed\"";
        check("nsu=urn:raw;s=C:\temp", "nsu=urn:raw;s=C:\\temp");
        check("nsu=urn:raw;s=C:\new", "nsu=urn:raw;s=C:\\new");
        check("nsu=urn:raw;s=plc\u{85}Pumps", "nsu=urn:raw;s=plc\\NPumps");
        check("nsu=urn:raw;s=\\\"Machine\\\".\\\"Speed\\\"", quoted);
        check("nsu=urn:raw;s=“Machine”.“Speed”", quoted);
        check("nsu=urn:raw;s=%22Machine%22.%22Speed%22", quoted);
        check("nsu=urn:raw;s=&quot;Machine&quot;.&quot;Speed&quot;", quoted);
        check("nsu=urn:raw;s=Machine ", "nsu=urn:raw;s=Machine");
        check("nsu=urn:raw;s= Machine", "nsu=urn:raw;s=Machine");
        check("nsu=urn:raw ;s=Machine", "nsu=urn:raw;s=Machine");
        check("nsu=urn:raw;s=Mach\u{200b}ine", "nsu=urn:raw;s=Machine");
        check("s=\"Machine\".\"Speed\";ns=3", "ns=3;s=\"Machine\".\"Speed\"");
        check("ns=3;s=Speed;datatype=Double", "ns=3;s=Speed");
        check("nsu=3;s=Speed", "ns=3;s=Speed");
        check("s=Speed", "s=Speed");
    }

    #[test]
    fn ordinary_node_ids_are_in_no_doubt() {
        for text in [
            "i=2258",
            "ns=0;s=Speed",
            "ns=3;s=\"Machine\".\"Speed\"",
            "nsu=http://x/;s=a;b=c",
            "ns=2;s=Load 50%",
            "ns=2;s=a%2Fb",
            "ns=2;s=a & b",
            "ns=2;s=C:\\temp",
            "ns=2;s=Überdruck",
            "ns=2;g=00000000-1111-2222-3333-444444444444",
        ] {
            assert_eq!(doubt(text, &text.parse().unwrap()), None, "{text}");
        }
    }
}
