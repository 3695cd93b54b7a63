//! Which tags' queues on the server run over: said from time to time, the worst first.

use tracing::warn;

use crate::opcua::intake::grants::TagGrants;
use crate::{config::effective::Tag, domain::TagId};

/// Tags named in one line of the log.
const NAMED: usize = 5;

/// Remembers what was said before.
#[derive(Debug, Default)]
pub(in crate::opcua) struct OverflowLog {
    /// By tag; empty while nothing has ever run over.
    reported: Vec<u32>,
}

impl OverflowLog {
    /// Says what has run over since the last call, if anything has.
    pub(in crate::opcua) fn report(&mut self, grants: &TagGrants, tags: &[Tag]) {
        if let Some((values, worst)) = self.news(grants, tags) {
            warn!(
                values,
                worst,
                "the server's queues ran over and older values are lost; raise `server_queue_size`, publish more often or sample less often"
            );
        }
    }

    fn news(&mut self, grants: &TagGrants, tags: &[Tag]) -> Option<(u64, String)> {
        self.reported.resize(tags.len(), 0);
        let ids = (0_u32..).map(TagId).zip(tags).zip(&mut self.reported);
        let since = |((id, tag), reported): ((TagId, &Tag), &mut u32)| {
            let count = grants.overflows(id);
            let new = count.wrapping_sub(std::mem::replace(reported, count));
            (new > 0).then(|| (new, tag.name.clone()))
        };
        let mut worst: Vec<_> = ids.filter_map(since).collect();
        worst.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let values: u64 = worst.iter().map(|(count, _)| u64::from(*count)).sum();
        let named: Vec<String> = worst.iter().take(NAMED).map(|(count, name)| format!("{name} ({count})")).collect();
        (values > 0).then(|| (values, named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support::tag;

    #[test]
    fn the_worst_are_named_first_and_only_what_is_new_is_said() {
        let tags: Vec<Tag> = (0..8).map(|number| tag(&format!("t{number}"), 3, "x")).collect();
        let grants = TagGrants::new(tags.len());
        let mut log = OverflowLog::default();
        assert_eq!(log.news(&grants, &tags), None);
        for (tag, count) in [(1, 2), (2, 5), (3, 1), (4, 1), (5, 1), (6, 1)] {
            (0..count).for_each(|_| grants.count_overflow(TagId(tag)));
        }
        assert_eq!(log.news(&grants, &tags), Some((11, "t2 (5), t1 (2), t3 (1), t4 (1), t5 (1)".to_owned())));
        assert_eq!(log.news(&grants, &tags), None);
        grants.count_overflow(TagId(7));
        assert_eq!(log.news(&grants, &tags), Some((1, "t7 (1)".to_owned())));
    }
}
