//! What a model's inputs are called, so that whoever brings rows from elsewhere need not know their order.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Model;

/// Why inputs cannot be called so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputNameError {
    /// There are more or fewer names than inputs.
    #[error("{found} names do not fit a model of {expected} inputs")]
    Number {
        /// Inputs of the model.
        expected: usize,
        /// Names given.
        found: usize,
    },
    /// There are more names than are kept.
    #[error("more than {0} names are not kept")]
    TooMany(usize),
    /// A name is empty or too long.
    #[error("name {place} has {found} bytes; from 1 to {longest} are due")]
    Length {
        /// Which name, from 0.
        place: usize,
        /// Its bytes.
        found: usize,
        /// Bytes that a name may have.
        longest: usize,
    },
    /// A name holds a line break, a tab or the like.
    #[error("name {place}, {name:?}, holds a control character")]
    Control {
        /// Which name, from 0.
        place: usize,
        /// The name.
        name: String,
    },
    /// Two inputs have the same name.
    #[error("two inputs are called {0:?}")]
    Twice(String),
}

/// The names of all inputs in their order, or none at all. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InputNames(Option<Arc<[String]>>);

impl InputNames {
    /// Names that are kept at most.
    const MOST: usize = 65_536;
    /// Bytes that a name may have.
    const LONGEST: usize = 256;

    /// None for an empty list.
    fn new(names: Vec<String>) -> Result<Self, InputNameError> {
        if names.len() > Self::MOST {
            return Err(InputNameError::TooMany(Self::MOST));
        }
        let mut seen = HashSet::new();
        for (place, name) in names.iter().enumerate() {
            check_name(place, name)?;
            if !seen.insert(name.as_str()) {
                return Err(InputNameError::Twice(name.clone()));
            }
        }
        Ok(Self((!names.is_empty()).then(|| names.into())))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn as_slice(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there are as many names as inputs, or none; they may come from a file.
    pub(crate) fn check(&self, inputs: usize) -> Result<(), InputNameError> {
        let found = self.as_slice().len();
        if found == 0 || found == inputs { Ok(()) } else { Err(InputNameError::Number { expected: inputs, found }) }
    }
}

fn check_name(place: usize, name: &str) -> Result<(), InputNameError> {
    let (found, longest) = (name.len(), InputNames::LONGEST);
    if found == 0 || found > longest {
        return Err(InputNameError::Length { place, found, longest });
    }
    if name.chars().any(char::is_control) {
        return Err(InputNameError::Control { place, name: name.to_owned() });
    }
    Ok(())
}

impl Serialize for InputNames {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for InputNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Bounded)
    }
}

/// Stops at the first name too many: an empty name is one byte in a file and 24 in memory.
struct Bounded;

impl<'de> Visitor<'de> for Bounded {
    type Value = InputNames;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<InputNames, A::Error> {
        let mut found = Vec::new();
        while let Some(name) = names.next_element::<String>()? {
            check_name(found.len(), &name).map_err(Error::custom)?;
            if found.len() == InputNames::MOST {
                return Err(Error::custom(InputNameError::TooMany(InputNames::MOST)));
            }
            found.push(name);
        }
        InputNames::new(found).map_err(Error::custom)
    }
}

impl Model {
    /// What its inputs are called, in their order: as many names as [`inputs`](Self::inputs), or none where nobody has
    /// named them.
    pub fn input_names(&self) -> &[String] {
        self.input_names.as_slice()
    }

    /// Gives its inputs names, which go into the artefact: distinct ones of 1 to 256 bytes without control characters,
    /// one for each input in their order. An empty list takes the names away.
    ///
    /// # Errors
    /// Names that are none; the model then keeps those that it had.
    pub fn name_inputs(&mut self, names: Vec<String>) -> Result<(), InputNameError> {
        let names = InputNames::new(names)?;
        names.check(self.inputs())?;
        self.input_names = names;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, encode};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_that_nobody_could_use_are_refused() {
        let check = |given: &[&str], expected: &str| {
            assert_eq!(InputNames::new(names(given)).unwrap_err().to_string(), expected);
            let error = decode::<InputNames>(&encode(&names(given))).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&["a", ""], "name 1 has 0 bytes; from 1 to 256 are due");
        check(&["a".repeat(257).as_str()], "name 0 has 257 bytes; from 1 to 256 are due");
        check(&["a", "b\nc"], r#"name 1, "b\nc", holds a control character"#);
        check(&["a", "b", "a"], r#"two inputs are called "a""#);
        let many: Vec<String> = (0..=InputNames::MOST).map(|place| place.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(&many, "more than 65536 names are not kept");
        assert!(InputNames::new(names(&many[1..])).is_ok());
        assert!(InputNames::new(names(&["line1/Schwingung ä", "x".repeat(256).as_str()])).is_ok());
    }

    #[test]
    fn as_many_names_as_inputs_fit_or_none() {
        let two = InputNames::new(names(&["a", "b"])).unwrap();
        assert_eq!((two.check(2), InputNames::default().check(2)), (Ok(()), Ok(())));
        assert_eq!(two.check(3).unwrap_err().to_string(), "2 names do not fit a model of 3 inputs");
        assert_eq!(decode::<InputNames>(&encode(&two)), Ok(two));
    }
}
