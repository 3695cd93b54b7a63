//! One parameter of a detector kind, and the values it takes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Params;

/// One parameter of a detector kind. The mapping's resolver validates with it, `check --resolved` fills in its default,
/// and the schema and the reference are made from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// The key in the mapping, in lower snake case.
    pub name: &'static str,
    /// The values it takes, and its default.
    pub domain: Domain,
    /// One line for the reference, with the unit.
    pub doc: &'static str,
}

/// The values that a parameter takes, and its default. Both ends of a range belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// A whole number.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// When not given.
        default: i64,
    },
    /// A finite number.
    Number {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
        /// When not given.
        default: f64,
    },
    /// One of a few words.
    Choice {
        /// The words, in lower snake case.
        options: &'static [&'static str],
        /// When not given; one of the options.
        default: &'static str,
    },
    /// Other detectors, at least one, each with parameters of its own.
    Detectors {
        /// When not given: their kinds, with their own defaults.
        default: &'static [&'static str],
    },
}

/// A detector that another is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorSpec {
    /// Name of the kind in the registry.
    pub kind: String,
    /// Its parameters. Resolved or not; fitting resolves them again.
    #[serde(default)]
    pub params: Params,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// A word.
    Text(String),
    /// Other detectors.
    Detectors(Vec<DetectorSpec>),
}

/// What is wrong with a parameter.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParamError {
    /// The kind has no such parameter.
    #[error("unknown parameter {name:?}; remove it or correct its name")]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// A parameter was read that is not there; only parameters that were never resolved can give this.
    #[error("parameter {name:?} is missing; resolve the parameters against their kind first")]
    Missing {
        /// The parameter.
        name: String,
    },
    /// The value is of another type.
    #[error("parameter {name:?} must be {expected}, not {found}")]
    WrongType {
        /// The parameter.
        name: String,
        /// The type it takes, in words.
        expected: &'static str,
        /// What was given.
        found: ParamValue,
    },
    /// The value is of the right type, but not one that the parameter takes.
    #[error("parameter {name:?} must be {domain}, not {found}")]
    OutOfRange {
        /// The parameter.
        name: String,
        /// The values it takes.
        domain: Domain,
        /// What was given.
        found: ParamValue,
    },
}

impl ParamError {
    /// The parameter that the error is about, so that a caller can point at its place in the mapping.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown { name }
            | Self::Missing { name }
            | Self::WrongType { name, .. }
            | Self::OutOfRange { name, .. } => name,
        }
    }
}

impl Parameter {
    /// The value when none is given.
    pub fn default_value(&self) -> ParamValue {
        match self.domain {
            Domain::Integer { default, .. } => ParamValue::Integer(default),
            Domain::Number { default, .. } => ParamValue::Number(default),
            Domain::Choice { default, .. } => ParamValue::Text(default.to_owned()),
            Domain::Detectors { default } => {
                let spec = |kind: &&str| DetectorSpec { kind: (*kind).to_owned(), params: Params::default() };
                ParamValue::Detectors(default.iter().map(spec).collect())
            }
        }
    }

    /// Takes a value that lies in the domain. A whole number stands for a number as well (`smoothing: 1`), and words
    /// are taken in any case.
    ///
    /// # Errors
    /// A value of another type or outside the domain.
    pub fn accept(&self, value: ParamValue) -> Result<ParamValue, ParamError> {
        let (accepted, is_inside) = match (self.domain, &value) {
            (Domain::Integer { min, max, .. }, ParamValue::Integer(number)) => {
                (value.clone(), (min..=max).contains(number))
            }
            (Domain::Number { min, max, .. }, ParamValue::Number(number)) => {
                (value.clone(), (min..=max).contains(number))
            }
            (Domain::Number { min, max, .. }, ParamValue::Integer(number)) => {
                let number = *number as f64;
                (ParamValue::Number(number), (min..=max).contains(&number))
            }
            (Domain::Choice { options, .. }, ParamValue::Text(word)) => {
                let word = word.to_lowercase();
                let is_option = options.contains(&word.as_str());
                (ParamValue::Text(word), is_option)
            }
            (Domain::Detectors { .. }, ParamValue::Detectors(members)) => (value.clone(), !members.is_empty()),
            _ => {
                let expected = self.domain.type_in_words();
                return Err(ParamError::WrongType { name: self.name.to_owned(), expected, found: value });
            }
        };
        if is_inside {
            Ok(accepted)
        } else {
            Err(ParamError::OutOfRange { name: self.name.to_owned(), domain: self.domain, found: value })
        }
    }
}

impl Domain {
    const fn type_in_words(&self) -> &'static str {
        match self {
            Self::Integer { .. } => "a whole number",
            Self::Number { .. } => "a number",
            Self::Choice { .. } => "a word",
            Self::Detectors { .. } => "a list of detectors",
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { min, max: i64::MAX, .. } => write!(f, "{min} or more"),
            Self::Integer { min, max, .. } => write!(f, "from {min} to {max}"),
            Self::Number { min, max, .. } => write!(f, "from {min} to {max}"),
            Self::Choice { options, .. } => write!(f, "one of {}", options.join(", ")),
            Self::Detectors { .. } => f.write_str("a list of at least one detector"),
        }
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Detectors(members) => {
                let kinds: Vec<&str> = members.iter().map(|member| member.kind.as_str()).collect();
                write!(f, "[{}]", kinds.join(", "))
            }
        }
    }
}
