//! From the encoding id of a body to the structures that decode it: that type and those it nests, and no others.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use opcua::types::{
    AttributeId, BrowseDirection, NodeId, ReferenceTypeId, StructureDefinition, StructureField,
    StructureType as Library, Variant,
};
use thiserror::Error as ThisError;

use super::{
    base_types,
    definition::{self, Definition, DefinitionKind, base, base_number},
    server::TypeServer,
    types::{Kind, Layout, Member, Rank, StructureIndex, StructureType, Types},
};
use crate::domain::value::StructureShape;
use crate::opcua::service_error::ServiceError as Error;
use crate::opcua::value::plain::{EXTENSION_OBJECT, VARIANT};

/// Types that one structure may nest.
const MAX_NESTED: usize = 1_000;
/// Members of one structure.
const MAX_MEMBERS: usize = 2_000;
/// Bytes of a member's name.
const MAX_NAME_LENGTH: usize = 256;
/// Members of all structures and names of all enumerations of a session: some 50 MB at the worst.
const MAX_ENTRIES: usize = 200_000;
/// Members that a mask of 32 bits can speak of.
const MAX_OPTIONAL: usize = 32;

/// Why a type cannot be had.
#[derive(Debug, ThisError)]
pub(super) enum LoadError {
    /// The session is of no more use, or the server is too busy: to be asked again.
    #[error("the server did not answer: {0}")]
    Service(#[from] Error),
    /// The server answered, and that is that.
    #[error("{0}")]
    Unknown(String),
}

/// The types that were read in this session.
#[derive(Default)]
pub(super) struct Catalogue {
    kinds: HashMap<NodeId, Kind>,
    /// How many each DataType has.
    entries: HashMap<NodeId, usize>,
}

/// What was read for one encoding id, not yet among the [`Types`].
pub(super) struct Loaded {
    data_type: NodeId,
    definitions: HashMap<NodeId, Definition>,
    /// Structures in the order in which they were met.
    order: Vec<NodeId>,
}

impl Catalogue {
    /// Reads the type with this encoding id, which a value of `node` had, and what it nests.
    pub(super) async fn load<S: TypeServer>(
        &self,
        server: &S,
        encoding: &NodeId,
        node: Option<&NodeId>,
    ) -> Result<Loaded, LoadError> {
        let data_type = data_type_of(server, encoding, node).await?;
        let mut loaded = Loaded { data_type: data_type.clone(), definitions: HashMap::new(), order: Vec::new() };
        let mut met = HashSet::from([data_type.clone()]);
        let mut level = vec![data_type];
        level.retain(|data_type| !self.kinds.contains_key(data_type));
        let mut entries: usize = self.entries.values().sum();
        while !level.is_empty() {
            if met.len() > MAX_NESTED {
                return Err(LoadError::Unknown(format!("it nests more than {MAX_NESTED} types")));
            }
            let mut next = Vec::new();
            for (data_type, definition) in definition::read(server, &level).await? {
                entries += definition.entries();
                if entries > MAX_ENTRIES {
                    return Err(LoadError::Unknown(format!("the types in use have more than {MAX_ENTRIES} members")));
                }
                if let DefinitionKind::Structure(structure) = &definition.kind {
                    loaded.order.push(data_type.clone());
                    for field in structure.fields.iter().flatten().take(MAX_MEMBERS) {
                        let is_known = base_number(&field.data_type).is_some()
                            || field.data_type.is_null()
                            || self.kinds.contains_key(&field.data_type);
                        if !is_known && met.insert(field.data_type.clone()) {
                            next.push(field.data_type.clone());
                        }
                    }
                }
                loaded.definitions.insert(data_type, definition);
            }
            level = next;
        }
        Ok(loaded)
    }

    /// Puts what was loaded among the types; the structure with the encoding id.
    pub(super) fn add(&mut self, loaded: Loaded, types: &mut Types) -> Result<StructureIndex, LoadError> {
        let Loaded { data_type, definitions, order } = loaded;
        let mut kinds = HashMap::new();
        for (ahead, structure) in order.iter().enumerate() {
            kinds.insert(structure.clone(), Kind::Structure(types.next(ahead)));
        }
        for (data_type, definition) in &definitions {
            let kind = match &definition.kind {
                DefinitionKind::Structure(_) => continue,
                DefinitionKind::Unknown => continue,
                DefinitionKind::AnyStructure => Kind::BuiltIn(EXTENSION_OBJECT),
                DefinitionKind::Enumeration(names) => Kind::Enumeration(Arc::clone(names)),
                DefinitionKind::Simple(number) => simple(*number),
            };
            kinds.insert(data_type.clone(), kind);
        }
        let find = |data_type: &NodeId| {
            let known = base_number(data_type).map(simple);
            known.or_else(|| kinds.get(data_type).cloned()).or_else(|| self.kinds.get(data_type).cloned())
        };
        let mut structures = Vec::with_capacity(order.len());
        for data_type in &order {
            if let Some(Definition { name, kind: DefinitionKind::Structure(structure) }) = definitions.get(data_type) {
                structures.push(structure_type(name, structure, find).map_err(LoadError::Unknown)?);
            }
        }
        let Some(Kind::Structure(index)) = find(&data_type) else {
            return Err(LoadError::Unknown(format!("the server does not define the structure {data_type}")));
        };
        self.kinds.extend(kinds);
        self.entries
            .extend(definitions.iter().map(|(data_type, definition)| (data_type.clone(), definition.entries())));
        types.extend(structures);
        Ok(index)
    }

    /// Forgets these structures, and all that is no structure: such a type may have changed with them.
    pub(super) fn forget(&mut self, structures: &HashSet<StructureIndex>) {
        self.kinds.retain(|_, kind| matches!(kind, Kind::Structure(index) if !structures.contains(index)));
        self.entries.retain(|data_type, _| self.kinds.contains_key(data_type));
    }
}

/// How a value of one of OPC UA's own types travels: abstract ones as a Variant.
fn simple(number: u32) -> Kind {
    match number {
        base::ENUMERATION => Kind::BuiltIn(u8::try_from(base::INT32).unwrap_or(VARIANT)),
        number if number > base::DIAGNOSTIC_INFO || number == base::BASE_DATA_TYPE => Kind::BuiltIn(VARIANT),
        number => Kind::BuiltIn(u8::try_from(number).unwrap_or(VARIANT)),
    }
}

/// The DataType that has this encoding: the server's own reference, else the node's DataType where its definition says so.
async fn data_type_of<S: TypeServer>(
    server: &S,
    encoding: &NodeId,
    node: Option<&NodeId>,
) -> Result<NodeId, LoadError> {
    if let Some(data_type) = base_types::data_type_of(encoding) {
        return Ok(data_type);
    }
    let encoded = server.references(encoding, ReferenceTypeId::HasEncoding, BrowseDirection::Inverse).await?;
    if let Some(data_type) = encoded.into_iter().next() {
        return Ok(data_type.node_id.node_id);
    }
    let mut candidates = vec![encoding.clone()];
    if let Some(node) = node {
        let answer = server.read(&[(node.clone(), AttributeId::DataType)]).await?.into_iter().next();
        if let Some(Variant::NodeId(data_type)) = answer.and_then(|answer| answer.value) {
            candidates.push(*data_type);
        }
    }
    for (data_type, definition) in definition::read(server, &candidates).await? {
        let DefinitionKind::Structure(structure) = definition.kind else { continue };
        if data_type == *encoding || structure.default_encoding_id == *encoding {
            return Ok(data_type);
        }
        let encodings = server.references(&data_type, ReferenceTypeId::HasEncoding, BrowseDirection::Forward).await?;
        if encodings.iter().any(|reference| reference.node_id.node_id == *encoding) {
            return Ok(data_type);
        }
    }
    Err(LoadError::Unknown("the server does not say which DataType has this encoding".to_owned()))
}

fn structure_type(
    name: &str,
    definition: &StructureDefinition,
    find: impl Fn(&NodeId) -> Option<Kind>,
) -> Result<StructureType, String> {
    let fields = definition.fields.as_deref().unwrap_or_default();
    if fields.len() > MAX_MEMBERS {
        return Err(format!("`{name}` has more than {MAX_MEMBERS} members"));
    }
    let layout = match definition.structure_type {
        Library::Structure | Library::StructureWithSubtypedValues => Layout::Plain,
        Library::StructureWithOptionalFields => Layout::Optional,
        Library::Union | Library::UnionWithSubtypedValues => Layout::Union,
    };
    let has_subtypes =
        matches!(definition.structure_type, Library::StructureWithSubtypedValues | Library::UnionWithSubtypedValues);
    let optional = fields.iter().filter(|field| field.is_optional).count();
    if layout == Layout::Optional && optional > MAX_OPTIONAL {
        return Err(format!("`{name}` has more than {MAX_OPTIONAL} optional members"));
    }
    let mut names: Vec<Box<str>> = Vec::with_capacity(fields.len());
    let mut met = HashSet::with_capacity(fields.len());
    let mut members = Vec::with_capacity(fields.len());
    for field in fields {
        let member = field.name.as_ref();
        if member.is_empty() || member.len() > MAX_NAME_LENGTH || !met.insert(member) {
            return Err(format!(
                "`{name}` has a member whose name is empty, too long or another's: `{}`",
                definition::clipped(member)
            ));
        }
        names.push(member.into());
        members.push(self::member(field, has_subtypes, &find).ok_or_else(|| {
            format!("the server does not define {}, the type of `{name}`'s member `{member}`", field.data_type)
        })?);
    }
    Ok(StructureType { shape: Arc::new(StructureShape { name: name.into(), members: names.into() }), layout, members })
}

fn member(field: &StructureField, has_subtypes: bool, find: impl Fn(&NodeId) -> Option<Kind>) -> Option<Member> {
    let kind = find(&field.data_type)?;
    // Where subtypes are allowed, `is_optional` says that this member takes them.
    let kind = match kind {
        Kind::Structure(_) if has_subtypes && field.is_optional => Kind::BuiltIn(EXTENSION_OBJECT),
        Kind::BuiltIn(number) if has_subtypes && field.is_optional && number != EXTENSION_OBJECT => {
            Kind::BuiltIn(VARIANT)
        }
        kind => kind,
    };
    Some(match field.value_rank {
        -1 => Member { kind, rank: Rank::Scalar, is_optional: field.is_optional && !has_subtypes },
        1 => Member { kind, rank: Rank::List, is_optional: field.is_optional && !has_subtypes },
        2.. => Member { kind, rank: Rank::Matrix, is_optional: field.is_optional && !has_subtypes },
        // Any number of dimensions: the value says itself how many.
        _ => {
            Member { kind: Kind::BuiltIn(VARIANT), rank: Rank::Scalar, is_optional: field.is_optional && !has_subtypes }
        }
    })
}
