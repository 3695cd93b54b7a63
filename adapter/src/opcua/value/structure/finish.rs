//! The last steps of a value on its way to the queue: decode, name, pick.

use std::sync::Arc;

use opcua::types::Variant;
use tracing::warn;

use super::{
    convert::convert,
    decode::{Decoder, Stop, Undecoded},
    desk::Question,
    types::{Names, Types},
};
use crate::{
    config::effective::{EnumerationForm, Tag},
    domain::{DataType, TagUpdate, TagValue},
};

/// What it takes to finish a value of one tag.
pub(super) struct Finisher<'a> {
    pub(super) tag: &'a Tag,
    pub(super) types: &'a Types,
    /// Names of the node's own enumeration; `None` where the server was not yet asked.
    pub(super) names: Option<&'a Names>,
    /// Whether to go on without what is not known yet.
    pub(super) is_forced: bool,
}

/// What is to be said once about a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// A structure was left as it is.
    Undecoded(Undecoded),
    /// The value has no such member as `field` names, for this reason.
    MissingField(String),
    /// The node's numbers have no names.
    NoNames,
}

impl Finisher<'_> {
    /// The update with its value, and what is to be said about it; or what the server has to be asked first.
    pub(super) fn finish(
        &self,
        mut update: TagUpdate,
        variant: &Variant,
    ) -> Result<(TagUpdate, Option<Report>), (TagUpdate, Question)> {
        let with_names = self.tag.enumeration == EnumerationForm::Name;
        let mut decoder = Decoder::new(self.types, with_names).forced(self.is_forced);
        let mut report = None;
        let mut value = match convert(&mut decoder, variant) {
            Ok(value) => value,
            Err(Stop::Missing(encoding)) => {
                let tag = update.tag;
                return Err((update, Question::Encoding(encoding, tag)));
            }
            Err(Stop::Malformed(malformed)) => {
                let type_name = variant.scalar_type_id().map_or_else(String::new, |scalar| scalar.to_string());
                decoder.problem = Some(Undecoded { type_name, reason: malformed.to_string() });
                update.flags.is_undecoded = true;
                TagValue::Null
            }
        };
        if with_names && is_integer(&value) {
            match self.names {
                None if !self.is_forced => {
                    let tag = update.tag;
                    return Err((update, Question::Names(tag)));
                }
                None => {}
                Some(names) if names.is_empty() => report = Some(Report::NoNames),
                Some(names) => name(&mut value, names),
            }
        }
        if let Some(problem) = decoder.problem {
            report = Some(Report::Undecoded(problem));
        }
        if let Some(field) = &self.tag.field {
            value = match value {
                TagValue::Opaque(_) => {
                    update.flags.is_undecoded = true;
                    TagValue::Null
                }
                value => field.pick(value).unwrap_or_else(|missing| {
                    update.flags.is_missing_field = true;
                    report = Some(Report::MissingField(missing.to_string()));
                    TagValue::Null
                }),
            };
        }
        update.flags.is_undecoded |= value.has_opaque();
        update.value = value;
        Ok((update, report))
    }
}

/// Whether the value, or each element of it, is a number that may stand for a name.
fn is_integer(value: &TagValue) -> bool {
    !matches!(value, TagValue::Enumeration { .. })
        && matches!(
            value.data_type(),
            Some(
                DataType::SByte
                    | DataType::Byte
                    | DataType::Int16
                    | DataType::UInt16
                    | DataType::Int32
                    | DataType::UInt32
            )
        )
}

fn name(value: &mut TagValue, names: &Names) {
    let number = match *value {
        TagValue::SByte(number) => i32::from(number),
        TagValue::Byte(number) => i32::from(number),
        TagValue::Int16(number) => i32::from(number),
        TagValue::UInt16(number) => i32::from(number),
        TagValue::Int32(number) => number,
        TagValue::UInt32(number) => match i32::try_from(number) {
            Ok(number) => number,
            Err(_) => return,
        },
        TagValue::Array(ref mut array) => {
            array.values.iter_mut().for_each(|value| name(value, names));
            return;
        }
        _ => return,
    };
    if let Some(name) = names.get(number) {
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
