//! Asks the server again for messages that did not arrive (Republish), announces those that it no longer has and has
//! their items read anew, and takes Subscriptions over into a new session.

use std::time::Duration;

use opcua::types::StatusCode;
use tracing::{debug, info, warn};

use crate::domain::Timestamp;
use crate::opcua::{
    problem::Problem, service_error::ServiceError, status, subscribe::publish::Publisher,
    value::notification::Notification,
};

/// Messages of one Subscription that are fetched after a loss of the connection; a server keeps far fewer.
const MOST_MESSAGES: u32 = 10_000;
/// Of a hole, so many messages are asked for, the newest; the others are given up at once.
const MOST_ASKED: u32 = 100;
/// How long the server may take to find a message: no value goes out meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Why a message was not sent again.
enum Refusal {
    /// The server does not have it, or not any more, or nobody can read it.
    Unavailable,
    /// Subscription or connection are of no more use.
    Problem(Problem),
}

/// What became of the missing messages of one Subscription.
#[derive(Debug, Default)]
struct Hole {
    /// The server does not have so many.
    refused: u64,
    /// So many of them lie before a message that was taken since, so that nobody asks for them again.
    given_up: u64,
}

impl Hole {
    fn refused(&mut self) {
        self.refused += 1;
    }

    fn taken(&mut self) {
        self.given_up = self.refused;
    }
}

impl Publisher<'_> {
    /// Gets `count` messages from the number `first` on. What cannot be had is counted and announced; it was sent after
    /// the newest message taken, and before `until`.
    pub(in crate::opcua) async fn repair(
        &mut self,
        subscription: u32,
        first: u32,
        count: u32,
        until: Timestamp,
    ) -> Option<Problem> {
        let since = self.watched.get(&subscription).and_then(|watched| watched.newest).unwrap_or(until);
        let skipped = count.saturating_sub(MOST_ASKED);
        let mut hole = Hole { refused: skipped.into(), given_up: 0 };
        let asked = numbers(first, count).skip(usize::try_from(skipped).unwrap_or(usize::MAX));
        let problem = self.fetch(subscription, asked, &mut hole).await;
        // After a problem, the numbers that nothing was taken behind are asked for once more, and counted then.
        let lost = if problem.is_some() { hole.given_up } else { hole.refused };
        if lost > 0 {
            self.sequence_gaps.inc_by(lost);
            self.intake.announce_lost(lost, since, until);
            if let Some(position) = self.position_of(subscription) {
                self.read_anew(position);
            }
            warn!(
                subscription,
                first,
                missing = count,
                lost,
                "messages of the server are missing and cannot be had again; the values are read anew"
            );
        } else if problem.is_none() {
            info!(subscription, first, missing = count, "missing messages of the server were fetched again");
        }
        problem
    }

    async fn fetch(
        &mut self,
        subscription: u32,
        numbers: impl Iterator<Item = u32>,
        hole: &mut Hole,
    ) -> Option<Problem> {
        for number in numbers {
            match self.republish(subscription, number).await {
                Ok(message) => {
                    hole.taken();
                    if let Some(problem) = self.take(subscription, message) {
                        return Some(problem);
                    }
                }
                Err(Refusal::Unavailable) => hole.refused(),
                Err(Refusal::Problem(problem)) => return Some(problem),
            }
        }
        None
    }

    /// Gets what the server sent while the connection was lost, before anything newer is asked for (Part 4, 6.7). A
    /// Subscription that has ended meanwhile holds up no other.
    pub(in crate::opcua) async fn catch_up(&mut self) -> Option<Problem> {
        let subscriptions: Vec<u32> = self.watched.keys().copied().collect();
        for subscription in subscriptions {
            for _ in 0..MOST_MESSAGES {
                let Some(watched) = self.watched.get(&subscription) else { break };
                match self.republish(subscription, watched.follower.next_expected()).await {
                    Ok(message) => {
                        if let Some(problem) = self.take(subscription, message) {
                            self.note_trouble(problem);
                            break;
                        }
                    }
                    Err(Refusal::Unavailable) => break,
                    Err(Refusal::Problem(problem @ Problem::SubscriptionEnded { .. })) => {
                        self.note_trouble(problem);
                        break;
                    }
                    Err(Refusal::Problem(problem)) => return Some(problem),
                }
            }
        }
        None
    }

    /// Takes the Subscriptions over into a new session, for a server that has forgotten the session but not them. Whether
    /// all of them are there; otherwise they are of no use, and those that are there are deleted.
    pub(in crate::opcua) async fn take_over(&mut self) -> bool {
        let ids: Vec<u32> = self.watched.keys().copied().collect();
        if ids.is_empty() {
            return false;
        }
        let results = match self.services.transfer_subscriptions(ids).await {
            Ok(results) => results,
            Err(error) => {
                debug!(%error, "the server does not transfer subscriptions");
                return false;
            }
        };
        if results.len() == self.watched.len() && results.iter().all(StatusCode::is_good) {
            return true;
        }
        let with_results = self.watched.keys().copied().zip(&results);
        let taken = with_results.filter(|(_, result)| result.is_good()).map(|(id, _)| id).collect::<Vec<_>>();
        if !taken.is_empty()
            && let Err(error) = self.services.delete_subscriptions(taken).await
        {
            debug!(%error, "subscriptions were not deleted");
        }
        false
    }

    /// A server that does not answer this, or answers with something else than that it has not the message, is not
    /// asked again in this session: the values are read anew instead.
    async fn republish(&mut self, subscription: u32, number: u32) -> Result<Notification, Refusal> {
        if !self.can_republish {
            return Err(Refusal::Unavailable);
        }
        let limit = self.request_timeout.min(LONGEST_WAIT);
        match self.services.republish(subscription, number, limit).await {
            // What a server sends for another number is nothing that was asked for.
            Ok(message) if message.sequence_number == number => Ok(message),
            Ok(_) => Err(Refusal::Unavailable),
            Err(ServiceError::NotConnected | ServiceError::Lost) => {
                Err(Refusal::Problem(Problem::lost("while messages were asked for again")))
            }
            Err(ServiceError::Refused(status @ StatusCode::BadSubscriptionIdInvalid)) => {
                let status = status::from_library(status);
                Err(Refusal::Problem(Problem::SubscriptionEnded { subscription, status }))
            }
            // A message that nobody can read is not asked for again either, but the next one may be.
            Err(ServiceError::Refused(StatusCode::BadMessageNotAvailable) | ServiceError::Unreadable(_)) => {
                Err(Refusal::Unavailable)
            }
            Err(error) => {
                debug!(%error, "the server does not send messages again");
                self.can_republish = false;
                Err(Refusal::Unavailable)
            }
        }
    }
}

/// So many numbers from the first on; after the last there is comes 1.
fn numbers(first: u32, count: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(first), |number| Some(super::sequence::next(*number)))
        .take(usize::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_with_one_after_the_last() {
        assert_eq!(numbers(u32::MAX - 1, 3).collect::<Vec<_>>(), [u32::MAX - 1, u32::MAX, 1]);
        assert_eq!(numbers(7, 0).count(), 0);
    }

    #[test]
    fn only_what_lies_before_a_taken_message_is_given_up() {
        let mut hole = Hole::default();
        hole.refused();
        hole.refused();
        assert_eq!((hole.refused, hole.given_up), (2, 0), "they are asked for again");
        hole.taken();
        hole.refused();
        assert_eq!((hole.refused, hole.given_up), (3, 2), "the third is asked for again");
    }
}
