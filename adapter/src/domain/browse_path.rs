//! The way to a node by its names, from the Objects folder on: the relative path of OPC UA Part 4, Annex A.2, as far as
//! it goes down hierarchical references.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::node::{Namespace, decode_uri, encode_uri};

/// Names deeper than this are taken for a mistake.
const MAX_ELEMENTS: usize = 100;
/// The longest BrowseName that OPC UA allows, in characters.
const MAX_NAME_LENGTH: usize = 512;

/// A way down from the Objects folder; at least one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrowsePath {
    elements: Vec<PathElement>,
}

/// One step of the way: a BrowseName.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathElement {
    /// The namespace of the name; `None` for that of the element before, and 0 for the first.
    pub namespace: Option<Namespace>,
    /// The name, 1 to 512 characters.
    pub name: String,
}

/// Why a text is no browse path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BrowsePathError {
    /// There is no name in it.
    #[error("a browse path has at least one name, such as `nsu=http://www.siemens.com/simatic-s7-opcua;PLC/Machine`")]
    Empty,
    /// A step without a name.
    #[error("step {position} of the path has no name")]
    NoName {
        /// Which one, from 1.
        position: usize,
    },
    /// A name that is longer than OPC UA allows.
    #[error("the name in step {position} is longer than {MAX_NAME_LENGTH} characters")]
    LongName {
        /// Which one, from 1.
        position: usize,
    },
    /// More steps than any server has levels.
    #[error("a browse path has at most {MAX_ELEMENTS} names")]
    TooMany,
    /// Digits before a colon that are no number from 0 to 65535.
    #[error("`{text}:` is no namespace index: a number from 0 to 65535 is due (a `:` in a name is written `&:`)")]
    NamespaceIndex {
        /// What stood there.
        text: String,
    },
    /// `nsu=` without a URI, a `;` and a name.
    #[error("`nsu=` is due the namespace's URI, a `;` and a name")]
    Uri,
    /// `&` with nothing behind it.
    #[error("`&` takes the character behind it as it is, and none is there (`&&` is an `&`)")]
    Escape,
}

impl BrowsePath {
    /// Takes the steps one by one: in each, `/` is a character like any other.
    ///
    /// # Errors
    /// As for the text form.
    pub fn from_elements<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, BrowsePathError> {
        let mut elements = Vec::new();
        for text in texts {
            let (element, _) = element(text, elements.len() + 1, false)?;
            elements.push(element);
        }
        Self::checked(elements)
    }

    /// The steps, from the Objects folder down.
    pub fn elements(&self) -> &[PathElement] {
        &self.elements
    }

    /// The same path with every index replaced for which `uri` knows the namespace.
    #[must_use]
    pub fn with_uris(&self, uri: impl Fn(u16) -> Option<String>) -> Self {
        let named = |element: &PathElement| match element.namespace {
            Some(Namespace::Index(index)) => {
                let namespace = uri(index).map_or(Namespace::Index(index), Namespace::Uri);
                PathElement { namespace: Some(namespace), ..element.clone() }
            }
            _ => element.clone(),
        };
        Self { elements: self.elements.iter().map(named).collect() }
    }

    fn checked(elements: Vec<PathElement>) -> Result<Self, BrowsePathError> {
        match elements.len() {
            0 => Err(BrowsePathError::Empty),
            1..=MAX_ELEMENTS => Ok(Self { elements }),
            _ => Err(BrowsePathError::TooMany),
        }
    }
}

impl FromStr for BrowsePath {
    type Err = BrowsePathError;

    /// Reads `[/]<step>[/<step>…]`, each `[nsu=<uri>;|<index>:]<name>`; `&` takes the character behind it as it is.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = text.strip_prefix('/').unwrap_or(text);
        if rest.is_empty() {
            return Err(BrowsePathError::Empty);
        }
        let mut elements = Vec::new();
        loop {
            let (element, after) = element(rest, elements.len() + 1, true)?;
            elements.push(element);
            match after {
                Some(_) if elements.len() == MAX_ELEMENTS => return Err(BrowsePathError::TooMany),
                Some(after) => rest = after,
                None => return Self::checked(elements),
            }
        }
    }
}

/// Reads one step; with it, what follows the slash that ends it, where one does.
fn element(text: &str, position: usize, ends_at_slash: bool) -> Result<(PathElement, Option<&str>), BrowsePathError> {
    let (mut namespace, text) = match text.strip_prefix("nsu=") {
        Some(rest) => match rest.split_once(';') {
            Some((uri, name)) if !uri.is_empty() => (Some(Namespace::Uri(decode_uri(uri))), name),
            _ => return Err(BrowsePathError::Uri),
        },
        None => (None, text),
    };
    let mut name = String::new();
    let mut may_be_index = namespace.is_none();
    let mut rest = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '/' if ends_at_slash => {
                rest = Some(characters.as_str());
                break;
            }
            '&' => {
                name.push(characters.next().ok_or(BrowsePathError::Escape)?);
                may_be_index = false;
            }
            ':' if may_be_index && !name.is_empty() => {
                let text = std::mem::take(&mut name);
                let index = text.parse().map_err(|_| BrowsePathError::NamespaceIndex { text })?;
                namespace = Some(Namespace::Index(index));
                may_be_index = false;
            }
            other => {
                may_be_index &= other.is_ascii_digit();
                name.push(other);
            }
        }
    }
    match name.chars().count() {
        0 => Err(BrowsePathError::NoName { position }),
        1..=MAX_NAME_LENGTH => Ok((PathElement { namespace, name }, rest)),
        _ => Err(BrowsePathError::LongName { position }),
    }
}

impl fmt::Display for BrowsePath {
    /// The text form, with a `/` at its beginning, which tells it from a node id.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements.iter().try_for_each(|element| write!(formatter, "/{element}"))
    }
}

impl fmt::Display for PathElement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(Namespace::Uri(uri)) => write!(formatter, "nsu={};", encode_uri(uri))?,
            Some(Namespace::Index(index)) => write!(formatter, "{index}:")?,
            None if self.name.starts_with("nsu=") => formatter.write_str("&")?,
            None => {}
        }
        for character in self.name.chars() {
            if matches!(character, '/' | '&' | ':') {
                formatter.write_str("&")?;
            }
            write!(formatter, "{character}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    fn step(namespace: Option<Namespace>, name: &str) -> PathElement {
        PathElement { namespace, name: name.to_owned() }
    }

    #[track_caller]
    fn check(text: &str, expected: &[PathElement], shown: &str) {
        let path: BrowsePath = text.parse().unwrap();
        assert_eq!(path.elements(), expected, "{text}");
        assert_eq!(path.to_string(), shown);
    }

    #[test]
    fn the_text_form_of_annex_a2_is_read_and_written() {
        let siemens = Some(Namespace::Uri("http://www.siemens.com/simatic-s7-opcua".to_owned()));
        let text = "/nsu=http://www.siemens.com/simatic-s7-opcua;PLC/Machine";
        check(text, &[step(siemens, "PLC"), step(None, "Machine")], text);
        let indexed = [step(Some(Namespace::Index(2)), "Block&Output"), step(Some(Namespace::Index(0)), "v1.2")];
        check("2:Block&&Output/0:v1.2", &indexed, "/2:Block&&Output/0:v1.2");
        check("a&/b/c:d", &[step(None, "a/b"), step(None, "c:d")], "/a&/b/c&:d");
        check("12&:30/&nsu=x", &[step(None, "12:30"), step(None, "nsu=x")], "/12&:30/&nsu=x");
    }

    #[test]
    fn in_a_list_a_slash_is_a_character() {
        let path = BrowsePath::from_elements(["2:a/b", "c"]).unwrap();
        assert_eq!(path.elements(), [step(Some(Namespace::Index(2)), "a/b"), step(None, "c")]);
        assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn what_is_no_path_says_why() {
        use BrowsePathError as E;
        let long = "x".repeat(513);
        let deep = vec!["a"; 101].join("/");
        for (bad, expected) in [
            ("", E::Empty),
            ("/", E::Empty),
            ("a//b", E::NoName { position: 2 }),
            ("a/b/", E::NoName { position: 3 }),
            ("2:", E::NoName { position: 1 }),
            ("65536:a", E::NamespaceIndex { text: "65536".to_owned() }),
            ("nsu=urn:a", E::Uri),
            ("nsu=;a", E::Uri),
            ("a&", E::Escape),
            (&long, E::LongName { position: 1 }),
            (&deep, E::TooMany),
        ] {
            assert_eq!(bad.parse::<BrowsePath>(), Err(expected), "{bad}");
        }
        assert_eq!(BrowsePath::from_elements([]), Err(E::Empty));
    }

    fn any_path() -> impl Strategy<Value = BrowsePath> {
        let namespace =
            prop_oneof![any::<u16>().prop_map(Namespace::Index), "[a-z:/%;. ]{1,30}".prop_map(Namespace::Uri)];
        let name = prop_oneof!["[0-9:&/nsu=;a]{1,9}", ".{1,40}"];
        let element = (option::of(namespace), name).prop_map(|(namespace, name)| PathElement { namespace, name });
        vec(element, 1..6).prop_map(|elements| BrowsePath { elements })
    }

    proptest! {
        #[test]
        fn every_path_survives_its_text_form(path in any_path()) {
            prop_assert_eq!(path.to_string().parse::<BrowsePath>(), Ok(path));
        }

        #[test]
        fn no_text_panics(text in "(nsu=|[0-9]|:|;|&|/|.){0,20}") {
            drop(text.parse::<BrowsePath>());
            drop(BrowsePath::from_elements([text.as_str()]));
        }
    }
}
