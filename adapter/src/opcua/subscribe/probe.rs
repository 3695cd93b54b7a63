//! Looks whether the nodes of tags that rest are still there: many servers say nothing in the place of a value when a
//! node goes, and the item that they keep stays dead when it comes back.

use std::time::Duration;

use opcua::types::{AttributeId, NodeId, StatusCode};
use tokio::time::Instant;

use crate::domain::TagId;
use crate::opcua::session::live::LiveSession;

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
        let gone = |status: &StatusCode| is_gone(*status);
        let found = nodes.iter().zip(answers);
        found.filter_map(|((tag, _), answer)| Some((*tag, answer.status.filter(gone)?))).collect()
    }
}

/// Only what speaks of the node: a NodeClass that may not be read says nothing of the value.
fn is_gone(status: StatusCode) -> bool {
    matches!(status, StatusCode::BadNodeIdUnknown | StatusCode::BadNodeIdInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_is_no_node_that_has_gone() {
        assert!(is_gone(StatusCode::BadNodeIdUnknown));
        assert!(!is_gone(StatusCode::BadUserAccessDenied) && !is_gone(StatusCode::Good));
    }
}
