//! Nodes whose values do not come in time are read beside the rounds, so that the others are not held up. A call that is
//! late is asked for in smaller pieces, until each node that is late stands alone. What comes goes back to the rounds.

use std::{convert::Infallible, ops::Range, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use opcua::types::StatusCode;
use tokio::{
    sync::mpsc::{Receiver, Sender, error::TrySendError},
    time::{self, Instant},
};

use crate::opcua::{
    backoff::Backoff,
    poll::{poller::Poller, round::Item},
    problem::Problem,
    session::failure::Failure,
    subscribe::retries::{RETRY_INITIAL, RETRY_MAX},
};

/// Into how many pieces a call that is late is split: each level of pieces costs those beside a late node a time-out.
const PIECES: usize = 8;
/// An answer that takes no longer than this is in time, however short the interval.
const IN_TIME: Duration = Duration::from_secs(1);
/// A node that was not late for so long is asked as soon as one that never was.
const FORGIVEN: Duration = Duration::from_mins(10);

/// How often a node was late.
#[derive(Debug)]
pub(in crate::opcua) struct Lateness {
    pauses: Backoff,
    last: Option<Instant>,
}

impl Default for Lateness {
    fn default() -> Self {
        Self { pauses: Backoff::new(RETRY_INITIAL, RETRY_MAX), last: None }
    }
}

impl Lateness {
    /// It was late now. How long to wait before it is asked for again.
    fn pause(&mut self, now: Instant) -> Duration {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) > FORGIVEN) {
            self.pauses.reset();
        }
        self.last = Some(now);
        self.pauses.pause()
    }

    const fn has_been_late(&self) -> bool {
        self.last.is_some()
    }
}

/// Items that are asked for in one call, after a while.
struct Piece {
    pause: Duration,
    items: Vec<Item>,
}

/// What the rounds give up.
pub(super) enum SetAside {
    /// A call that was late.
    Call(Vec<Item>),
    /// A node that was late in a session before; in this one it was not asked for.
    Known(Item),
}

/// Reads what is late of one interval.
pub(super) struct LateReader<'a> {
    pub(super) poller: &'a Poller<'a>,
    pub(super) interval: Duration,
    /// Where those go that have come.
    pub(super) give_back: Sender<Vec<Item>>,
}

impl LateReader<'_> {
    /// Reads what was set aside for as long as the session's connection lasts.
    pub(super) async fn run(&self, mut set_aside: Receiver<SetAside>) -> Result<Infallible, Problem> {
        let mut under_way = FuturesUnordered::new();
        loop {
            let pieces = tokio::select! {
                Some(late) = set_aside.recv() => match late {
                    SetAside::Call(items) => self.apart(items, StatusCode::BadTimeout),
                    SetAside::Known(item) => vec![Piece { pause: Duration::ZERO, items: vec![item] }],
                },
                Some(pieces) = under_way.next() => pieces?,
                else => std::future::pending().await,
            };
            under_way.extend(pieces.into_iter().map(|piece| self.read(piece)));
        }
    }

    /// Asks for a piece. Returns what is to be asked for again.
    async fn read(&self, Piece { pause, mut items }: Piece) -> Result<Vec<Piece>, Problem> {
        time::sleep(pause).await;
        let (read, took) = self.poller.read_late(&items).await;
        match read {
            Ok(values) if values.len() == items.len() => {
                self.poller.take(&mut items, values);
                Ok(self.answered(items, took))
            }
            Ok(_) => Ok(self.apart(items, StatusCode::BadUnknownResponse)),
            Err(error) => {
                self.poller.survive(&error, items.len()).await?;
                if items.len() == 1 && Failure::of(&error) != Failure::Late {
                    // It is refused, and not late: the rounds can tell.
                    return Ok(self.answered(items, Duration::ZERO));
                }
                Ok(self.apart(items, error.status()))
            }
        }
    }

    /// Gives back what has come. A node that takes long alone is asked for again at its interval, beside the rounds; where
    /// several take long, it is the server that is slow.
    fn answered(&self, items: Vec<Item>, took: Duration) -> Vec<Piece> {
        let is_late = items.len() == 1 && took > self.interval.max(IN_TIME);
        for item in &items {
            self.poller.note_late(item.tag, is_late);
        }
        if is_late {
            return vec![Piece { pause: self.interval.saturating_sub(took), items }];
        }
        match self.give_back.try_send(items) {
            Err(TrySendError::Full(items)) => vec![Piece { pause: self.interval, items }],
            // Nobody takes them when the session is over.
            Ok(()) | Err(TrySendError::Closed(_)) => Vec::new(),
        }
    }

    /// What came to nothing is asked for in smaller pieces; one that stands alone has failed, and waits.
    fn apart(&self, mut items: Vec<Item>, status: StatusCode) -> Vec<Piece> {
        if let [item] = items.as_mut_slice() {
            let pause = item.lateness.pause(Instant::now());
            self.poller.note_late(item.tag, true);
            self.poller.fail_all(&mut items, status);
            return vec![Piece { pause, items }];
        }
        split(items).into_iter().map(|items| Piece { pause: Duration::ZERO, items }).collect()
    }
}

/// Several pieces, as equal as they can be; those that have been late before stand alone.
fn split(items: Vec<Item>) -> Vec<Vec<Item>> {
    let size = items.len().div_ceil(PIECES).max(1);
    let (suspects, mut others): (Vec<Item>, Vec<Item>) =
        items.into_iter().partition(|item| item.lateness.has_been_late());
    let mut pieces: Vec<Vec<Item>> = suspects.into_iter().map(|item| vec![item]).collect();
    while !others.is_empty() {
        let rest = others.split_off(size.min(others.len()));
        pieces.push(std::mem::replace(&mut others, rest));
    }
    pieces
}

/// Takes ranges that do not overlap out of the items.
pub(super) fn take_out(items: &mut Vec<Item>, mut ranges: Vec<Range<usize>>) -> Vec<Vec<Item>> {
    ranges.sort_unstable_by_key(|range| std::cmp::Reverse(range.start));
    ranges.into_iter().map(|range| items.drain(range).collect()).collect()
}

#[cfg(test)]
mod tests {
    use opcua::types::NodeId;

    use super::*;
    use crate::domain::TagId;

    fn items(tags: Range<u32>) -> Vec<Item> {
        tags.map(|tag| Item::new(TagId(tag), NodeId::null())).collect()
    }

    fn tags(items: &[Item]) -> Vec<u32> {
        items.iter().map(|item| item.tag.0).collect()
    }

    #[test]
    fn a_late_call_is_split_into_equal_pieces_and_what_was_late_before_stands_alone() {
        for (count, pieces) in [(2, 2), (8, 8), (9, 5), (32, 8), (1_000, 8)] {
            let split = split(items(0..count));
            assert_eq!(split.len(), pieces, "{count}");
            assert_eq!(split.iter().flat_map(|piece| tags(piece)).collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
            assert!(split.iter().all(|piece| piece.len() < usize::try_from(count).unwrap()), "it comes to an end");
        }
        let mut some = items(0..20);
        some[7].lateness.pause(Instant::now());
        let split = split(some);
        assert_eq!((tags(&split[0]), tags(&split[1]).len()), (vec![7], 3));
    }

    #[test]
    fn what_is_late_is_taken_out_of_the_round_and_nothing_else() {
        let mut round = items(0..10);
        let late = take_out(&mut round, vec![2..4, 8..9]);
        assert_eq!(late.iter().map(|items| tags(items)).collect::<Vec<_>>(), [vec![8], vec![2, 3]]);
        assert_eq!(tags(&round), [0, 1, 4, 5, 6, 7, 9]);
    }

    #[test]
    fn a_node_that_is_late_again_and_again_is_asked_for_less_and_less_often() {
        let mut now = Instant::now();
        let mut lateness = Lateness::default();
        for _ in 0..10 {
            let pause = lateness.pause(now);
            assert!(pause >= RETRY_INITIAL / 2 && pause <= RETRY_MAX, "{pause:?}");
            now += pause;
        }
        assert!(lateness.pause(now) >= RETRY_MAX / 2);
        assert!(lateness.pause(now + FORGIVEN * 2) <= RETRY_INITIAL, "that was long ago");
    }
}
