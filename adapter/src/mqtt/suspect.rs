//! Finds the message on which connections die.
//!
//! A broker of MQTT 3.1.1 says no to a message by hanging up, and some do so with MQTT 5. Sent again after each
//! reconnection, such a message would block all that follows it. Which one it is cannot be seen while many are in
//! flight, and a broker that hangs up for another reason must cost no message. So after two connections that ended
//! without a single acknowledgement the next ones send one packet at a time, the link's own first. A message counts as
//! guilty when the broker has hung up on it, and nothing else, three times in a row after it had answered all else:
//! five connections in all, and more where acknowledgements of others came in between.
//!
//! A pure state machine, kept over connections.

use crate::{domain::Lane, spool::Position};

/// Connections without progress after which one packet is sent at a time.
const BLIND_DEATHS: u32 = 2;
/// Times that the broker hangs up on the same message alone.
const STRIKES: u32 = 3;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Death {
    /// Whether the broker has answered any message of the spool on it.
    pub(super) has_answered: bool,
    /// Whether the broker closed it, and did not say that it was for reasons of its own.
    pub(super) is_hang_up: bool,
    /// The message that was in flight, when nothing else was.
    pub(super) alone: Option<(Lane, Position)>,
    /// Whether any message of the spool was in flight.
    pub(super) had_messages: bool,
}

/// What the connections before have shown.
#[derive(Debug, Default)]
pub(super) struct Suspect {
    blind_deaths: u32,
    candidate: Option<(Lane, Position)>,
    strikes: u32,
}

impl Suspect {
    /// A connection has ended.
    pub(super) fn on_death(&mut self, death: Death) {
        let is_of_interest = death.is_hang_up && death.had_messages;
        match death.alone.filter(|_| is_of_interest && self.is_probing()) {
            Some(alone) if self.candidate == Some(alone) => self.strikes += 1,
            Some(alone) => (self.candidate, self.strikes) = (Some(alone), 1),
            None if death.has_answered => *self = Self::default(),
            None => self.blind_deaths += u32::from(is_of_interest),
        }
    }

    /// Whether the next connection is to send one packet at a time, until some messages of the spool are answered.
    pub(super) const fn is_probing(&self) -> bool {
        self.blind_deaths >= BLIND_DEATHS
    }

    /// The message that is to be given up, when it is certain. It is forgotten by this.
    pub(super) fn take_guilty(&mut self) -> Option<(Lane, Position)> {
        if self.strikes < STRIKES {
            return None;
        }
        self.strikes = 0;
        self.candidate.take()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn death(alone: Option<u64>) -> Death {
        let alone = alone.map(|position| (Lane::Values, Position(position)));
        Death { has_answered: false, is_hang_up: true, alone, had_messages: true }
    }

    #[test]
    fn the_fifth_connection_that_dies_on_the_same_message_convicts_it() {
        let mut suspect = Suspect::default();
        for expected in [false, true] {
            suspect.on_death(death(None));
            assert_eq!(suspect.is_probing(), expected);
        }
        for _ in 0..2 {
            suspect.on_death(death(Some(7)));
            assert_eq!(suspect.take_guilty(), None);
        }
        suspect.on_death(death(Some(7)));
        assert_eq!(suspect.take_guilty(), Some((Lane::Values, Position(7))));
        assert_eq!(suspect.take_guilty(), None, "once");
        assert!(suspect.is_probing(), "the next may be just as bad");
    }

    #[test]
    fn a_broker_that_goes_away_for_its_own_reasons_convicts_nothing() {
        let mut suspect = Suspect::default();
        for _ in 0..20 {
            suspect.on_death(Death { is_hang_up: false, ..death(Some(7)) });
            suspect.on_death(Death { had_messages: false, alone: None, ..death(None) });
        }
        assert!(!suspect.is_probing());
        assert_eq!(suspect.take_guilty(), None);
    }

    #[test]
    fn what_is_answered_before_it_does_not_clear_the_suspect() {
        let mut suspect = Suspect::default();
        (0..2).for_each(|_| suspect.on_death(death(None)));
        (0..3).for_each(|_| suspect.on_death(Death { has_answered: true, ..death(Some(30)) }));
        assert_eq!(suspect.take_guilty(), Some((Lane::Values, Position(30))));
    }

    #[test]
    fn progress_clears_everything() {
        let mut suspect = Suspect::default();
        (0..4).for_each(|_| suspect.on_death(death(Some(7))));
        suspect.on_death(Death { has_answered: true, ..death(None) });
        assert!(!suspect.is_probing());
        suspect.on_death(death(Some(7)));
        assert_eq!(suspect.take_guilty(), None);
    }

    proptest! {
        /// A broker with one poisoned message, which acknowledges what it reads before it or not, as it likes.
        #[test]
        fn only_the_poisoned_message_is_given_up(
            poisoned in 1_u64..40,
            delivered in prop::collection::vec(0_u64..30, 200),
            own_reasons in prop::collection::vec(any::<bool>(), 200),
        ) {
            let (mut suspect, mut head, mut is_given_up) = (Suspect::default(), 1, false);
            for (delivered, own_reason) in delivered.into_iter().zip(own_reasons) {
                let target = if is_given_up { u64::MAX } else { poisoned };
                let acknowledged = delivered.min(target - head);
                // One at a time, each is answered before the next is sent.
                let probes = suspect.is_probing() && !own_reason;
                let acknowledged = if probes { target.min(40) - head } else { acknowledged };
                head += acknowledged;
                let alone = (probes && head == target).then_some((Lane::Values, Position(head)));
                suspect.on_death(Death {
                    has_answered: acknowledged > 0,
                    is_hang_up: !own_reason,
                    alone,
                    had_messages: true,
                });
                if let Some((_, position)) = suspect.take_guilty() {
                    prop_assert_eq!(position.0, poisoned);
                    is_given_up = true;
                    head += 1;
                }
                if head >= 40 { break; }
            }
        }
    }
}
