//! The tree of names below a node, politely: one call at a time, bounded in size, each node once.

use std::collections::HashSet;

use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, BrowseResult, ByteString, NodeClass, NodeClassMask, NodeId,
    ObjectId, QualifiedName, ReferenceDescription, ReferenceTypeId, StatusCode, Variant,
};

use crate::domain::{NodeAddress, NodeLocator};
use crate::opcua::{
    service_error::ServiceError,
    session::call_size::CallSize,
    session::failure::Failure,
    status,
    tools::explorer::{Explorer, ExplorerError},
};

/// Nodes in one call at first.
const NODES_PER_CALL: usize = 50;
/// References of one node in one answer; more come by BrowseNext.
const REFERENCES_PER_NODE: u32 = 1_000;
/// Answers in a row that promise more and bring nothing, after which a server is taken at its word no longer.
const MAX_EMPTY_ANSWERS: usize = 10;
const ALL_RESULTS: u32 = 0x3F;
/// Properties of OPC UA's own that any Object may have (Part 3, 5.5.1, and Part 5).
const ABOUT_NODES: [&str; 4] = ["NodeVersion", "Icon", "NamingRule", "ViewVersion"];

/// What to look at.
#[derive(Clone, Debug)]
pub struct BrowseRequest {
    /// Where to begin.
    pub from: NodeLocator,
    /// Levels below it.
    pub depth: usize,
    /// Nodes at most, the first included.
    pub max_nodes: usize,
}

/// A node in the tree.
#[derive(Clone, Debug)]
pub struct BrowsedNode {
    /// Its place in [`Tree::nodes`] of the node that it was found below; `None` for the first.
    pub parent: Option<usize>,
    /// The name of its BrowseName.
    pub name: String,
    /// Its id, with the namespace's URI.
    pub address: NodeAddress,
    /// Its NodeClass.
    pub class: Class,
    /// Whether it only describes the node above, such as EURange. A property of an Object, such as the state of a lamp,
    /// is a value of the machine.
    pub is_property: bool,
    /// Whether it was left closed: what is below the Server object is about the server and not about a machine.
    pub is_closed: bool,
    pub(in crate::opcua) id: NodeId,
}

#[cfg(test)]
impl BrowsedNode {
    /// A node of a tree that no server has.
    pub(crate) fn example(parent: Option<usize>, name: &str, address: NodeAddress, class: Class) -> Self {
        let name = name.to_owned();
        Self { parent, name, address, class, is_property: false, is_closed: false, id: NodeId::null() }
    }
}

/// The NodeClasses that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are OPC UA's own and say it all")]
pub enum Class {
    Object,
    Variable,
    Method,
    View,
}

/// What was found, level by level.
#[derive(Debug, Default)]
pub struct Tree {
    /// The nodes; those above stand before those below.
    pub nodes: Vec<BrowsedNode>,
    /// Whether there may be more than was asked for at most.
    pub is_cut: bool,
    /// Nodes on the last level whose children were not looked for.
    pub unopened: usize,
    /// Nodes that the server did not open, such as for want of rights.
    pub refused: usize,
}

impl Tree {
    /// The names from below the first node down to this one.
    pub fn path(&self, position: usize) -> Vec<&str> {
        let mut names = Vec::new();
        let mut at = position;
        while let Some(parent) = self.nodes[at].parent {
            names.push(self.nodes[at].name.as_str());
            at = parent;
        }
        names.reverse();
        names
    }
}

impl Explorer {
    /// Looks at everything below a node; `progress` is told how many nodes there are so far.
    ///
    /// # Errors
    /// When there is no such node, or the server stops answering.
    pub async fn browse(
        &self,
        request: &BrowseRequest,
        progress: &mut (dyn FnMut(usize) + Send),
    ) -> Result<Tree, ExplorerError> {
        let first = self.first(&request.from).await?;
        let mut walk = Walk {
            visited: HashSet::from([first.id.clone()]),
            max_nodes: request.max_nodes.max(1),
            tree: Tree { nodes: vec![first], ..Tree::default() },
            next: vec![0],
            size: CallSize::new(NODES_PER_CALL),
        };
        for _ in 0..request.depth {
            let level = std::mem::take(&mut walk.next);
            let mut left = level.as_slice();
            while !left.is_empty() && !walk.tree.is_cut {
                left = self.open_some(&mut walk, left).await?;
                progress(walk.tree.nodes.len());
            }
        }
        walk.tree.unopened = walk.next.len();
        Ok(walk.tree)
    }

    async fn first(&self, place: &NodeLocator) -> Result<BrowsedNode, ExplorerError> {
        let id = self.locate_one(place).await?;
        let attributes = [AttributeId::NodeClass, AttributeId::BrowseName].map(|attribute| (id.clone(), attribute));
        let mut values = self.live.read(&attributes).await?.into_iter();
        let class = values.next().unwrap_or_default();
        let name = match values.next().and_then(|value| value.value) {
            Some(Variant::QualifiedName(name)) => name.name.as_ref().to_owned(),
            _ => id.to_string(),
        };
        let Some(Variant::Int32(class)) = class.value else {
            let code = status::from_library(class.status.unwrap_or(StatusCode::BadNodeIdUnknown));
            return Err(ExplorerError::about(place, &status::status_symbol(code)));
        };
        let address = self.live.namespaces.load().address_of(&id);
        let class = NodeClass::try_from(class).ok().and_then(Class::of).unwrap_or(Class::Object);
        Ok(BrowsedNode { parent: None, name, address, class, is_property: false, is_closed: false, id })
    }

    /// Opens as many nodes as one call takes, and returns those that are left.
    async fn open_some<'a>(&self, walk: &mut Walk, nodes: &'a [usize]) -> Result<&'a [usize], ExplorerError> {
        let (call, rest) = walk.size.split(nodes);
        let ids: Vec<NodeId> = call.iter().map(|node| walk.tree.nodes[*node].id.clone()).collect();
        let answers = match self.call(&ids).await {
            Ok(answers) => answers,
            Err(error) if Failure::of(&error) == Failure::Size && walk.size.refused(call.len()) => {
                return Ok(nodes);
            }
            Err(error) if Failure::of(&error).is_final() => return Err(error.into()),
            Err(_) => {
                walk.tree.refused += call.len();
                return Ok(rest);
            }
        };
        for ((node, id), answer) in call.iter().zip(&ids).zip(answers) {
            // The server has not room for so many continuation points at once: this node alone, then.
            let answer = if answer.status_code == StatusCode::BadNoContinuationPoints {
                self.call(std::slice::from_ref(id)).await?.into_iter().next().unwrap_or(answer)
            } else {
                answer
            };
            self.take(walk, *node, answer).await?;
        }
        Ok(rest)
    }

    async fn call(&self, ids: &[NodeId]) -> Result<Vec<BrowseResult>, ServiceError> {
        let question = |id: &NodeId| BrowseDescription {
            node_id: id.clone(),
            browse_direction: BrowseDirection::Forward,
            reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
            include_subtypes: true,
            node_class_mask: (NodeClassMask::OBJECT
                | NodeClassMask::VARIABLE
                | NodeClassMask::METHOD
                | NodeClassMask::VIEW)
                .bits(),
            result_mask: ALL_RESULTS,
        };
        self.live.services.browse(ids.iter().map(question).collect(), REFERENCES_PER_NODE).await
    }

    /// Takes one node's references, and asks for the rest of them.
    async fn take(&self, walk: &mut Walk, parent: usize, mut answer: BrowseResult) -> Result<(), ExplorerError> {
        if answer.status_code.is_bad() {
            walk.tree.refused += 1;
            return Ok(());
        }
        let mut empty = 0;
        loop {
            let references = answer.references.take().unwrap_or_default();
            empty = if references.is_empty() { empty + 1 } else { 0 };
            self.add(walk, parent, references);
            let point = answer.continuation_point;
            if point.is_null_or_empty() {
                return Ok(());
            }
            let gives_up = walk.tree.is_cut || empty == MAX_EMPTY_ANSWERS;
            answer = self.next(point, gives_up).await?;
            if gives_up {
                walk.tree.is_cut = true;
                return Ok(());
            }
        }
    }

    async fn next(&self, point: ByteString, releases: bool) -> Result<BrowseResult, ServiceError> {
        let results = self.live.services.browse_next(point, releases).await?;
        Ok(results.into_iter().next().unwrap_or_default())
    }

    fn add(&self, walk: &mut Walk, parent: usize, references: Vec<ReferenceDescription>) {
        let namespaces = self.live.namespaces.load();
        for reference in references {
            let Some(class) = Class::of(reference.node_class) else { continue };
            let is_property = reference.reference_type_id == ReferenceTypeId::HasProperty
                && describes(walk.tree.nodes[parent].class, &reference.browse_name);
            let Some(id) = namespaces.local(&reference.node_id) else { continue };
            // A node that hangs in the tree twice, or that is its own ancestor, is shown where it was met first.
            if !walk.visited.insert(id.clone()) {
                continue;
            }
            if walk.tree.nodes.len() >= walk.max_nodes {
                walk.tree.is_cut = true;
                return;
            }
            let is_closed = id == ObjectId::Server;
            if !is_closed && class != Class::Method {
                walk.next.push(walk.tree.nodes.len());
            }
            let address = namespaces.address_of(&id);
            let name = reference.browse_name.name.as_ref().to_owned();
            walk.tree.nodes.push(BrowsedNode {
                parent: Some(parent),
                name,
                address,
                class,
                is_property,
                is_closed,
                id,
            });
        }
    }
}

/// Whether a property only says something about its node.
fn describes(above: Class, name: &QualifiedName) -> bool {
    above != Class::Object || name.namespace_index == 0 && ABOUT_NODES.contains(&name.name.as_ref())
}

/// A tree that grows.
struct Walk {
    tree: Tree,
    visited: HashSet<NodeId>,
    /// Nodes of the level that is being found, to be opened next.
    next: Vec<usize>,
    max_nodes: usize,
    size: CallSize,
}

impl Class {
    fn of(class: NodeClass) -> Option<Self> {
        Some(match class {
            NodeClass::Object => Self::Object,
            NodeClass::Variable => Self::Variable,
            NodeClass::Method => Self::Method,
            NodeClass::View => Self::View,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_of_an_object_is_a_value_and_one_of_a_variable_describes_it() {
        let name = |namespace: u16, name: &str| QualifiedName::new(namespace, name);
        assert!(!describes(Class::Object, &name(2, "SignalOn")));
        assert!(!describes(Class::Object, &name(0, "Manufacturer")));
        assert!(!describes(Class::Object, &name(2, "NodeVersion")));
        assert!(describes(Class::Object, &name(0, "NodeVersion")));
        assert!(describes(Class::Variable, &name(0, "EURange")) && describes(Class::Variable, &name(2, "Limit")));
    }
}
