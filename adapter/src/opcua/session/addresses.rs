//! From what the mapping says of a tag's node to the id that it has in this session.

use opcua::types::{
    BrowsePath as WireBrowsePath, BrowsePathResult, NodeId, ObjectId, QualifiedName, ReferenceTypeId, RelativePath,
    RelativePathElement, StatusCode,
};

use crate::domain::{BrowsePath, NodeLocator};
use crate::opcua::{
    service_error::ServiceError,
    session::call_size::CallSize,
    session::failure::Failure,
    session::live::LiveSession,
    session::node::{NamespaceTable, UnknownNamespace},
    status,
};

/// Paths in one call; a server walks all of them before it answers.
const MAX_PATHS_PER_CALL: usize = 100;
/// A target that is not behind a further server.
const WHOLE_PATH: u32 = u32::MAX;

impl LiveSession {
    /// The node id of each place, or why there is none; ids are known at once, paths are asked for in calls of bounded
    /// size.
    ///
    /// # Errors
    /// When the session is of no more use.
    pub(in crate::opcua) async fn locate(
        &self,
        places: &[&NodeLocator],
    ) -> Result<Vec<Result<NodeId, String>>, ServiceError> {
        let namespaces = self.namespaces.load_full();
        let mut found = vec![Err(String::new()); places.len()];
        let mut paths = Vec::new();
        for (position, place) in places.iter().enumerate() {
            match place {
                NodeLocator::Id(address) => {
                    found[position] = namespaces.resolve(address).map_err(|error| error.to_string());
                }
                NodeLocator::Path(path) => match namespaces.qualify(path) {
                    Ok(names) => paths.push((position, wire(names))),
                    Err(error) => found[position] = Err(error.to_string()),
                },
            }
        }
        let (positions, paths): (Vec<usize>, Vec<WireBrowsePath>) = paths.into_iter().unzip();
        for (position, target) in positions.into_iter().zip(self.follow(&paths).await?) {
            found[position] = target;
        }
        Ok(found)
    }

    /// The node id of one place.
    ///
    /// # Errors
    /// Whether there is no such node, or nobody says.
    pub(in crate::opcua) async fn locate_one(&self, place: &NodeLocator) -> Result<NodeId, NotLocated> {
        let namespaces = self.namespaces.load_full();
        let nowhere = |error: UnknownNamespace| NotLocated::Nowhere(error.to_string());
        let names = match place {
            NodeLocator::Id(address) => return namespaces.resolve(address).map_err(nowhere),
            NodeLocator::Path(path) => namespaces.qualify(path).map_err(nowhere)?,
        };
        let results = self.translate(&[wire(names)]).await.map_err(NotLocated::Unanswered)?;
        only_target(&results, &namespaces)
    }

    /// Where each path leads to, or why nowhere.
    ///
    /// # Errors
    /// When the session is of no more use.
    pub(in crate::opcua) async fn follow(
        &self,
        paths: &[WireBrowsePath],
    ) -> Result<Vec<Result<NodeId, String>>, ServiceError> {
        let mut found = Vec::with_capacity(paths.len());
        let mut size = CallSize::new(MAX_PATHS_PER_CALL);
        let mut left = paths;
        while !left.is_empty() {
            let (call, rest) = size.split(left);
            let unanswered = |status: StatusCode| Err(symbol(status));
            match self.translate(call).await {
                Ok(results) => {
                    let namespaces = self.namespaces.load();
                    let results = results
                        .iter()
                        .map(|result| target(result, &namespaces))
                        .chain(std::iter::repeat_with(|| unanswered(StatusCode::BadUnknownResponse)));
                    found.extend(results.take(call.len()));
                }
                Err(error) if Failure::of(&error) == Failure::Size && size.refused(call.len()) => continue,
                Err(error) if Failure::of(&error).is_final() => return Err(error),
                Err(error) => found.extend(call.iter().map(|_| unanswered(error.status()))),
            }
            left = rest;
        }
        Ok(found)
    }

    async fn translate(&self, paths: &[WireBrowsePath]) -> Result<Vec<BrowsePathResult>, ServiceError> {
        self.services.translate_browse_paths(paths.to_vec()).await
    }
}

/// Why a place has no node id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum NotLocated {
    /// There is no such node, in one word or sentence.
    Nowhere(String),
    /// The server did not say.
    Unanswered(ServiceError),
}

/// Only what a server says of the path itself tells that nothing is there.
fn only_target(results: &[BrowsePathResult], namespaces: &NamespaceTable) -> Result<NodeId, NotLocated> {
    let result =
        results.first().ok_or(NotLocated::Unanswered(ServiceError::Refused(StatusCode::BadUnknownResponse)))?;
    match result.status_code {
        StatusCode::BadNoMatch | StatusCode::BadNodeIdUnknown => {}
        status if status.is_bad() => return Err(NotLocated::Unanswered(ServiceError::Refused(status))),
        _ => {}
    }
    target(result, namespaces).map_err(NotLocated::Nowhere)
}

/// The one node that a path leads to.
fn target(result: &BrowsePathResult, namespaces: &NamespaceTable) -> Result<NodeId, String> {
    if result.status_code.is_bad() {
        return Err(symbol(result.status_code));
    }
    let targets = result.targets.iter().flatten();
    let mut nodes: Vec<NodeId> = targets
        .filter(|target| target.remaining_path_index == WHOLE_PATH)
        .filter_map(|target| namespaces.local(&target.target_id))
        .collect();
    nodes.dedup();
    match nodes.as_slice() {
        [] => Err(symbol(StatusCode::BadNoMatch)),
        [node] => Ok(node.clone()),
        several => Err(format!("the path leads to {} nodes, such as {} and {}", several.len(), several[0], several[1])),
    }
}

fn wire(names: Vec<QualifiedName>) -> WireBrowsePath {
    path_from(ObjectId::ObjectsFolder.into(), ReferenceTypeId::HierarchicalReferences, names)
}

/// The way from a node along references of one kind and its subtypes.
pub(in crate::opcua) fn path_from(start: NodeId, kind: ReferenceTypeId, names: Vec<QualifiedName>) -> WireBrowsePath {
    let element = |target_name| RelativePathElement {
        reference_type_id: kind.into(),
        is_inverse: false,
        include_subtypes: true,
        target_name,
    };
    WireBrowsePath {
        starting_node: start,
        relative_path: RelativePath { elements: Some(names.into_iter().map(element).collect()) },
    }
}

impl NamespaceTable {
    /// The names of a path with the indices of this session.
    fn qualify(&self, path: &BrowsePath) -> Result<Vec<QualifiedName>, UnknownNamespace> {
        let mut index = 0;
        let steps = path.elements().iter().map(|step| {
            if let Some(namespace) = &step.namespace {
                index = self.index(namespace)?;
            }
            Ok(QualifiedName::new(index, step.name.as_str()))
        });
        steps.collect()
    }
}

fn symbol(status: StatusCode) -> String {
    status::library_symbol(status).into_owned()
}

#[cfg(test)]
mod tests {
    use opcua::types::{BrowsePathTarget, ExpandedNodeId};

    use super::*;

    fn result(nodes: &[(u32, u32)]) -> BrowsePathResult {
        let target = |&(identifier, remaining_path_index): &(u32, u32)| BrowsePathTarget {
            target_id: ExpandedNodeId::new(NodeId::new(2, identifier)),
            remaining_path_index,
        };
        BrowsePathResult { status_code: StatusCode::Good, targets: Some(nodes.iter().map(target).collect()) }
    }

    fn to(result: &BrowsePathResult) -> Result<NodeId, String> {
        target(result, &NamespaceTable::default())
    }

    #[test]
    fn a_path_leads_to_one_node_or_says_why_not() {
        assert_eq!(to(&result(&[(1, WHOLE_PATH)])), Ok(NodeId::new(2, 1_u32)));
        assert_eq!(to(&result(&[(1, WHOLE_PATH), (1, WHOLE_PATH)])), Ok(NodeId::new(2, 1_u32)));
        assert_eq!(to(&result(&[])), Err("BadNoMatch".to_owned()));
        assert_eq!(to(&result(&[(1, 0)])), Err("BadNoMatch".to_owned()), "a part of the way is no way");
        let several = to(&result(&[(1, WHOLE_PATH), (2, WHOLE_PATH)])).unwrap_err();
        assert!(several.contains("2 nodes") && several.contains("ns=2;i=1"), "{several}");
        let bad = BrowsePathResult { status_code: StatusCode::BadNodeIdUnknown, targets: None };
        assert_eq!(to(&bad), Err("BadNodeIdUnknown".to_owned()));
    }

    #[test]
    fn a_server_that_does_not_say_where_a_path_leads_does_not_deny_the_node() {
        let of = |results: &[BrowsePathResult]| only_target(results, &NamespaceTable::default());
        let bad = |status_code| of(&[BrowsePathResult { status_code, targets: None }]);
        assert_eq!(of(&[result(&[(1, WHOLE_PATH)])]), Ok(NodeId::new(2, 1_u32)));
        for status in [StatusCode::BadNoMatch, StatusCode::BadNodeIdUnknown] {
            assert_eq!(bad(status), Err(NotLocated::Nowhere(symbol(status))));
        }
        assert!(matches!(of(&[result(&[])]), Err(NotLocated::Nowhere(_))));
        let unanswered = |status| Err(NotLocated::Unanswered(ServiceError::Refused(status)));
        assert_eq!(bad(StatusCode::BadResourceUnavailable), unanswered(StatusCode::BadResourceUnavailable));
        assert_eq!(of(&[]), unanswered(StatusCode::BadUnknownResponse));
    }

    #[test]
    fn a_name_without_a_namespace_has_that_of_the_one_before() {
        let table = NamespaceTable::new(vec![String::new(), String::new(), String::new(), "urn:plc".to_owned()]);
        let names = |path: &str| table.qualify(&path.parse().unwrap()).map_err(|error| error.to_string());
        let named =
            |names: &[(u16, &str)]| Ok(names.iter().map(|(index, name)| QualifiedName::new(*index, *name)).collect());
        assert_eq!(names("/Server/ServerStatus"), named(&[(0, "Server"), (0, "ServerStatus")]));
        assert_eq!(names("/nsu=urn:plc;PLC/Machine/2:x"), named(&[(3, "PLC"), (3, "Machine"), (2, "x")]));
        assert_eq!(names("/nsu=urn:x;PLC"), Err("the server has no namespace `urn:x`".to_owned()));
    }
}
