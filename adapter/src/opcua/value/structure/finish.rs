//! The last steps of a value on its way to the queue: decode, name, pick.

use std::sync::Arc;

use opcua::types::NodeId;
use tokio::time::Instant;
use tracing::warn;

use super::{
    decode::{Decoder, Stop, Undecoded},
    desk::Question,
    doubts::Doubts,
    types::{Names, Types},
};
use crate::{
    config::effective::{EnumerationForm, Tag},
    domain::{DataType, TagId, TagUpdate, TagValue},
    opcua::value::{
        bytes_form::{BytesForm, has_two_forms},
        raw::Wire,
    },
};

/// What it takes to finish a value of one tag.
pub(super) struct Finisher<'a> {
    pub(super) tag: &'a Tag,
    pub(super) types: &'a Types,
    /// Names of the node's own enumeration; `None` where the server was not yet asked.
    pub(super) names: Option<&'a Names>,
    /// In which form bytes of the node go out; `None` where the server was not yet asked.
    pub(super) form: Option<BytesForm>,
    /// Whether the server is to be asked again where a body contradicts its type, and a number its names; `None`: no.
    pub(super) doubts: Option<&'a Doubts>,
    /// Whether to go on without what is not known yet.
    pub(super) is_forced: bool,
}

/// What is to be said once about a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// A structure was left as it is.
    Undecoded(Undecoded),
    /// The value could not be read at all, for this reason.
    Unreadable(String),
    /// A text was not UTF-8.
    LossyText,
    /// The value has no such member as `field` names, for this reason.
    MissingField(String),
    /// The node's numbers have no names.
    NoNames,
}

/// What is not finished: the update, what came, and what the server has to be asked first.
pub(super) type Unfinished = (TagUpdate, Wire, Question);

impl Finisher<'_> {
    /// The update with its value, and what is to be said about it.
    pub(super) fn finish(
        &self,
        mut update: TagUpdate,
        wire: Wire,
    ) -> Result<(TagUpdate, Vec<Report>), Box<Unfinished>> {
        let with_names = self.tag.enumeration == EnumerationForm::Name;
        let mut reports = Vec::new();
        let mut value = match wire {
            Wire::Plain(value) => value,
            Wire::Unreadable(malformed) => unreadable(&mut update, &mut reports, malformed.to_string()),
            Wire::Encoded(encoded) => {
                let mut decoder = Decoder::new(self.types, with_names).forced(self.is_forced);
                let value = match decoder.whole(&encoded) {
                    Ok((value, is_lossy)) => {
                        update.flags.is_lossy_text |= is_lossy;
                        value
                    }
                    Err(Stop::Missing(encoding)) => {
                        let question = Question::Encoding(encoding, update.tag);
                        return Err(Box::new((update, Wire::Encoded(encoded), question)));
                    }
                    Err(Stop::Malformed(malformed)) => unreadable(&mut update, &mut reports, malformed.to_string()),
                };
                if let Some(encoding) = decoder.contradicted.filter(|encoding| self.may_doubt_type(encoding)) {
                    // The PLC's program may have changed, and the type with it.
                    let question = Question::Again(Box::new(Question::Encoding(encoding, update.tag)));
                    return Err(Box::new((update, Wire::Encoded(encoded), question)));
                }
                reports.extend(decoder.problem.map(Report::Undecoded));
                value
            }
        };
        if has_two_forms(&value) {
            match self.form {
                None if !self.is_forced => {
                    let question = Question::Form(update.tag);
                    return Err(Box::new((update, Wire::Plain(value), question)));
                }
                Some(form) => value = form.shape(value),
                None => {}
            }
        }
        if with_names && is_integer(&value) {
            match self.names {
                None if !self.is_forced => {
                    let question = Question::Names(update.tag);
                    return Err(Box::new((update, Wire::Plain(value), question)));
                }
                None => {}
                // Nobody expects names of a Boolean.
                Some(names) if names.is_empty() && value.data_type() == Some(DataType::Boolean) => {}
                Some(names) if names.is_empty() => reports.push(Report::NoNames),
                Some(names) => {
                    if self.may_doubt_names(update.tag) && !has_name(&value, names) {
                        let question = Question::Again(Box::new(Question::Names(update.tag)));
                        return Err(Box::new((update, Wire::Plain(value), question)));
                    }
                    name(&mut value, names);
                }
            }
        }
        if update.flags.is_lossy_text {
            reports.push(Report::LossyText);
        }
        if let Some(field) = &self.tag.field {
            value = match value {
                TagValue::Opaque(_) => {
                    update.flags.is_undecoded = true;
                    TagValue::Null
                }
                value => field.pick(value).unwrap_or_else(|missing| {
                    update.flags.is_missing_field = true;
                    reports.push(Report::MissingField(missing.to_string()));
                    TagValue::Null
                }),
            };
        }
        update.flags.is_undecoded |= value.has_opaque();
        update.value = value;
        Ok((update, reports))
    }

    fn may_doubt_type(&self, encoding: &NodeId) -> bool {
        self.doubts.is_some_and(|doubts| doubts.may_doubt_type(encoding, Instant::now()))
    }

    fn may_doubt_names(&self, tag: TagId) -> bool {
        self.doubts.is_some_and(|doubts| doubts.may_doubt_names(tag, Instant::now()))
    }
}

/// What goes out for a value that cannot be read.
fn unreadable(update: &mut TagUpdate, reports: &mut Vec<Report>, reason: String) -> TagValue {
    update.flags.is_undecoded = true;
    reports.push(Report::Unreadable(reason));
    TagValue::Null
}

/// Whether the value, or each element of it, is a number that may stand for a name.
fn is_integer(value: &TagValue) -> bool {
    !matches!(value, TagValue::Enumeration { .. })
        && matches!(
            value.data_type(),
            Some(
                DataType::Boolean
                    | DataType::SByte
                    | DataType::Byte
                    | DataType::Int16
                    | DataType::UInt16
                    | DataType::Int32
                    | DataType::UInt32
                    | DataType::Int64
                    | DataType::UInt64
            )
        )
}

/// The number that may stand for a name; `None` for one that no enumeration has.
fn number(value: &TagValue) -> Option<i32> {
    match *value {
        // Of a TwoStateDiscreteType (Part 8, 5.3.3.2).
        TagValue::Boolean(value) => Some(value.into()),
        TagValue::SByte(number) => Some(number.into()),
        TagValue::Byte(number) => Some(number.into()),
        TagValue::Int16(number) => Some(number.into()),
        TagValue::UInt16(number) => Some(number.into()),
        TagValue::Int32(number) => Some(number),
        TagValue::UInt32(number) => number.try_into().ok(),
        TagValue::Int64(number) => number.try_into().ok(),
        TagValue::UInt64(number) => number.try_into().ok(),
        _ => None,
    }
}

/// Whether the value, and each element of it, has a name.
fn has_name(value: &TagValue, names: &Names) -> bool {
    match value {
        TagValue::Array(array) => array.values.iter().all(|value| has_name(value, names)),
        value => number(value).is_some_and(|number| names.get(number).is_some()),
    }
}

fn name(value: &mut TagValue, names: &Names) {
    if let TagValue::Array(array) = value {
        array.values.iter_mut().for_each(|value| name(value, names));
    } else if let Some(number) = number(value)
        && let Some(name) = names.get(number)
    {
        *value = TagValue::Enumeration { number, name: Arc::clone(name) };
    }
}

impl Report {
    /// Says it, with the tag's line.
    pub(super) fn warn(&self, tag: &Tag) {
        let Tag { name, node, line, .. } = tag;
        match self {
            Self::Undecoded(Undecoded { type_name, reason }) => warn!(
                tag = %name,
                %node,
                line,
                "values of the type {type_name} are not decoded: {reason}; \
                 they are sent in base64 with the flag `undecoded`"
            ),
            Self::Unreadable(reason) => warn!(
                tag = %name,
                %node,
                line,
                "a value cannot be read: {reason}; null is sent with the flag `undecoded`"
            ),
            Self::LossyText => warn!(
                tag = %name,
                %node,
                line,
                "the server sends text that is not UTF-8; what is not is sent as U+FFFD, with the flag `lossy_text`"
            ),
            Self::MissingField(reason) => warn!(
                tag = %name,
                %node,
                line,
                "`field: {}` leads nowhere: {reason}; null is sent with the flag `missing_field`",
                tag.field.as_ref().map_or_else(String::new, ToString::to_string)
            ),
            Self::NoNames => warn!(
                tag = %name,
                %node,
                line,
                "`enumeration: name` is asked for, and the server gives no names to this node's numbers; \
                 the number is sent"
            ),
        }
    }
}
