//! A mapping file as a tree in which every key and every value knows its place.

use super::{credential::FileTemplate, span::Span};

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A text, number, truth value or nothing: YAML leaves it to the reader to say which.
    Scalar(Scalar),
    /// `- a` or `[a]`
    Sequence(Vec<Node>),
    /// `a: b` or `{a: b}`
    Mapping(Mapping),
    /// Something that has already been complained about; whoever meets it says nothing more.
    Broken,
}

/// A value without parts.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// The text, expressions replaced.
    pub text: String,
    /// Whether quotes or a block made it a text beyond doubt.
    pub is_quoted: bool,
    /// Whether `${…}` gave some of the text: then it is never shown.
    pub is_interpolated: bool,
    /// The way to the text where a file gave some of it.
    pub source: Option<FileTemplate>,
}

/// Keys with values, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    /// No key stands twice.
    pub entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Mapping {
    /// The entry of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Node {
    /// The mapping, if it is one.
    pub(super) fn as_mapping(&self) -> Option<&Mapping> {
        match &self.kind {
            Kind::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The sequence, if it is one.
    pub(super) fn as_sequence(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Whether nothing stands where a value should.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.is_null())
    }

    /// Whether it has already been complained about.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.kind, Kind::Broken)
    }
}

impl Scalar {
    /// Whether it is nothing: empty, `~` or `null`, without quotes.
    pub(super) fn is_null(&self) -> bool {
        self.is_plain() && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// Whether YAML may read it as something other than text.
    pub(super) fn is_plain(&self) -> bool {
        !self.is_quoted && !self.is_interpolated
    }
}
