//! Which tag goes into which Subscription: decided before anything is created.

use std::{collections::BTreeMap, time::Duration};

use crate::{config::effective::Tag, domain::TagId};

/// How the subscribed tags are spread over Subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::opcua) struct Plan {
    groups: Vec<Group>,
    /// By tag: the position of its group; `None` for a tag that is polled.
    places: Vec<Option<usize>>,
    most_items: usize,
    has_polled: bool,
}

/// The tags of one Subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::opcua) struct Group {
    /// How often it shall publish.
    pub(in crate::opcua) publishing_interval: Duration,
    /// How many tags it has.
    pub(in crate::opcua) size: usize,
}

impl Plan {
    /// Tags that publish equally often share Subscriptions of at most `most_items`, the fastest first. Without a
    /// subscribed tag there is one empty Subscription, whose keep-alives, sent as often as `idle_interval`, tell whether
    /// the server lives.
    pub(in crate::opcua) fn new(tags: &[Tag], most_items: usize, idle_interval: Duration) -> Self {
        let most_items = most_items.max(1);
        let mut by_interval: BTreeMap<Duration, Vec<usize>> = BTreeMap::new();
        for (index, tag) in tags.iter().enumerate().filter(|(_, tag)| !tag.subscription.is_polled()) {
            by_interval.entry(tag.subscription.publishing_interval).or_default().push(index);
        }
        let mut places = vec![None; tags.len()];
        let mut groups = Vec::new();
        for (publishing_interval, indices) in by_interval {
            for part in indices.chunks(most_items) {
                for index in part {
                    places[*index] = Some(groups.len());
                }
                groups.push(Group { publishing_interval, size: part.len() });
            }
        }
        if groups.is_empty() {
            groups.push(Group { publishing_interval: idle_interval, size: 0 });
        }
        let has_polled = tags.iter().any(|tag| tag.subscription.is_polled());
        Self { groups, places, most_items, has_polled }
    }

    /// What is to be created, in this order.
    pub(in crate::opcua) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The position of a tag's group; `None` for a tag that is polled.
    pub(in crate::opcua) fn place(&self, tag: TagId) -> Option<usize> {
        self.places.get(tag.index()).copied().flatten()
    }

    /// The tags of a group.
    pub(in crate::opcua) fn tags_of(&self, position: usize) -> Vec<TagId> {
        let tags = (0_u32..).map(TagId).zip(&self.places);
        tags.filter(|(_, place)| **place == Some(position)).map(|(tag, _)| tag).collect()
    }

    /// Whether the session can live without any Subscription: every tag is polled, and there is one.
    pub(in crate::opcua) fn is_optional(&self) -> bool {
        self.has_polled && self.places.iter().all(Option::is_none)
    }

    /// The server grants no more than the first `count` Subscriptions, at least one: the tags of the others go to the
    /// slowest of these that has room, which publishes faster than they asked. Where none has room the last one takes
    /// them, and the server says of each item whether it does. Returns how many tags were moved.
    pub(in crate::opcua) fn limit_to(&mut self, count: usize) -> usize {
        let count = count.clamp(1, self.groups.len());
        self.groups.truncate(count);
        let mut moved = 0;
        for place in self.places.iter_mut().flatten().filter(|place| **place >= count) {
            let target = self.groups.iter().rposition(|group| group.size < self.most_items).unwrap_or(count - 1);
            self.groups[target].size += 1;
            *place = target;
            moved += 1;
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{config::effective::Mode, opcua::test_support::tag};

    const IDLE: Duration = Duration::from_secs(1);

    fn tags(intervals: &[u64]) -> Vec<Tag> {
        // 0 stands for a tag that is polled.
        let make = |millis: &u64| {
            let mut tag = tag("t", 3, "x");
            tag.subscription.publishing_interval = Duration::from_millis(*millis);
            tag.subscription.mode = if *millis == 0 { Mode::Poll } else { Mode::Subscribe };
            tag
        };
        intervals.iter().map(make).collect()
    }

    fn sizes(plan: &Plan) -> Vec<(u128, usize)> {
        plan.groups().iter().map(|group| (group.publishing_interval.as_millis(), group.size)).collect()
    }

    #[test]
    fn tags_are_grouped_by_their_publishing_interval() {
        let plan = Plan::new(&tags(&[500, 100, 500, 0, 1000, 500]), 2, IDLE);
        assert_eq!(sizes(&plan), [(100, 1), (500, 2), (500, 1), (1000, 1)]);
        let places: Vec<_> = (0..6).map(|tag| plan.place(TagId(tag))).collect();
        assert_eq!(places, [Some(1), Some(0), Some(1), None, Some(3), Some(2)]);
        assert!(!plan.is_optional());
    }

    #[test]
    fn without_a_subscribed_tag_an_empty_one_is_there_for_its_keep_alives() {
        assert_eq!(sizes(&Plan::new(&[], 10, IDLE)), [(1000, 0)]);
        assert!(!Plan::new(&[], 10, IDLE).is_optional(), "nothing else would tell that the server lives");
        let polled = Plan::new(&tags(&[0, 0]), 10, IDLE);
        assert_eq!((sizes(&polled), polled.is_optional()), (vec![(1000, 0)], true));
    }

    #[test]
    fn what_the_server_does_not_grant_goes_to_the_nearest_faster_one() {
        let mut plan = Plan::new(&tags(&[100, 500, 1000, 5000, 5000]), 2, IDLE);
        assert_eq!(plan.limit_to(2), 3);
        // One of the three finds room in the slower, one in the faster; for the last the server has to stretch.
        assert_eq!(sizes(&plan), [(100, 2), (500, 3)]);
        let mut whole = Plan::new(&tags(&[100, 500]), 2, IDLE);
        assert_eq!(whole.limit_to(7), 0);
    }

    proptest! {
        #[test]
        fn every_tag_has_one_place_and_limits_are_kept_with_few_subscriptions(
            intervals in proptest::collection::vec(prop_oneof![Just(0), Just(100), Just(500), 10..2000_u64], 0..400),
            most in 1..60_usize,
            granted in 1..40_usize,
        ) {
            let tags = tags(&intervals);
            let mut plan = Plan::new(&tags, most, IDLE);
            let mut counted = vec![0; plan.groups().len()];
            let mut by_interval: BTreeMap<u64, usize> = BTreeMap::new();
            for (index, millis) in intervals.iter().enumerate() {
                let place = plan.place(TagId(u32::try_from(index).unwrap()));
                prop_assert_eq!(place.is_none(), *millis == 0);
                if let Some(place) = place {
                    counted[place] += 1;
                    *by_interval.entry(*millis).or_default() += 1;
                    prop_assert_eq!(plan.groups()[place].publishing_interval, Duration::from_millis(*millis));
                }
            }
            prop_assert!(plan.groups().iter().zip(&counted).all(|(group, count)| group.size == *count && *count <= most));
            let fewest: usize = by_interval.values().map(|count| count.div_ceil(most)).sum();
            prop_assert_eq!(plan.groups().len(), fewest.max(1));

            let before = plan.clone();
            plan.limit_to(granted);
            prop_assert_eq!(plan.groups().len(), granted.min(before.groups().len()));
            for index in 0..u32::try_from(intervals.len()).unwrap() {
                let (old, new) = (before.place(TagId(index)), plan.place(TagId(index)));
                prop_assert_eq!(old.is_some(), new.is_some());
                if let (Some(old), Some(new)) = (old, new) {
                    prop_assert!(plan.groups()[new].publishing_interval <= before.groups()[old].publishing_interval);
                    prop_assert!(old == new || old >= granted);
                }
            }
            let has_room = plan.groups().len() * most >= intervals.iter().filter(|millis| **millis > 0).count();
            prop_assert!(!has_room || plan.groups().iter().all(|group| group.size <= most));
        }
    }
}
