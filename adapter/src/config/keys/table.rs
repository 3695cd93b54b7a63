//! What the tables are made of.

use std::time::Duration;

/// A mapping with a fixed set of keys.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its keys, in groups that several sections may share.
    pub groups: &'static [&'static [Key]],
}

impl Section {
    /// All keys, in the order of the reference.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().copied().flatten()
    }

    /// The key of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

/// A key of a section.
#[derive(Debug)]
pub(crate) struct Key {
    /// As the mapping writes it.
    pub name: &'static str,
    /// What may stand there.
    pub shape: Shape,
    /// One line: what it is for, in which unit.
    pub doc: &'static str,
    /// Whether it must, may or must not yet be there.
    pub need: Need,
    /// What counts when it is absent, as the mapping would write it; `None` when there is nothing, or it depends.
    pub default: Option<&'static str>,
}

/// Whether a key must, may or must not yet be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It may.
    Optional,
    /// It must; the text says what to write.
    Required(&'static str),
    /// The language has it, this version has not; the text says what to do meanwhile.
    NotYet(&'static str),
}

/// What may stand as the value of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A text.
    Text(TextKind),
    /// `true` or `false`.
    Boolean,
    /// A whole number, both ends included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A number, both ends included.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// A time with its unit, both ends included.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// One of a few words, in any case.
    Choice {
        /// The words.
        options: &'static [&'static str],
    },
    /// `auto`, or a whole number.
    AutoOrInteger {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// `none`, or a number, both ends included.
    NoneOrNumber {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// `none`, or a time with its unit, both ends included.
    NoneOrDuration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A size with its unit, both ends included, in bytes.
    Size {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// `always`, or a time with its unit, both ends included.
    AlwaysOrDuration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A text, or a list of texts.
    Texts,
    /// Names of one's own choice, each with a text.
    TextMap,
    /// A mapping with fixed keys.
    Section(&'static Section),
    /// `none`, or a mapping with fixed keys.
    NoneOrSection(&'static Section),
    /// A list of such mappings.
    List(&'static Section),
    /// Names of one's own choice, each with such a mapping.
    Named(&'static Section),
    /// `kind` and the parameters that the model crate's registry knows for it.
    Detector,
    /// The number 1.
    Version,
    /// Not looked at, since the key is not built yet.
    Unread,
}

/// What a text is for, as far as its own mistakes depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// Any text.
    Any,
    /// A node id.
    NodeId,
    /// A topic, topic filter or glob: `#` and `*` may stand in it.
    Topic,
    /// Never shown.
    Secret,
}

/// A key that may be there.
pub(super) const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, doc, need: Need::Optional, default: None }
}

/// A key that is planned.
pub(super) const fn planned(name: &'static str, instead: &'static str) -> Key {
    Key { name, shape: Shape::Unread, doc: "", need: Need::NotYet(instead), default: None }
}

impl Key {
    /// Says what counts when it is absent.
    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Says that it must be there.
    pub(super) const fn required(self, example: &'static str) -> Self {
        Self { need: Need::Required(example), ..self }
    }

    /// Whether this version knows it.
    pub(crate) const fn is_built(&self) -> bool {
        !matches!(self.need, Need::NotYet(_))
    }
}

/// Any text.
pub(super) const TEXT: Shape = Shape::Text(TextKind::Any);
/// A node id.
pub(super) const NODE_ID: Shape = Shape::Text(TextKind::NodeId);
/// A topic or the like.
pub(super) const TOPIC: Shape = Shape::Text(TextKind::Topic);
/// A secret.
pub(super) const SECRET: Shape = Shape::Text(TextKind::Secret);

/// A time between two numbers of milliseconds.
pub(super) const fn milliseconds(min: u64, max: u64) -> Shape {
    Shape::Duration { min: Duration::from_millis(min), max: Duration::from_millis(max) }
}

/// One of a few words.
pub(super) const fn choice(options: &'static [&'static str]) -> Shape {
    Shape::Choice { options }
}

/// Milliseconds.
pub(super) const SECOND: u64 = 1000;
/// Milliseconds.
pub(super) const HOUR: u64 = 3600 * SECOND;
/// Milliseconds.
pub(super) const DAY: u64 = 24 * HOUR;
