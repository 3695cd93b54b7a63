use proptest::prelude::*;

use super::*;
use crate::{
    domain::{StatusCode, TagValue},
    opcua::test_support::tag,
};

const SECOND: Duration = Duration::from_secs(1);

fn update(tag: u32, value: f64) -> TagUpdate {
    TagUpdate {
        tag: TagId(tag),
        value: TagValue::Double(value),
        status: StatusCode::GOOD,
        source_timestamp: Some(Timestamp::from_unix_millis(5)),
        server_timestamp: None,
        received_at: Timestamp::from_unix_millis(7),
        flags: UpdateFlags::default(),
    }
}

/// One tag with these limits, in seconds.
struct Scene {
    values: LastValues,
    begin: Instant,
}

impl Scene {
    fn new(heartbeat: Option<u64>, stale_after: Option<u64>) -> Self {
        let mut tag = tag("t", 3, "x");
        tag.subscription.heartbeat = heartbeat.map(Duration::from_secs);
        tag.subscription.stale_after = stale_after.map(Duration::from_secs);
        let begin = Instant::now();
        let mut values = LastValues::new(&[tag], begin);
        values.begin_session();
        Self { values, begin }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.begin + Duration::from_secs(seconds)
    }

    fn admit(&mut self, seconds: u64, value: f64) -> Admission {
        let at = self.at(seconds);
        self.values.admit(&update(0, value), at)
    }

    fn due(&mut self, seconds: u64) -> Due {
        let (at, mut due) = (self.at(seconds), Due::default());
        self.values.due(at, Timestamp::from_unix_millis(99), &mut due);
        due
    }

    /// What is repeated at a time: `h` for a heartbeat, `s` for a stale value.
    fn repeats(&mut self, seconds: u64) -> String {
        let words = self.due(seconds).updates.into_iter().map(|update| match update.flags {
            UpdateFlags { is_heartbeat: true, is_stale: true, .. } => "hs",
            UpdateFlags { is_heartbeat: true, .. } => "h",
            UpdateFlags { is_stale: true, .. } => "s",
            _ => "?",
        });
        words.collect()
    }
}

#[test]
fn a_value_that_does_not_change_is_repeated_with_its_own_times() {
    let mut scene = Scene::new(Some(10), None);
    assert_eq!(scene.repeats(30), "", "nothing has come yet that could be repeated");
    scene.admit(31, 1.5);
    assert_eq!(scene.repeats(40), "");
    let repeated = scene.due(41).updates.remove(0);
    assert_eq!((&repeated.value, repeated.source_timestamp), (&TagValue::Double(1.5), update(0, 1.5).source_timestamp));
    assert_eq!((repeated.received_at.unix_millis(), repeated.flags.is_heartbeat), (99, true));
    assert_eq!(scene.repeats(50), "");
    assert_eq!(scene.repeats(51), "h");
    scene.admit(60, 2.0);
    assert_eq!(scene.repeats(69), "");
    assert_eq!(scene.repeats(70), "h");
}

#[test]
fn a_heartbeat_without_a_session_says_that_nobody_vouches_for_the_value() {
    let mut scene = Scene::new(Some(10), None);
    scene.admit(0, 1.0);
    assert_eq!(scene.repeats(10), "h");
    scene.values.set_connected(false);
    assert_eq!(scene.repeats(20), "hs");
    scene.values.set_connected(true);
    assert_eq!(scene.repeats(25), "");
    assert_eq!(scene.repeats(30), "h", "the same session goes on");
    scene.values.begin_session();
    assert_eq!(scene.repeats(40), "hs", "a session that has not yet brought a value vouches for none");
    scene.admit(41, 1.0);
    assert_eq!(scene.repeats(51), "h");
    scene.values.doubt(TagId(0));
    assert_eq!(scene.repeats(61), "hs");
}

#[test]
fn a_tag_turns_stale_once_and_its_next_value_ends_that() {
    let mut scene = Scene::new(None, Some(10));
    scene.admit(0, 1.0);
    assert_eq!(scene.repeats(9), "");
    let due = scene.due(10);
    assert_eq!((due.stale, due.updates.len()), (vec![TagId(0)], 1));
    assert!(due.updates[0].flags.is_stale && !due.updates[0].flags.is_heartbeat);
    for seconds in 11..60 {
        assert_eq!(scene.repeats(seconds), "", "{seconds}");
    }
    assert_eq!(scene.admit(60, 1.0), Admission { passes: true, revives: true });
    assert_eq!(scene.admit(61, 1.0), Admission { passes: true, revives: false });
    assert_eq!(scene.repeats(70), "");
    assert_eq!(scene.repeats(71), "s");
}

#[test]
fn a_tag_that_never_had_a_value_is_stale_without_a_message() {
    let mut scene = Scene::new(Some(3), Some(10));
    let due = scene.due(10);
    assert_eq!((due.stale, due.updates.len()), (vec![TagId(0)], 0));
    assert!(scene.admit(11, 1.0).revives);
}

#[test]
fn heartbeats_do_not_keep_a_tag_from_turning_stale() {
    let mut scene = Scene::new(Some(4), Some(10));
    scene.admit(0, 1.0);
    let words: Vec<String> = (1..=20).map(|seconds| scene.repeats(seconds)).filter(|word| !word.is_empty()).collect();
    assert_eq!(words, ["h", "h", "s", "hs", "hs"]);
}

#[test]
fn what_is_kept_back_here_counts_as_heard_and_after_stale_every_value_goes_on() {
    let mut scene = Scene::new(None, Some(10));
    scene.values.filter_here(TagId(0), Some(5.0));
    assert!(scene.admit(0, 1.0).passes);
    assert!(!scene.admit(9, 2.0).passes);
    assert_eq!(scene.repeats(18), "");
    assert_eq!(scene.repeats(19), "s");
    assert_eq!(scene.admit(20, 2.0), Admission { passes: true, revives: true });
    assert!(!scene.admit(21, 2.0).passes);
    let initial = TagUpdate { flags: UpdateFlags { is_initial: true, ..UpdateFlags::default() }, ..update(0, 2.0) };
    let at = scene.at(22);
    assert!(scene.values.admit(&initial, at).passes, "the first value of a session always does");
}

#[test]
fn tags_that_ask_for_nothing_cost_nothing() {
    let tags: Vec<Tag> = (0..3).map(|_| tag("t", 3, "x")).collect();
    let mut values = LastValues::new(&tags, Instant::now());
    assert!(values.slots.is_empty() && values.deadlines.is_empty());
    assert!(values.admit(&update(2, 1.0), Instant::now()).passes);
    assert_eq!(values.due(Instant::now(), Timestamp::now(), &mut Due::default()), None);
}

#[test]
fn many_that_are_due_at_once_come_in_parts() {
    let mut subscribed = tag("t", 3, "x");
    subscribed.subscription.heartbeat = Some(SECOND);
    let tags = vec![subscribed; MOST_AT_ONCE + 10];
    let begin = Instant::now();
    let mut values = LastValues::new(&tags, begin);
    for number in 0..u32::try_from(tags.len()).unwrap() {
        values.admit(&update(number, 1.0), begin);
    }
    let now = begin + SECOND;
    let mut part = || {
        let mut due = Due::default();
        let next = values.due(now, Timestamp::now(), &mut due);
        (due.updates.len(), next)
    };
    let first = part();
    assert_eq!(first.0, MOST_AT_ONCE);
    assert!(first.1.unwrap() <= now, "the rest is due already");
    assert_eq!(part(), (10, Some(now + SECOND)));
}

/// What happens in one second.
#[derive(Clone, Debug)]
enum Event {
    Value(u8),
    Session(bool),
    Nothing,
}

proptest! {
    /// Against the plain rule: no second passes with a message overdue, and none comes early.
    #[test]
    fn silence_never_lasts_longer_than_the_limits(
        heartbeat in proptest::option::of(1..8_u64),
        stale_after in proptest::option::of(1..12_u64),
        events in proptest::collection::vec(
            prop_oneof![
                2 => any::<u8>().prop_map(Event::Value),
                1 => any::<bool>().prop_map(Event::Session),
                9 => Just(Event::Nothing),
            ],
            0..120,
        ),
    ) {
        let mut scene = Scene::new(heartbeat, stale_after);
        let (mut heard, mut sent, mut is_stale, mut has_value) = (0, 0, false, false);
        for (second, event) in (1..).zip(events) {
            let due = scene.due(second);
            let turns_stale = !is_stale && stale_after.is_some_and(|limit| second >= heard + limit);
            let is_overdue = heartbeat.is_some_and(|limit| second >= sent + limit);
            prop_assert_eq!(due.stale.len(), usize::from(turns_stale));
            prop_assert_eq!(due.updates.len(), usize::from(has_value && (turns_stale || is_overdue)));
            is_stale |= turns_stale;
            if turns_stale || is_overdue {
                sent = second;
            }
            match event {
                Event::Value(value) => {
                    let admission = scene.admit(second, f64::from(value));
                    prop_assert_eq!(admission, Admission { passes: true, revives: is_stale });
                    (heard, sent, is_stale, has_value) = (second, second, false, true);
                }
                Event::Session(true) => scene.values.begin_session(),
                Event::Session(false) => scene.values.set_connected(false),
                Event::Nothing => {}
            }
            prop_assert!(scene.values.deadlines.len() <= 1);
        }
    }
}
