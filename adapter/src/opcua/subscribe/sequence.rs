//! Follows the sequence numbers of one Subscription's NotificationMessages.

/// How far ahead a number may be and still count as a hole; beyond, the server has begun to count anew.
const LARGEST_GAP: u64 = 1_000;
/// So many repeats without a step ahead are no repeats: the server has begun to count anew.
const MOST_REPEATS: u8 = 4;
/// Numbers run from 1 to this and then from 1 again; 0 is never used (Part 4, 7.9).
const CYCLE: u64 = u32::MAX as u64;

/// What a sequence number says about the message that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum Step {
    /// The message is new and follows the one before.
    Next,
    /// The message is new; so many before it are missing.
    Gap(u32),
    /// The message is new and older than others already seen: it was counted as missing before.
    Late,
    /// The message was seen before.
    Repeat,
    /// The server has begun to count anew; the message is new.
    Restart,
}

impl Step {
    /// Whether the message has to be taken.
    pub(in crate::opcua) const fn is_new(self) -> bool {
        !matches!(self, Self::Repeat)
    }
}

/// Remembers the newest number and which of the 64 up to it were seen. The first message of a Subscription has the number
/// 1 (Part 4, 7.9), so that one with another shows what is missing.
#[derive(Debug, Default)]
pub(in crate::opcua) struct SequenceFollower {
    /// 0 before the first message.
    newest: u32,
    /// Bit n: the number n before the newest was seen.
    seen: u64,
    repeats: u8,
}

impl SequenceFollower {
    /// Takes the sequence number of a message that carries notifications; keep-alives carry the next number, unused. A
    /// server that sends 0 does not count, and nothing can be missed.
    pub(in crate::opcua) fn observe(&mut self, number: u32) -> Step {
        if number == 0 {
            return Step::Next;
        }
        let step = match distance(self.newest, number) {
            ahead @ 1..=LARGEST_GAP => return self.advance(number, ahead),
            // Before the first message nothing was seen that it could be behind.
            behind if self.newest != 0 && (CYCLE - behind < 64 || behind == 0) => {
                self.look_back((CYCLE - behind) % CYCLE)
            }
            _ => Step::Restart,
        };
        self.repeats += u8::from(step == Step::Repeat);
        if step == Step::Restart || self.repeats >= MOST_REPEATS {
            return self.begin(number, Step::Restart);
        }
        step
    }

    /// The first number after the newest that was seen, and how many there are from it up to `number`, which is not one
    /// of them: what `number` shows to be missing. Also for the number of a keep-alive, which is that of the message to
    /// come.
    pub(in crate::opcua) fn missing_before(&self, number: u32) -> (u32, u32) {
        let missing = match distance(self.newest, number) {
            ahead @ 2..=LARGEST_GAP if number != 0 => u32::try_from(ahead - 1).unwrap_or(0),
            _ => 0,
        };
        (self.next_expected(), missing)
    }

    /// The messages before this number, that of the one to come, are given up: nobody asks for them again.
    pub(in crate::opcua) fn give_up_before(&mut self, number: u32) {
        let (_, missing) = self.missing_before(number);
        // One that comes late all the same is new.
        self.seen = self.seen.checked_shl(missing).unwrap_or(0);
        for _ in 0..missing {
            self.newest = next(self.newest);
        }
    }

    /// The number of the next message.
    pub(in crate::opcua) fn next_expected(&self) -> u32 {
        next(self.newest)
    }

    fn begin(&mut self, number: u32, step: Step) -> Step {
        *self = Self { newest: number, seen: 1, repeats: 0 };
        step
    }

    fn advance(&mut self, number: u32, ahead: u64) -> Step {
        // A shift by 64 or more has no room for what was seen.
        self.seen = u32::try_from(ahead).ok().and_then(|ahead| self.seen.checked_shl(ahead)).unwrap_or(0) | 1;
        self.newest = number;
        self.repeats = 0;
        match u32::try_from(ahead - 1) {
            Ok(0) => Step::Next,
            Ok(missing) => Step::Gap(missing),
            Err(_) => Step::Restart,
        }
    }

    fn look_back(&mut self, back: u64) -> Step {
        let bit = 1_u64 << back;
        if self.seen & bit != 0 {
            return Step::Repeat;
        }
        self.seen |= bit;
        Step::Late
    }
}

/// Steps forward from one number to another on the circle of numbers.
fn distance(from: u32, to: u32) -> u64 {
    (u64::from(to) + CYCLE - u64::from(from)) % CYCLE
}

/// The number after this one.
pub(in crate::opcua) fn next(number: u32) -> u32 {
    number.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(numbers: &[u32], expected: &[Step]) {
        let mut follower = SequenceFollower::default();
        let steps: Vec<Step> = numbers.iter().map(|number| follower.observe(*number)).collect();
        assert_eq!(steps, expected, "{numbers:?}");
    }

    #[test]
    fn the_first_message_has_the_number_one() {
        check(&[1, 2, 3], &[Step::Next; 3]);
        check(&[3, 4], &[Step::Gap(2), Step::Next]);
        check(&[4711, 4712], &[Step::Restart, Step::Next]);
        assert_eq!(SequenceFollower::default().missing_before(1), (1, 0));
        assert_eq!(SequenceFollower::default().missing_before(4), (1, 3));
    }

    #[test]
    fn holes_are_counted() {
        check(&[1, 2, 5, 6], &[Step::Next, Step::Next, Step::Gap(2), Step::Next]);
    }

    #[test]
    fn what_a_number_shows_to_be_missing_is_named() {
        let mut follower = SequenceFollower::default();
        follower.observe(u32::MAX - 1);
        assert_eq!(follower.missing_before(u32::MAX), (u32::MAX, 0));
        assert_eq!(follower.missing_before(2), (u32::MAX, 2), "MAX and 1");
        assert_eq!(follower.missing_before(u32::MAX - 1), (u32::MAX, 0), "a repeat");
        assert_eq!(follower.missing_before(500_000), (u32::MAX, 0), "the server counts anew");
    }

    #[test]
    fn what_a_keep_alive_has_shown_to_be_missing_is_given_up_once() {
        for start in [1, u32::MAX - 1] {
            let mut follower = SequenceFollower::default();
            follower.observe(start);
            let to_come = next(next(next(start)));
            assert_eq!(follower.missing_before(to_come).1, 2);
            follower.give_up_before(to_come);
            assert_eq!(follower.missing_before(to_come).1, 0);
            assert_eq!(follower.observe(next(start)), Step::Late, "it comes all the same");
            assert_eq!(follower.observe(next(next(start))), Step::Late);
            assert_eq!(follower.observe(next(start)), Step::Repeat);
            assert_eq!(follower.observe(to_come), Step::Next);
        }
    }

    #[test]
    fn a_server_that_does_not_count_misses_nothing() {
        check(&[0, 0, 0, 0, 0, 0], &[Step::Next; 6]);
        let mut follower = SequenceFollower::default();
        follower.observe(u32::MAX);
        assert_eq!(
            (follower.missing_before(0).1, follower.observe(0), follower.observe(1)),
            (0, Step::Next, Step::Next)
        );
    }

    #[test]
    fn after_the_last_number_comes_one() {
        check(&[u32::MAX - 1, u32::MAX, 1, 2], &[Step::Restart, Step::Next, Step::Next, Step::Next]);
        check(&[u32::MAX - 1, u32::MAX, 2], &[Step::Restart, Step::Next, Step::Gap(1)]);
    }

    #[test]
    fn repeats_are_told_from_latecomers() {
        check(&[1, 2, 2, 4, 3, 3], &[Step::Next, Step::Next, Step::Repeat, Step::Gap(1), Step::Late, Step::Repeat]);
    }

    #[test]
    fn a_server_that_counts_anew_is_followed() {
        check(&[500, 1, 2], &[Step::Gap(499), Step::Restart, Step::Next]);
        check(&[1, 5_000_000, 5_000_001], &[Step::Next, Step::Restart, Step::Next]);
        let mut follower = SequenceFollower::default();
        for number in 1..=10 {
            follower.observe(number);
        }
        let again: Vec<Step> = (1..=6).map(|number| follower.observe(number)).collect();
        assert_eq!(again[..3], [Step::Repeat; 3]);
        assert_eq!(again[3..], [Step::Restart, Step::Next, Step::Next]);
    }

    proptest! {
        #[test]
        fn an_unbroken_sequence_is_never_suspected(start in 1..=u32::MAX, length in 1..300_usize) {
            let mut follower = SequenceFollower::default();
            follower.observe(start);
            let mut number = next(start);
            for _ in 0..length {
                prop_assert_eq!(follower.observe(number), Step::Next);
                number = next(number);
            }
        }

        #[test]
        fn what_is_lost_is_counted_and_what_is_repeated_is_skipped(
            start in (u32::MAX - 200)..=u32::MAX,
            fates in proptest::collection::vec(0..3_u8, 1..400),
        ) {
            let mut follower = SequenceFollower::default();
            follower.observe(start);
            let (mut number, mut lost, mut pending, mut counted) = (start, 0_u32, 0_u32, 0_u32);
            for fate in fates {
                number = next(number);
                if fate == 0 {
                    pending += 1;
                    continue;
                }
                lost += std::mem::take(&mut pending);
                match follower.observe(number) {
                    Step::Next => {}
                    Step::Gap(missing) => counted += missing,
                    other => prop_assert!(false, "{:?}", other),
                }
                if fate == 2 {
                    prop_assert_eq!(follower.observe(number), Step::Repeat);
                }
            }
            prop_assert_eq!(counted, lost);
        }

        #[test]
        fn no_input_makes_it_deaf(numbers in proptest::collection::vec(any::<u32>(), 0..100), start in 1..1_000_000_u32) {
            let mut follower = SequenceFollower::default();
            for number in numbers {
                follower.observe(number);
            }
            let taken = (start..start + 200).filter(|number| follower.observe(*number).is_new()).count();
            prop_assert!(taken >= 200 - usize::from(MOST_REPEATS), "{}", taken);
        }
    }
}
