//! Types that were read from the server, as the decoder needs them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use opcua::types::NodeId;

use crate::domain::value::StructureShape;

/// The types that are known in this session.
#[derive(Debug, Default)]
pub(super) struct Types {
    structures: Vec<StructureType>,
    /// By encoding id, as it stands in front of a body.
    encodings: HashMap<NodeId, Known>,
}

/// What is known about an encoding id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Its bodies can be decoded.
    Structure(StructureIndex),
    /// They cannot, for this reason.
    Not(Arc<str>),
}

/// The place of a structure among the [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StructureIndex(usize);

/// A structure or union.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StructureType {
    pub(super) shape: Arc<StructureShape>,
    pub(super) layout: Layout,
    /// As many as the shape has members.
    pub(super) members: Vec<Member>,
}

impl StructureType {
    fn nested(&self) -> impl Iterator<Item = StructureIndex> {
        self.members.iter().filter_map(|member| match member.kind {
            Kind::Structure(index) => Some(index),
            Kind::BuiltIn(_) | Kind::Enumeration(_) => None,
        })
    }
}

/// What is known no more.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    pub(super) structures: HashSet<StructureIndex>,
    pub(super) encodings: Vec<NodeId>,
}

/// How members follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// All of them.
    Plain,
    /// A mask says which optional ones are there.
    Optional,
    /// A number says which one is there.
    Union,
}

/// A member of a structure.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) kind: Kind,
    pub(super) rank: Rank,
    pub(super) is_optional: bool,
}

/// How many dimensions a member has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// None.
    Scalar,
    /// One.
    List,
    /// Several, whose lengths precede the elements.
    Matrix,
}

/// How a member, or an element of it, travels.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// As the built-in type of this number (Part 6, table 1): 22 is an `ExtensionObject`, 24 a Variant.
    BuiltIn(u8),
    /// As an Int32.
    Enumeration(Arc<Names>),
    /// As its members, without its encoding id.
    Structure(StructureIndex),
}

/// The names of an enumeration's numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names(HashMap<i32, Arc<str>>);

impl Names {
    /// Takes numbers with their names.
    pub(super) fn new(names: impl IntoIterator<Item = (i32, Arc<str>)>) -> Self {
        Self(names.into_iter().collect())
    }

    /// The name of a number.
    pub(super) fn get(&self, number: i32) -> Option<&Arc<str>> {
        self.0.get(&number)
    }

    /// How many numbers have a name.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no number has a name.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Types {
    /// What is known about an encoding id; `None` where nobody has asked the server yet.
    pub(super) fn known(&self, encoding: &NodeId) -> Option<&Known> {
        self.encodings.get(encoding)
    }

    /// The structure at a place.
    pub(super) fn structure(&self, index: StructureIndex) -> Option<&StructureType> {
        self.structures.get(index.0)
    }

    /// Where the next structure that is added will be.
    pub(super) fn next(&self, ahead: usize) -> StructureIndex {
        StructureIndex(self.structures.len() + ahead)
    }

    /// Adds structures, in the order in which [`Types::next`] gave their places.
    pub(super) fn extend(&mut self, structures: impl IntoIterator<Item = StructureType>) {
        self.structures.extend(structures);
    }

    /// Forgets the type with an encoding id, those that it nests, and those that nest one of them.
    pub(super) fn forget(&mut self, encoding: &NodeId) -> Forgotten {
        let mut structures = HashSet::new();
        if let Some(Known::Structure(index)) = self.encodings.get(encoding) {
            self.add_nested(*index, &mut structures);
            self.add_nesting(&mut structures);
        }
        let is_gone = |id: &NodeId, known: &Known| {
            id == encoding || matches!(known, Known::Structure(index) if structures.contains(index))
        };
        let encodings = self.encodings.extract_if(|id, known| is_gone(id, known)).map(|(id, _)| id).collect();
        for index in &structures {
            if let Some(structure) = self.structures.get_mut(index.0) {
                structure.members = Vec::new();
                structure.shape = Arc::new(StructureShape { name: "".into(), members: [].into() });
            }
        }
        Forgotten { structures, encodings }
    }

    fn add_nested(&self, index: StructureIndex, found: &mut HashSet<StructureIndex>) {
        let mut left = vec![index];
        while let Some(index) = left.pop() {
            if found.insert(index) {
                left.extend(self.structure(index).into_iter().flat_map(StructureType::nested));
            }
        }
    }

    fn add_nesting(&self, found: &mut HashSet<StructureIndex>) {
        loop {
            let before = found.len();
            for (at, structure) in self.structures.iter().enumerate() {
                if structure.nested().any(|index| found.contains(&index)) {
                    found.insert(StructureIndex(at));
                }
            }
            if found.len() == before {
                return;
            }
        }
    }

    /// Notes what was found out about an encoding id.
    pub(super) fn note(&mut self, encoding: NodeId, known: Known) {
        self.encodings.insert(encoding, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(nested: &[usize]) -> StructureType {
        let member =
            |at: &usize| Member { kind: Kind::Structure(StructureIndex(*at)), rank: Rank::Scalar, is_optional: false };
        let shape = Arc::new(StructureShape { name: "S".into(), members: [].into() });
        StructureType { shape, layout: Layout::Plain, members: nested.iter().map(member).collect() }
    }

    #[test]
    fn a_type_is_forgotten_with_what_it_nests_and_what_nests_that_and_no_other() {
        let id = |at: usize| NodeId::new(3, u32::try_from(at).unwrap());
        // 1 nests 0, which 2 and, by it, 3 nest too; 4 nests 5.
        let mut types = Types::default();
        types.extend([&[][..], &[0], &[0], &[2], &[5], &[]].map(structure));
        (0..6).for_each(|at| types.note(id(at), Known::Structure(StructureIndex(at))));
        types.note(id(6), Known::Not("unknown".into()));
        let Forgotten { structures, mut encodings } = types.forget(&id(1));
        assert_eq!(structures, HashSet::from([0, 1, 2, 3].map(StructureIndex)));
        encodings.sort_by_key(ToString::to_string);
        assert_eq!(encodings, [0, 1, 2, 3].map(id));
        assert!([4, 5, 6].iter().all(|at| types.known(&id(*at)).is_some()));
        assert_eq!(types.forget(&id(6)).encodings, [id(6)]);
    }
}
