//! Reads values by their key: from the nearest of several layers, else the key's default.
//!
//! Form has been checked before, so what cannot be read here has been reported, and counts as absent.

use std::time::Duration;

use super::{
    form,
    keys::{Key, Section, Shape},
    scalar, size,
    span::Span,
    tree::{Entry, Kind, Mapping, Node, Scalar},
};

/// One mapping, or several laid over each other: the first that has a key decides.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    layers: Vec<&'a Mapping>,
    section: &'static Section,
}

/// A text with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    /// The text, expressions replaced.
    pub value: &'a str,
    /// Its place.
    pub span: Span,
    /// As it stands in the tree.
    pub scalar: &'a Scalar,
}

impl<'a> View<'a> {
    /// A view of one mapping.
    pub(super) fn new(mapping: &'a Mapping, section: &'static Section) -> Self {
        Self { layers: vec![mapping], section }
    }

    /// The same with further layers below.
    pub(super) fn over(mut self, below: &Self) -> Self {
        self.layers.extend(&below.layers);
        self
    }

    /// The entry of a key.
    pub(super) fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.layers.iter().find_map(|layer| layer.get(name))
    }

    /// Whether the key stands in the first layer.
    pub(super) fn has_own(&self, name: &str) -> bool {
        self.layers.first().is_some_and(|layer| layer.get(name).is_some())
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<Text<'a>> {
        let node = &self.entry(name)?.value;
        as_text(node)
    }

    /// All texts of a text or list of texts.
    pub(super) fn texts(&self, name: &str) -> Vec<Text<'a>> {
        match self.entry(name).map(|entry| &entry.value) {
            Some(Node { kind: Kind::Sequence(items), .. }) => items.iter().filter_map(as_text).collect(),
            Some(node) => as_text(node).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// Names and texts, in the order of the file.
    pub(super) fn text_map(&self, name: &str) -> Vec<(&'a Entry, Text<'a>)> {
        let mapping = self.entry(name).and_then(|entry| entry.value.as_mapping());
        let entries = mapping.map_or(&[][..], |mapping| &mapping.entries);
        entries.iter().filter_map(|entry| Some((entry, as_text(&entry.value)?))).collect()
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, name: &str) -> bool {
        self.read(name, |scalar, _| scalar::read_boolean(scalar).ok()).unwrap_or_default()
    }

    /// A whole number.
    pub(super) fn integer<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        let number = self.read(name, |scalar, shape| match shape {
            Shape::Integer { min, max } => scalar::read_integer(scalar, min, max).ok(),
            Shape::AutoOrInteger { min, max } => scalar::read_auto_or_integer(scalar, min, max).ok().flatten(),
            _ => None,
        });
        number.and_then(|number| T::try_from(number).ok())
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.read(name, |scalar, shape| match shape {
            Shape::Number { min, max } => scalar::read_number(scalar, min, max).ok(),
            _ => None,
        })
    }

    /// A number; `None` for `none`, too.
    pub(super) fn none_or_number(&self, name: &str) -> Option<f64> {
        self.read(name, |scalar, shape| match shape {
            // `none` is a value of its own here, and must not fall back to the key's default.
            Shape::NoneOrNumber { min, max } => scalar::read_none_or_number(scalar, min, max).ok().map(NoneOrNumber),
            _ => None,
        })
        .and_then(|read| read.0)
    }

    /// A time.
    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        self.read(name, |scalar, shape| match shape {
            Shape::Duration { min, max } => scalar::read_duration(scalar, min, max).ok(),
            _ => None,
        })
    }

    /// A time; `None` for `none`, too.
    pub(super) fn none_or_duration(&self, name: &str) -> Option<Duration> {
        self.read(name, |scalar, shape| match shape {
            // As with numbers: `none` must not fall back to the key's default.
            Shape::NoneOrDuration { min, max } => {
                scalar::read_none_or_duration(scalar, min, max).ok().map(NoneOrDuration)
            }
            _ => None,
        })
        .and_then(|read| read.0)
    }

    /// A size, in bytes.
    pub(super) fn size(&self, name: &str) -> Option<u64> {
        self.read(name, |scalar, shape| match shape {
            Shape::Size { min, max } => size::read_size(scalar, min, max).ok(),
            _ => None,
        })
    }

    /// A time, or `Some(None)` for `always`.
    #[expect(clippy::option_option, reason = "the outer one says that the form is not as it should be")]
    pub(super) fn always_or_duration(&self, name: &str) -> Option<Option<Duration>> {
        self.read(name, |scalar, shape| match shape {
            Shape::AlwaysOrDuration { min, max } => size::read_always_or_duration(scalar, min, max).ok(),
            _ => None,
        })
    }

    /// One of the key's words, in its canonical spelling.
    pub(super) fn choice(&self, name: &str) -> Option<&'static str> {
        self.read(name, |scalar, shape| match shape {
            Shape::Choice { options } => scalar::read_choice(scalar, options).ok(),
            _ => None,
        })
    }

    /// A section within, with the same layers.
    pub(super) fn section(&self, name: &str) -> Option<Self> {
        let Some(Shape::Section(section)) = self.section.get(name).map(|key| key.shape) else { return None };
        let layers = self.layers.iter().filter_map(|layer| layer.get(name)?.value.as_mapping()).collect();
        Some(Self { layers, section })
    }

    /// A section within, from the nearest layer that has it and no other: for keys that exclude each other. `none` there
    /// undoes those of the layers below.
    pub(super) fn nearest_section(&self, name: &str) -> Option<Self> {
        let shape = self.section.get(name).map(|key| key.shape);
        let Some(Shape::Section(section) | Shape::NoneOrSection(section)) = shape else { return None };
        self.entry(name)?.value.as_mapping().map(|mapping| Self::new(mapping, section))
    }

    /// Whether some layer has the key.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Whether a key that nobody knows was probably meant to be this one; it has been reported as such.
    pub(super) fn is_misspelt(&self, name: &str) -> bool {
        let is_meant = |entry: &Entry| {
            self.section.get(&entry.key).is_none() && form::meant_key(&entry.key, self.section) == Some(name)
        };
        self.layers.iter().any(|layer| layer.entries.iter().any(is_meant))
    }

    /// The entries of a list, with their places.
    pub(super) fn list(&self, name: &str) -> Vec<(Span, Self)> {
        let (Some(entry), Some(Shape::List(section))) = (self.entry(name), self.section.get(name).map(|key| key.shape))
        else {
            return Vec::new();
        };
        let items = entry.value.as_sequence().unwrap_or_default();
        items
            .iter()
            .filter_map(|item| {
                let mapping = item.as_mapping()?;
                let span = mapping.entries.first().map_or(item.span, |first| first.key_span);
                Some((span, Self::new(mapping, section)))
            })
            .collect()
    }

    /// Names with their sections.
    pub(super) fn named(&self, name: &str) -> Vec<(&'a Entry, Self)> {
        let (Some(entry), Some(Shape::Named(section))) =
            (self.entry(name), self.section.get(name).map(|key| key.shape))
        else {
            return Vec::new();
        };
        let entries = entry.value.as_mapping().map_or(&[][..], |mapping| &mapping.entries);
        entries.iter().filter_map(|entry| Some((entry, Self::new(entry.value.as_mapping()?, section)))).collect()
    }

    fn read<T>(&self, name: &str, read: impl Fn(&Scalar, Shape) -> Option<T>) -> Option<T> {
        let key = self.section.get(name)?;
        let found = self.entry(name).and_then(|entry| match &entry.value.kind {
            Kind::Scalar(scalar) => read(scalar, key.shape),
            _ => None,
        });
        found.or_else(|| read(&default_scalar(key)?, key.shape))
    }
}

/// A key's default as if it stood in the file.
pub(super) fn default_scalar(key: &Key) -> Option<Scalar> {
    let default = key.default?;
    let quoted = default.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let text = quoted.unwrap_or(default).to_owned();
    Some(Scalar { text, is_quoted: quoted.is_some(), is_interpolated: false, source: None })
}

/// What stands where `none` or a number may.
struct NoneOrNumber(Option<f64>);

/// What stands where `none` or a time may.
struct NoneOrDuration(Option<Duration>);

fn as_text(node: &Node) -> Option<Text<'_>> {
    match &node.kind {
        Kind::Scalar(scalar) if !scalar.is_null() && scalar::read_text(scalar).is_ok() => {
            Some(Text { value: &scalar.text, span: node.span, scalar })
        }
        _ => None,
    }
}
