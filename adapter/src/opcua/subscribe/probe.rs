//! Looks whether the nodes of tags that rest are still there: many servers say nothing in the place of a value when a
//! node goes, and the item that they keep stays dead when it comes back.

use std::time::Duration;

use opcua::types::{AttributeId, NodeId, StatusCode};
use tokio::time::Instant;

use crate::domain::TagId;
use crate::opcua::{session::live::LiveSession, value::raw::RawValue};

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long not, after a server did not answer.
const PAUSE: Duration = Duration::from_mins(1);
/// Nodes at a time: a PLC has other things to do. Of more tags that rest, each is looked at in turn.
pub(in crate::opcua) const NODES: usize = 100;

/// When it looks next, and behind which tag it begins.
#[derive(Debug)]
pub(in crate::opcua) struct Probe {
    pub(in crate::opcua) next: Instant,
    pub(in crate::opcua) last: Option<TagId>,
}

impl Probe {
    pub(in crate::opcua) fn new() -> Self {
        Self { next: Instant::now() + INTERVAL, last: None }
    }

    /// Which of these nodes the server does not know any more.
    pub(in crate::opcua) async fn look(
        &mut self,
        live: &LiveSession,
        nodes: &[(TagId, NodeId)],
    ) -> Vec<(TagId, StatusCode)> {
        self.next = Instant::now() + INTERVAL;
        self.last = nodes.last().map(|(tag, _)| *tag);
        if nodes.is_empty() {
            return Vec::new();
        }
        let questions: Vec<_> = nodes.iter().map(|(_, node)| (node.clone(), AttributeId::NodeClass)).collect();
        let Ok(answers) = live.read(&questions).await else {
            // Whether the session lives is told by others.
            self.next = Instant::now() + PAUSE;
            return Vec::new();
        };
        let found = nodes.iter().zip(answers);
        let gone =
            found.filter(|(_, answer)| answer.status.is_some_and(is_gone)).map(|(node, _)| node.clone()).collect();
        confirm(live, gone).await
    }
}

/// Of these nodes, those whose value is not known either: what a server says of a NodeClass may be wrong.
async fn confirm(live: &LiveSession, gone: Vec<(TagId, NodeId)>) -> Vec<(TagId, StatusCode)> {
    let most = live.limits.nodes_per_read.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(NODES);
    let mut confirmed = Vec::new();
    for call in gone.chunks(most.max(1)) {
        let nodes: Vec<NodeId> = call.iter().map(|(_, node)| node.clone()).collect();
        let Ok(values) = live.services.read_values(&nodes).await else { break };
        confirmed.extend(without_value(call, &values));
    }
    confirmed
}

/// Those whose value has a status that says that there is no node.
fn without_value(nodes: &[(TagId, NodeId)], values: &[RawValue]) -> Vec<(TagId, StatusCode)> {
    let statuses = values.iter().map(|value| StatusCode::from(value.status.0));
    nodes.iter().zip(statuses).filter(|(_, status)| is_gone(*status)).map(|((tag, _), status)| (*tag, status)).collect()
}

/// Only what speaks of the node: a NodeClass that may not be read says nothing of the value.
fn is_gone(status: StatusCode) -> bool {
    matches!(status, StatusCode::BadNodeIdUnknown | StatusCode::BadNodeIdInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::status;

    #[test]
    fn a_right_that_is_missing_is_no_node_that_has_gone() {
        assert!(is_gone(StatusCode::BadNodeIdUnknown));
        assert!(!is_gone(StatusCode::BadUserAccessDenied) && !is_gone(StatusCode::Good));
    }

    #[test]
    fn a_node_that_has_a_value_is_there_whatever_is_said_of_its_class() {
        let nodes: Vec<(TagId, NodeId)> = (0..4).map(|tag| (TagId(tag), NodeId::new(3, tag))).collect();
        let value = |status: StatusCode| RawValue::null(status::from_library(status));
        let values = [
            value(StatusCode::Good),
            value(StatusCode::BadNodeIdUnknown),
            value(StatusCode::BadNotReadable),
            RawValue::unanswered(),
        ];
        assert_eq!(without_value(&nodes, &values), [(TagId(1), StatusCode::BadNodeIdUnknown)]);
    }
}
