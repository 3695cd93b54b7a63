//! Bodies of structures to values, by the types that were read from the server.

use std::sync::Arc;

use bytes::Bytes;
use opcua::types::NodeId;

use super::types::{Kind, Known, Layout, Member, Names, Rank, StructureIndex, Types};
use crate::domain::{
    DataType, TagValue,
    value::{ArrayValue, OpaqueValue, StructureValue},
};
use crate::opcua::value::{
    plain::{VARIANT, data_type},
    reader::{Bodies, Malformed, Reader},
};

/// Why a value cannot be had now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The server was not yet asked for this type.
    Missing(NodeId),
    /// The bytes are not what the type says.
    Malformed(Malformed),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Decodes one value.
pub(super) struct Decoder<'a> {
    types: &'a Types,
    /// Whether enumerations become their names.
    with_names: bool,
    /// Whether to go on without the types that the server was not yet asked for.
    is_forced: bool,
    /// What was left undecoded, and why: the first of them.
    pub(super) problem: Option<Undecoded>,
    /// The encoding id of the first body that is not what the server says of its type.
    pub(super) contradicted: Option<NodeId>,
}

/// A structure that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Undecoded {
    /// The type, as far as it is known.
    pub(super) type_name: String,
    /// Why.
    pub(super) reason: String,
}

impl<'a> Decoder<'a> {
    /// With the types that are known.
    pub(super) fn new(types: &'a Types, with_names: bool) -> Self {
        Self { types, with_names, is_forced: false, problem: None, contradicted: None }
    }

    /// Leaves undecoded what would need a type that the server was not yet asked for.
    pub(super) fn forced(self, is_forced: bool) -> Self {
        Self { is_forced, ..self }
    }

    /// Whether the server does not know an encoding id, or nobody has asked it yet.
    pub(super) fn is_unknown(&self, encoding: &NodeId) -> bool {
        !matches!(self.types.known(encoding), Some(Known::Structure(_)))
    }

    /// The value of a Variant's bytes, and whether a text in it was not UTF-8.
    pub(super) fn whole(&mut self, encoded: &[u8]) -> Result<(TagValue, bool), Stop> {
        let mut reader = Reader::of_value(encoded);
        let value = self.variant(&mut reader)?;
        reader.end()?;
        Ok((value, reader.is_lossy()))
    }

    /// A body within another one. What is malformed in it costs only itself.
    pub(super) fn extension_object<'b>(
        &mut self,
        outer: &mut Reader<'b>,
        encoding: &NodeId,
        body: &'b [u8],
    ) -> Result<TagValue, Stop> {
        let index = match self.types.known(encoding) {
            None if self.is_forced => {
                let reason = "its definition has not come yet".to_owned();
                return Ok(self.opaque(encoding, body, encoding.to_string(), reason));
            }
            None => return Err(Stop::Missing(encoding.clone())),
            Some(Known::Not(reason)) => {
                return Ok(self.opaque(encoding, body, encoding.to_string(), reason.to_string()));
            }
            Some(Known::Structure(index)) => *index,
        };
        match outer.within(body, |reader| self.structure(reader, index)) {
            Err(Stop::Malformed(malformed)) => {
                let name = self.types.structure(index).map_or_else(String::new, |found| found.shape.name.to_string());
                self.contradicted.get_or_insert_with(|| encoding.clone());
                let reason = format!("its body is not what its definition says: {malformed}");
                Ok(self.opaque(encoding, body, name, reason))
            }
            result => result,
        }
    }

    /// A body that does not say how long it is: its type does, and without it nobody knows what stands behind it.
    pub(super) fn structure_of_no_length(
        &mut self,
        reader: &mut Reader<'_>,
        encoding: &NodeId,
    ) -> Result<TagValue, Stop> {
        match self.types.known(encoding) {
            Some(Known::Structure(index)) => reader.nested(1, |reader| self.structure(reader, *index)),
            None if !self.is_forced => Err(Stop::Missing(encoding.clone())),
            _ => Err(Malformed::NoLength { encoding: Box::new(encoding.clone()) }.into()),
        }
    }

    /// What stands in the place of a structure that is not decoded.
    pub(super) fn opaque(&mut self, encoding: &NodeId, body: &[u8], type_name: String, reason: String) -> TagValue {
        self.problem.get_or_insert(Undecoded { type_name, reason });
        let encoding = encoding.to_string().into();
        TagValue::Opaque(Box::new(OpaqueValue { encoding, body: Bytes::copy_from_slice(body) }))
    }

    /// The members of a structure, without a look at how long they ought to be.
    pub(super) fn structure(&mut self, reader: &mut Reader<'_>, index: StructureIndex) -> Result<TagValue, Stop> {
        let found = self.types.structure(index).ok_or_else(|| reader.no_such("type"))?;
        let members = match found.layout {
            Layout::Plain => self.members(reader, &found.members, None)?,
            Layout::Optional => {
                let mask = reader.u32()?;
                self.members(reader, &found.members, Some(mask))?
            }
            Layout::Union => self.member_of_union(reader, &found.members)?,
        };
        Ok(TagValue::Structure(Box::new(StructureValue { shape: Arc::clone(&found.shape), members })))
    }

    /// All members, without the optional ones of which a mask says that they are not there.
    fn members(
        &mut self,
        reader: &mut Reader<'_>,
        members: &[Member],
        mask: Option<u32>,
    ) -> Result<Vec<(u16, TagValue)>, Stop> {
        // Many may be left out, and an array may have many such structures.
        let mut values = Vec::with_capacity(there(members, mask).count());
        for (position, member) in there(members, mask) {
            values.push((position, self.member(reader, member)?));
        }
        Ok(values)
    }

    /// The member whose number comes first; none for 0.
    fn member_of_union(&mut self, reader: &mut Reader<'_>, members: &[Member]) -> Result<Vec<(u16, TagValue)>, Stop> {
        let wrong = reader.no_such("member of the union");
        let Some(index) = (reader.u32()? as usize).checked_sub(1) else { return Ok(Vec::new()) };
        let (Some(member), Ok(position)) = (members.get(index), u16::try_from(index)) else { return Err(wrong.into()) };
        Ok(vec![(position, self.member(reader, member)?)])
    }

    fn member(&mut self, reader: &mut Reader<'_>, member: &Member) -> Result<TagValue, Stop> {
        let dimensions = match member.rank {
            Rank::Scalar => return self.element(reader, &member.kind),
            Rank::List => {
                let Some(length) = reader.length()? else { return Ok(TagValue::Null) };
                return reader.nested(1, |reader| self.elements(reader, &member.kind, length, Vec::new()));
            }
            Rank::Matrix => {
                let Some(count) = reader.length()? else { return Ok(TagValue::Null) };
                let mut dimensions = Vec::with_capacity(reader.reserve(count));
                for _ in 0..count {
                    reader.count()?;
                    dimensions.push(u32::try_from(reader.i32()?).unwrap_or(0));
                }
                dimensions
            }
        };
        let product = |length: usize, dimension: &u32| length.checked_mul(usize::try_from(*dimension).ok()?);
        let length = dimensions.iter().try_fold(1, product).ok_or(Malformed::TooMany)?;
        let length = if dimensions.is_empty() { 0 } else { length };
        let dimensions = if dimensions.len() > 1 { dimensions } else { Vec::new() };
        let levels = dimensions.len().clamp(1, ArrayValue::MAX_DIMENSIONS);
        reader.nested(levels, |reader| self.elements(reader, &member.kind, length, dimensions))
    }

    /// So many elements of one kind.
    pub(super) fn elements(
        &mut self,
        reader: &mut Reader<'_>,
        kind: &Kind,
        length: usize,
        dimensions: Vec<u32>,
    ) -> Result<TagValue, Stop> {
        let mut values = Vec::with_capacity(reader.reserve(length));
        for _ in 0..length {
            values.push(self.element(reader, kind)?);
        }
        let element = match kind {
            Kind::Enumeration(_) => Some(DataType::Int32),
            Kind::Structure(_) => None,
            Kind::BuiltIn(VARIANT) => ArrayValue::common_type(&values),
            Kind::BuiltIn(number) => data_type(*number),
        };
        Ok(TagValue::Array(Box::new(ArrayValue { element, values, dimensions })))
    }

    fn element(&mut self, reader: &mut Reader<'_>, kind: &Kind) -> Result<TagValue, Stop> {
        reader.count()?;
        match kind {
            Kind::BuiltIn(number) => self.built_in(reader, *number),
            Kind::Enumeration(names) => Ok(self.enumeration(reader.i32()?, names)),
            Kind::Structure(index) => reader.nested(1, |reader| self.structure(reader, *index)),
        }
    }

    fn enumeration(&self, number: i32, names: &Names) -> TagValue {
        match names.get(number).filter(|_| self.with_names) {
            Some(name) => TagValue::Enumeration { number, name: Arc::clone(name) },
            None => TagValue::Int32(number),
        }
    }
}

impl Bodies for Types {
    fn pass(&self, encoding: &NodeId, reader: &mut Reader<'_>) -> Option<Result<(), Malformed>> {
        let Some(Known::Structure(index)) = self.known(encoding) else { return None };
        let mut decoder = Decoder::new(self, false).forced(true);
        Some(match reader.one_value(|reader| reader.nested(1, |reader| decoder.structure(reader, *index))) {
            Ok(_) => Ok(()),
            Err(Stop::Malformed(malformed)) => Err(malformed),
            // What is forced misses nothing.
            Err(Stop::Missing(encoding)) => Err(Malformed::NoLength { encoding: Box::new(encoding) }),
        })
    }
}

/// The members that are there, with their positions. Each bit of a mask speaks of one optional member.
fn there(members: &[Member], mask: Option<u32>) -> impl Iterator<Item = (u16, &Member)> {
    let mut left = mask;
    (0_u16..).zip(members).filter(move |(_, member)| match &mut left {
        Some(left) if member.is_optional => {
            let is_there = *left & 1 == 1;
            *left >>= 1;
            is_there
        }
        _ => true,
    })
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
