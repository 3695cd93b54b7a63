//! `field:` of a tag: the way from a value to one of its members.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::{
    TagValue,
    value::{ArrayValue, StructureValue},
};

/// The way to a member: `pressure.inlet`, `limits[2].high`, `[0]`, and `"a.b".c` where a name has dots in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    steps: Vec<Step>,
}

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A member of a structure.
    Member(Box<str>),
    /// An element of an array, from 0.
    Element(u32),
}

/// Why a text is no way to a member.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FieldPathError {
    /// There is nothing between two dots, or nothing at all.
    #[error("a member's name is due {}", place(*position))]
    Name {
        /// Where, in bytes from 0.
        position: usize,
    },
    /// A bracket without a number in it.
    #[error("an element is written as `[0]`, `[1]` and so on; that is not what stands {}", place(*position))]
    Element {
        /// Where, in bytes from 0.
        position: usize,
    },
    /// A quotation mark that is not closed.
    #[error("the quotation mark {} is not closed", place(*position))]
    Quote {
        /// Where, in bytes from 0.
        position: usize,
    },
    /// More than 16 steps.
    #[error("it has more than {MAX_STEPS} steps")]
    Length,
}

/// Why a value has no such member.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MissingField {
    /// Other members are there.
    #[error("`{type_name}` has no member `{name}`; it has {there}")]
    Member {
        /// The structure's type.
        type_name: Box<str>,
        /// What was looked for.
        name: Box<str>,
        /// What is there.
        there: String,
    },
    /// The array is shorter.
    #[error("the array has {length} elements, and [{element}] is not among them")]
    Element {
        /// What was looked for, from 0.
        element: u32,
        /// How many there are.
        length: usize,
    },
    /// A name leads nowhere from a value that is no structure.
    #[error("`{name}` is a member of a structure, and {what} is there")]
    NoStructure {
        /// What was looked for.
        name: Box<str>,
        /// What is there.
        what: String,
    },
    /// A number leads nowhere from a value that is no array.
    #[error("[{element}] is an element of an array, and {what} is there")]
    NoArray {
        /// What was looked for, from 0.
        element: u32,
        /// What is there.
        what: String,
    },
}

const MAX_STEPS: usize = 16;
/// Members that an error names.
const MAX_NAMED: usize = 20;

impl FieldPath {
    /// Takes the member out of a value. Null, an optional member that is absent and a member that a union does not have
    /// now give null.
    ///
    /// # Errors
    /// When the value's type has no such member.
    pub fn pick(&self, mut value: TagValue) -> Result<TagValue, MissingField> {
        for step in &self.steps {
            value = match (step, value) {
                (_, TagValue::Null) => return Ok(TagValue::Null),
                (Step::Member(name), TagValue::Structure(structure)) => member(*structure, name)?,
                (Step::Element(element), TagValue::Array(array)) => self::element(*array, *element)?,
                (Step::Member(name), other) => {
                    return Err(MissingField::NoStructure { name: name.clone(), what: describe(&other) });
                }
                (Step::Element(element), other) => {
                    return Err(MissingField::NoArray { element: *element, what: describe(&other) });
                }
            };
        }
        Ok(value)
    }
}

fn member(mut structure: StructureValue, name: &str) -> Result<TagValue, MissingField> {
    let shape = &structure.shape;
    let Some(wanted) = shape.members.iter().position(|member| **member == *name) else {
        let named: Vec<&str> = shape.members.iter().take(MAX_NAMED).map(|member| &**member).collect();
        let more = if shape.members.len() > MAX_NAMED { ", …" } else { "" };
        return Err(MissingField::Member {
            type_name: shape.name.clone(),
            name: name.into(),
            there: format!("{}{more}", named.join(", ")),
        });
    };
    let found = structure.members.iter().position(|(position, _)| usize::from(*position) == wanted);
    Ok(found.map_or(TagValue::Null, |found| structure.members.swap_remove(found).1))
}

fn element(mut array: ArrayValue, element: u32) -> Result<TagValue, MissingField> {
    let index = element as usize;
    let Some(lengths) = array.matrix() else {
        let length = array.values.len();
        if index >= length {
            return Err(MissingField::Element { element, length });
        }
        return Ok(array.values.swap_remove(index));
    };
    let rows = lengths[0];
    if index >= rows {
        return Err(MissingField::Element { element, length: rows });
    }
    let stride = array.values.len() / rows;
    let values = array.values.drain(index * stride..(index + 1) * stride).collect();
    let dimensions = if lengths.len() > 2 { array.dimensions[1..].to_vec() } else { Vec::new() };
    Ok(TagValue::Array(Box::new(ArrayValue { element: array.element, values, dimensions })))
}

fn describe(value: &TagValue) -> String {
    match value {
        TagValue::Structure(structure) => format!("a structure `{}`", structure.shape.name),
        TagValue::Opaque(opaque) => format!("a structure that could not be decoded ({})", opaque.encoding),
        TagValue::Array(_) => "an array".to_owned(),
        other => other.data_type().map_or_else(|| "nothing".to_owned(), |data_type| format!("a {data_type}")),
    }
}

fn place(position: usize) -> String {
    if position == 0 { "at its beginning".to_owned() } else { format!("after {position} bytes") }
}

impl FromStr for FieldPath {
    type Err = FieldPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut steps = Vec::new();
        let mut rest = text;
        let position = |rest: &str| text.len() - rest.len();
        loop {
            if steps.len() == MAX_STEPS {
                return Err(FieldPathError::Length);
            }
            let (step, after) = if rest.starts_with('[') {
                element_step(rest).ok_or_else(|| FieldPathError::Element { position: position(rest) })?
            } else if let Some(quoted) = rest.strip_prefix('"') {
                let (name, after) =
                    quoted.split_once('"').ok_or_else(|| FieldPathError::Quote { position: position(rest) })?;
                (name_step(name).ok_or_else(|| FieldPathError::Name { position: position(rest) })?, after)
            } else {
                let (name, after) = rest.split_at(rest.find(['.', '[', '"']).unwrap_or(rest.len()));
                (name_step(name).ok_or_else(|| FieldPathError::Name { position: position(rest) })?, after)
            };
            steps.push(step);
            rest = match after.strip_prefix('.') {
                _ if after.is_empty() => return Ok(Self { steps }),
                // `a.[0]` would be a second way to write `a[0]`.
                Some(name) if name.starts_with('[') => {
                    return Err(FieldPathError::Name { position: position(name) });
                }
                Some(name) => name,
                None if after.starts_with('[') => after,
                None => return Err(FieldPathError::Name { position: position(after) }),
            };
        }
    }
}

fn name_step(name: &str) -> Option<Step> {
    (!name.is_empty() && !name.chars().any(char::is_control)).then(|| Step::Member(name.into()))
}

fn element_step(rest: &str) -> Option<(Step, &str)> {
    let (number, after) = rest.strip_prefix('[')?.split_once(']')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| is_number)?;
    Some((Step::Element(number), after))
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Element(element) => write!(formatter, "[{element}]")?,
                Step::Member(name) => {
                    let dot = if index > 0 { "." } else { "" };
                    write!(formatter, "{dot}{}", member_text(name))?;
                }
            }
        }
        Ok(())
    }
}

/// A member's name as a path writes it: between quotation marks where it would be read as something else.
pub fn member_text(name: &str) -> String {
    if name.contains(['.', '[', '"']) { format!("\"{name}\"") } else { name.to_owned() }
}

#[cfg(test)]
#[path = "field_path_tests.rs"]
mod tests;
