//! What is said of a tag that the server refuses.

use opcua::types::StatusCode;
use tracing::warn;

use crate::opcua::status;
use crate::{config::effective::Tag, supervisor::TagState};

/// Refused tags that get a log line each; the others are counted.
const MAX_LOGGED: usize = 20;

/// Explains refusals, the first of them in the log, too.
#[derive(Debug, Default)]
pub(in crate::opcua) struct Refusals {
    logged: usize,
}

impl Refusals {
    /// Explains without a word in the log: it was said before.
    pub(in crate::opcua) const fn silent() -> Self {
        Self { logged: MAX_LOGGED }
    }

    /// The state of a tag that cannot be had for a reason in words.
    pub(in crate::opcua) fn state(&mut self, tag: &Tag, why: &str) -> TagState {
        self.say(tag, reason(tag, why))
    }

    /// The state of a tag that was had, and of whose node the server says in the place of a value that it has gone.
    pub(in crate::opcua) fn loss(&mut self, tag: &Tag, symbol: &str) -> TagState {
        let Tag { node, line, .. } = tag;
        let reason = format!(
            "{symbol}: {node} (line {line} of the mapping); the server has it no more, or no more for this user; its values go on when it is back"
        );
        self.say(tag, reason)
    }

    fn say(&mut self, tag: &Tag, reason: String) -> TagState {
        if self.logged < MAX_LOGGED {
            self.logged += 1;
            warn!(tag = %tag.name, line = tag.line, "{reason}");
            if self.logged == MAX_LOGGED {
                warn!("further refused tags are not listed here; see the failed tags in /readyz");
            }
        }
        TagState::Failed { reason }
    }

    /// The state of a tag that the server refuses.
    pub(in crate::opcua) fn state_of(&mut self, tag: &Tag, status: StatusCode) -> TagState {
        self.state(tag, &status::status_symbol(status::from_library(status)))
    }
}

fn reason(tag: &Tag, why: &str) -> String {
    let hint = match why {
        "BadNoMatch" => "nothing has these names on the server; correct `browse_path`",
        "BadNodeIdUnknown" | "BadNodeIdInvalid" => "the server has no such node; correct `node`",
        "BadUserAccessDenied" | "BadNotReadable" => "the user may not read it; see to the rights on the server",
        "BadAttributeIdInvalid" => "the node has no value; map a variable",
        "BadTooManyMonitoredItems" | "BadOutOfMemory" => "the server has no room for more; map fewer tags",
        _ if why.starts_with("the path leads") => "name the one that is meant by `node`",
        _ if why.contains("stood for") => "write the namespace that is meant as `nsu=`",
        _ if why.contains("namespace") => "correct the namespace after `nsu=`",
        _ => "the server refuses it",
    };
    let node = &tag.node;
    format!("{why}: {node} (line {} of the mapping); {hint}; it is tried again from time to time", tag.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support::tag;

    #[test]
    fn a_node_that_has_gone_is_no_mistake_of_the_mapping() {
        let TagState::Failed { reason } = Refusals::silent().loss(&tag("t", 3, "x"), "BadNodeIdUnknown") else {
            panic!("no state")
        };
        assert!(reason.contains("BadNodeIdUnknown") && !reason.contains("correct"), "{reason}");
    }

    #[test]
    fn a_refused_tag_is_explained_with_node_and_line() {
        let mut tag = tag("vibration", 3, "\"Machine\".\"Vibraton\"");
        tag.line = 12;
        let reason = reason(&tag, "BadNodeIdUnknown");
        for word in ["BadNodeIdUnknown", "ns=3;s=\"Machine\".\"Vibraton\"", "line 12 of the mapping", "no such node"] {
            assert!(reason.contains(word), "{word} in {reason}");
        }
    }
}
