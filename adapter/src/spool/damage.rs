//! What is lost of a damaged segment, told from what can still be read of it and from its summary.

use std::{collections::BTreeMap, io};

use super::{DropCause, DroppedRange, Position, segment::Reader, summary::Summary};
use crate::domain::{Epoch, Sequence, TagName, TopicName};

/// A route as summaries know it.
type Key = (TopicName, Option<TagName>);

/// What has been read of a route.
#[derive(Debug, Default)]
struct Seen {
    /// Every sequence up to here is accounted for.
    last: Option<Sequence>,
    /// How many messages.
    count: u64,
}

/// The holes between the messages that `reader` still finds, and what `whole`, the segment's summary, knows of before the
/// first and behind the last of each route. What is acknowledged, up to `spared`, is no loss; where a hole begins before
/// and ends behind it, all of it is named.
///
/// # Errors
///
/// As reading gives.
pub(super) fn losses(
    mut reader: Reader,
    whole: &Summary,
    epoch: Epoch,
    spared: Position,
) -> io::Result<Vec<DroppedRange>> {
    let ranges: Vec<DroppedRange> = whole.ranges(epoch, DropCause::Disk).collect();
    let before = |(first, _): (Sequence, Sequence)| Sequence(first.0.saturating_sub(1));
    let unseen = |range: &DroppedRange| Seen { last: range.sequences.map(before), count: 0 };
    let mut routes: BTreeMap<Key, Seen> = ranges.iter().map(|range| (key_of(range), unseen(range))).collect();
    let mut holes = Summary::default();
    while let Some((position, message)) = reader.next()? {
        let key = (message.route.topic.clone(), message.route.tag_name.clone());
        let seen = routes.entry(key).or_default();
        seen.count += 1;
        let Some(sequence) = message.sequence else { continue };
        if let Some(last) = seen.last
            && sequence.0 > last.0 + 1
            && position > spared
        {
            holes.add_hole(&message, epoch, Sequence(last.0 + 1), Sequence(sequence.0 - 1));
        }
        seen.last = seen.last.max(Some(sequence));
    }
    let ends = ranges.into_iter().filter_map(|range| rest_of(&routes, range));
    Ok(holes.ranges(epoch, DropCause::Disk).chain(ends).collect())
}

fn key_of(range: &DroppedRange) -> Key {
    (range.topic.clone(), range.tag_name.clone())
}

/// What of a route was not found behind the last message that was.
fn rest_of(routes: &BTreeMap<Key, Seen>, range: DroppedRange) -> Option<DroppedRange> {
    let seen = routes.get(&key_of(&range))?;
    if range.sequences.is_some() {
        return range.after(seen.last);
    }
    // Without numbers only the count tells.
    let count = range.count.saturating_sub(seen.count);
    (count > 0).then_some(DroppedRange { count, ..range })
}
