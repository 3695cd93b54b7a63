//! Node ids as other tools spell them: which node id a text was probably meant to be.

use serde_json::{Map, Value};

use super::node::{Identifier, Namespace, NodeAddress, decode_uri};

/// A node id that was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    /// The node id; namespace 0 where the text names none.
    pub address: NodeAddress,
    /// Whether the text names a namespace.
    pub has_namespace: bool,
}

type Parts = (Option<Namespace>, Identifier);

/// What may stand between the parts of a node id.
const SEPARATORS: [char; 7] = [';', ',', '|', '!', ':', '#', ' '];

/// The node id that a text was probably meant to be.
pub fn meant(text: &str) -> Option<Meant> {
    // A longer one is cut in messages anyway.
    const MAX_LENGTH: usize = 1000;
    if text.len() > MAX_LENGTH {
        return None;
    }
    let plain = plain(text);
    let text = unwrapped(&plain);
    let (namespace, identifier) = json(text).or_else(|| constructor(text)).or_else(|| written(text))?;
    let has_namespace = namespace.is_some();
    let address = NodeAddress { namespace: namespace.unwrap_or(Namespace::Index(0)), identifier };
    let survives = address.to_string().parse().as_ref() == Ok(&address);
    survives.then_some(Meant { address, has_namespace })
}

/// Straight quotes, no escapes, no blanks around, no invisible characters.
pub(super) fn plain(text: &str) -> String {
    let straight: String = text.chars().filter(|&c| !is_invisible(c)).map(straight).collect();
    let decoded = decode_html(&straight).replace("\\\"", "\"");
    let is_escaped = !decoded.contains('=') && decoded.to_ascii_lowercase().contains("%3d");
    let decoded = if is_escaped { decode_percent(&decoded) } else { decoded };
    decoded.trim().to_owned()
}

fn straight(c: char) -> char {
    match c {
        _ if is_typographic(c) => '"',
        '\u{a0}' | '\u{202f}' => ' ',
        _ => c,
    }
}

/// “ ” „ ‟ « »
pub(super) const fn is_typographic(c: char) -> bool {
    matches!(c, '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}')
}

/// Characters of no width, as web pages have them.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

fn decode_html(text: &str) -> String {
    let text = text.replace("&amp;", "&");
    ["&quot;", "&#34;", "&#x22;", "&#39;", "&apos;"]
        .into_iter()
        .zip(["\"", "\"", "\"", "'", "'"])
        .fold(text, |text, (escape, character)| text.replace(escape, character))
}

/// The text itself if what it encodes is no UTF-8.
fn decode_percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        let digits =
            text.get(position + 1..position + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        if byte == b'%'
            && let Some(value) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
        {
            decoded.push(value);
            position += 3;
        } else {
            decoded.push(byte);
            position += 1;
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

/// Without quotes around the whole and without what other tools write before a node id.
fn unwrapped(text: &str) -> &str {
    const PREFIXES: [&str; 9] =
        ["opcua:", "opc.ua:", "nodeid:", "nodeid=", "node id:", "node:", "node=", "svr=0;", "svr=0,"];
    let mut text = text.trim();
    loop {
        let inner = PREFIXES.into_iter().find_map(|prefix| strip_prefix(text, prefix)).or_else(|| unquoted(text));
        match inner {
            Some(inner) => text = inner.trim(),
            None => return text,
        }
    }
}

/// What stands in quotes, if the quotes are around the whole: `"Machine"."Speed"` is no such text.
fn unquoted(text: &str) -> Option<&str> {
    ['"', '\'', '`'].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        let is_whole = !inner.contains(quote) || strip_prefix(inner, "ns").is_some();
        (is_whole && !inner.is_empty()).then_some(inner)
    })
}

/// Without regard to case.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// `{"IdType":1,"Id":"X","Namespace":2}`, OPC UA's JSON.
fn json(text: &str) -> Option<Parts> {
    let Value::Object(object) = serde_json::from_str(text).ok()? else { return None };
    let inner = member(&object, &["nodeid"]).and_then(Value::as_object);
    json_object(inner.unwrap_or(&object))
}

fn json_object(object: &Map<String, Value>) -> Option<Parts> {
    let namespace = member(object, &["namespace", "namespaceindex", "namespaceuri", "ns", "nsu"]);
    let namespace = namespace.map(json_text).map(|text| named_namespace(&text));
    let id = json_text(member(object, &["id", "identifier", "value", "i", "s", "g", "b"])?);
    let kind = member(object, &["idtype", "identifiertype", "type"]).map(json_text);
    let identifier = match kind.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("1" | "s" | "string") => typed('s', &id),
        Some("2" | "g" | "guid") => typed('g', &id),
        Some("3" | "b" | "opaque" | "bytestring") => typed('b', &id),
        Some(_) => typed('i', &id),
        None => bare(&id),
    }?;
    Some((namespace.flatten(), identifier))
}

fn member<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn json_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `NodeId(Identifier='X', NamespaceIndex=2, …)`, as libraries print it.
fn constructor(text: &str) -> Option<Parts> {
    let (_, arguments) = text.split_once("NodeId(")?;
    let argument = |name: &str| {
        let (_, rest) = arguments.split_once(name)?;
        let rest = rest.trim_start();
        let quoted = |quote| rest.strip_prefix(quote)?.split_once(quote).map(|(value, _)| (value, true));
        quoted('\'').or_else(|| quoted('"')).or_else(|| Some((rest.split([',', ')']).next()?.trim(), false)))
    };
    let (value, is_text) = argument("Identifier=")?;
    let namespace = argument("NamespaceIndex=").and_then(|(index, _)| index.parse().ok()).map(Namespace::Index);
    Some((namespace, if is_text { typed('s', value) } else { bare(value) }?))
}

/// A namespace before, behind or not at all.
fn written(text: &str) -> Option<Parts> {
    let text = without_data_type(text);
    if let Some((namespace, rest)) = leading_namespace(text) {
        return Some((Some(namespace), identifier(rest)?));
    }
    if let Some((rest, namespace)) = trailing_namespace(text) {
        return Some((Some(namespace), identifier(rest)?));
    }
    Some((None, identifier(text)?))
}

/// `;datatype=Double`, which some tools append.
pub(super) fn without_data_type(text: &str) -> &str {
    match text.rsplit_once(';') {
        Some((before, last)) if strip_prefix(last.trim(), "datatype=").is_some() => before,
        _ => text,
    }
}

fn leading_namespace(text: &str) -> Option<(Namespace, &str)> {
    let value = ["namespaceuri", "namespaceindex", "namespace", "nsuri", "nsu", "ns"]
        .into_iter()
        .find_map(|key| strip_prefix(text, key))
        .map(|rest| rest.trim_start_matches(['=', ':', ' ']))
        .filter(|rest| starts_with_digit(rest) || is_uri(rest) || strip_prefix(text, "nsu=").is_some());
    let value = value.or_else(|| (is_uri(text) || starts_with_digit(text)).then_some(text))?;
    if is_uri(value) || !starts_with_digit(value) {
        return uri_and_rest(value);
    }
    let (index, rest) = value.split_at(value.find(|c: char| !c.is_ascii_digit())?);
    let rest = rest.trim_start().strip_prefix(SEPARATORS).or_else(|| rest.strip_prefix(' '))?;
    Some((Namespace::Index(index.parse().ok()?), rest))
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_uri(text: &str) -> bool {
    ["http://", "https://", "urn:", "opc.tcp://"].into_iter().any(|scheme| strip_prefix(text, scheme).is_some())
}

/// `urn:x;s=X`, also with another separator.
fn uri_and_rest(text: &str) -> Option<(Namespace, &str)> {
    let behind = |(position, c): (usize, char)| text.get(position + c.len_utf8()..);
    let marked = text.char_indices().find(|&(position, c)| {
        (SEPARATORS.contains(&c) || "/&?".contains(c))
            && behind((position, c)).is_some_and(|rest| is_marked(rest.trim_start()))
    });
    let (position, separator) = marked.or_else(|| text.find(';').map(|position| (position, ';')))?;
    let uri = text.get(..position + usize::from(separator == '/'))?;
    let uri = uri.trim().trim_end_matches(['#', ';', ',', '|', ' ']);
    (!uri.is_empty()).then_some((Namespace::Uri(decode_uri(uri)), behind((position, separator))?))
}

/// Whether an identifier with its kind stands at the beginning.
fn is_marked(text: &str) -> bool {
    let rest = text.strip_prefix(['i', 's', 'g', 'b', 'I', 'S', 'G', 'B']);
    rest.is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// `s=X;ns=2`
pub(super) fn trailing_namespace(text: &str) -> Option<(&str, Namespace)> {
    let (rest, last) = text.rsplit_once([';', ',', '|'])?;
    let last = last.trim();
    let value = strip_prefix(last, "nsu=").or_else(|| strip_prefix(last, "ns="))?;
    Some((rest, named_namespace(value)?))
}

fn named_namespace(text: &str) -> Option<Namespace> {
    let text = text.trim();
    match text.parse() {
        Ok(index) => Some(Namespace::Index(index)),
        Err(_) => is_uri(text).then(|| Namespace::Uri(decode_uri(text))),
    }
}

fn identifier(text: &str) -> Option<Identifier> {
    const KINDS: [(&str, char); 10] = [
        ("numeric", 'i'),
        ("string", 's'),
        ("guid", 'g'),
        ("opaque", 'b'),
        ("bytestring", 'b'),
        ("uint32", 'i'),
        ("i", 'i'),
        ("s", 's'),
        ("g", 'g'),
        ("b", 'b'),
    ];
    let text = text.trim_start_matches([';', ' ']).trim();
    let found = KINDS.into_iter().find_map(|(name, kind)| {
        let value = strip_prefix(text, name)?.trim_start().strip_prefix(['=', '|', ':'])?;
        Some((kind, value))
    });
    match found {
        Some((kind, value)) => typed(kind, value),
        None => bare(text),
    }
}

/// An identifier of a known kind.
fn typed(kind: char, value: &str) -> Option<Identifier> {
    let value = value.trim();
    let inner = unquoted(value).unwrap_or(value);
    match kind {
        'i' => numeric(inner),
        'g' => guid(inner),
        'b' => opaque(inner),
        _ => string(value),
    }
}

/// An identifier whose kind is not said.
fn bare(value: &str) -> Option<Identifier> {
    let value = value.trim();
    if let Some(guid) = guid(value) {
        return Some(guid);
    }
    // A namespace or server that could not be read is part of no identifier.
    if ["ns=", "nsu=", "svr=", "{"].into_iter().any(|start| strip_prefix(value, start).is_some()) {
        return None;
    }
    numeric(value)
}

fn string(value: &str) -> Option<Identifier> {
    let value = if value.contains("%22") { decode_percent(value) } else { value.to_owned() };
    (!value.is_empty()).then_some(Identifier::String(value))
}

/// A number, else a text, unless it looks like a number that is none.
fn numeric(value: &str) -> Option<Identifier> {
    if let Some(digits) = strip_prefix(value, "0x") {
        return u32::from_str_radix(digits, 16).ok().map(Identifier::Numeric);
    }
    if value.chars().all(|c| c.is_ascii_digit() || "+-.,_ '".contains(c)) {
        return format!("i={value}").parse().ok();
    }
    string(value)
}

/// Also in braces and without dashes.
fn guid(value: &str) -> Option<Identifier> {
    let digits: String = value.trim_matches(['{', '}', '(', ')', ' ', '"']).chars().filter(|&c| c != '-').collect();
    if digits.len() != 32 || !digits.is_ascii() {
        return None;
    }
    let group = |range: std::ops::Range<usize>| digits.get(range);
    let groups = [group(0..8)?, group(8..12)?, group(12..16)?, group(16..20)?, group(20..digits.len())?];
    format!("g={}", groups.join("-")).parse().ok()
}

/// Also in the alphabet for URLs and without padding.
fn opaque(value: &str) -> Option<Identifier> {
    let digits = value.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - digits.len() % 4) % 4);
    format!("b={digits}{padding}").parse().ok()
}

#[cfg(test)]
#[path = "node_spelling_tests.rs"]
mod tests;
