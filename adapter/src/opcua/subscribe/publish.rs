//! The Publish loop: keeps requests waiting at the server, follows what comes, and notices when nothing does.
//!
//! It belongs to exactly one session, and an acknowledgement leaves after the batch is in the queue. Each Subscription is
//! followed by itself: one that is silent or ended is made anew beside the others.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use opcua::types::{StatusCode, SubscriptionAcknowledgement};
use prometheus::IntCounter;
use tokio::time::{self, Instant};
use tracing::{debug, warn};

use crate::opcua::{
    intake::conversion::{Intake, Taken},
    problem::{self, Problem},
    service_error::ServiceError,
    session::services::{Published, Services},
    status,
    subscribe::{
        publish_requests::PublishRequests,
        sequence::{SequenceFollower, Step},
        subscription::{Subscription, Subscriptions},
    },
    value::notification::Notification,
};
use crate::{config::effective::OpcUaConfig, domain::Timestamp};

/// So many failures without an answer between them are no passing trouble.
const MAX_FAILURES_IN_A_ROW: u32 = 10;
/// How much longer each refusal in a row has the next request wait.
const PAUSE: Duration = Duration::from_millis(50);
/// No longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// What a loaded server or network may be late.
const GRACE: Duration = Duration::from_secs(1);
/// How long a request waits at the server at least.
const SHORTEST_WAIT: Duration = Duration::from_secs(30);

type Waiting = FuturesUnordered<BoxFuture<'static, Answer>>;

/// What became of a Publish request.
struct Answer {
    asked_at: Instant,
    /// What it was to acknowledge.
    acknowledgements: Vec<SubscriptionAcknowledgement>,
    result: Result<Published, ServiceError>,
}

/// Publishes for one session until something is wrong with it.
pub(in crate::opcua) struct Publisher<'a> {
    pub(in crate::opcua) services: Services,
    pub(in crate::opcua) intake: &'a Intake,
    pub(in crate::opcua) sequence_gaps: IntCounter,
    pub(in crate::opcua) watched: BTreeMap<u32, Watched>,
    pub(in crate::opcua) request_timeout: Duration,
    /// Whether the server can send a message again; assumed until it fails to.
    pub(in crate::opcua) can_republish: bool,
    subscriptions: &'a Subscriptions,
    requests: &'a mut PublishRequests,
    failures_allowed: u32,
    acknowledgements: Vec<SubscriptionAcknowledgement>,
    /// Outlives a run: what the server answers meanwhile is not lost.
    waiting: Waiting,
    /// Failures that should not be, without an answer between them.
    failures: u32,
    /// Answers that brought nothing, without one between them that did.
    barren: u32,
    /// When the next request may be sent.
    asks_from: Instant,
    /// Troubles with Subscriptions that nobody knows of yet.
    troubles: Vec<Problem>,
    /// Since the session, or its connection, began.
    has_heard: bool,
    /// When the subscriptions of the session before this one were last heard of: what changed from then on until the
    /// first message of these is lost.
    lost_since: Option<Timestamp>,
    /// When the server sent the newest message.
    newest: Option<Timestamp>,
}

/// A Subscription and when it was last heard of.
pub(in crate::opcua) struct Watched {
    pub(in crate::opcua) follower: SequenceFollower,
    /// Its place among the session's.
    pub(in crate::opcua) position: usize,
    /// When the server sent the newest message.
    pub(in crate::opcua) newest: Option<Timestamp>,
    /// When it was created.
    since: Instant,
    /// Whether it is known that the server has it no more.
    has_ended: bool,
    last_heard: Instant,
    /// How long it may be silent.
    patience: Duration,
    /// How long it may be silent still, once it is known that the server answers.
    second_patience: Duration,
    /// Until when, once it has been silent for longer than it may.
    doubted_until: Option<Instant>,
}

impl Watched {
    fn deadline(&self) -> Instant {
        self.doubted_until.unwrap_or(self.last_heard + self.patience)
    }
}

impl<'a> Publisher<'a> {
    /// For these Subscriptions, whose time runs from now on. `lost_since` is when those before them, whose messages
    /// cannot be had any more, were last heard of.
    pub(in crate::opcua) fn new(
        services: Services,
        subscriptions: &'a Subscriptions,
        config: &OpcUaConfig,
        intake: &'a Intake,
        requests: &'a mut PublishRequests,
        sequence_gaps: IntCounter,
        lost_since: Option<Timestamp>,
    ) -> Self {
        let mut publisher = Self {
            services,
            intake,
            sequence_gaps,
            watched: BTreeMap::new(),
            request_timeout: config.connection.request_timeout,
            can_republish: true,
            subscriptions,
            requests,
            failures_allowed: config.connection.keep_alive_failures_allowed,
            acknowledgements: Vec::new(),
            waiting: Waiting::new(),
            failures: 0,
            barren: 0,
            asks_from: Instant::now(),
            troubles: Vec::new(),
            has_heard: false,
            lost_since,
            newest: None,
        };
        for (position, subscription) in subscriptions.all().into_iter().enumerate() {
            publisher.watch(position, subscription);
        }
        publisher
    }

    fn watch(&mut self, position: usize, subscription: Subscription) {
        let watched = Watched {
            follower: SequenceFollower::default(),
            position,
            newest: None,
            since: Instant::now(),
            has_ended: false,
            last_heard: Instant::now(),
            patience: patience(&subscription, self.failures_allowed),
            second_patience: subscription.publishing_interval.saturating_mul(2) + GRACE,
            doubted_until: None,
        };
        self.watched.insert(subscription.id, watched);
    }

    /// A Subscription has been made anew. What changed since the old one was last heard of is lost.
    pub(in crate::opcua) fn replace(&mut self, position: usize, subscription: Subscription) {
        let old = self.watched.iter().find(|(_, watched)| watched.position == position).map(|(id, _)| *id);
        if let Some(old) = old.and_then(|id| self.watched.remove(&id)) {
            let now = Timestamp::now();
            self.intake.announce_lost(0, old.newest.unwrap_or(now), now);
        }
        self.watch(position, subscription);
    }

    /// The place of a Subscription among the session's.
    pub(in crate::opcua) fn position_of(&self, subscription: u32) -> Option<usize> {
        self.watched.get(&subscription).map(|watched| watched.position)
    }

    /// Whether the server has answered at all since the session, or its connection, began.
    pub(in crate::opcua) fn has_heard(&self) -> bool {
        self.has_heard
    }

    /// When the server was last heard of, if what it said after that is lost with the session.
    pub(in crate::opcua) fn lost_since(&self) -> Option<Timestamp> {
        self.newest.or(self.lost_since)
    }

    /// The session has a new connection, and everybody's time runs anew.
    pub(in crate::opcua) fn restart(&mut self) {
        let now = Instant::now();
        (self.failures, self.barren, self.asks_from) = (0, 0, now);
        self.has_heard = false;
        self.waiting = Waiting::new();
        self.watched.values_mut().for_each(|watched| (watched.last_heard, watched.doubted_until) = (now, None));
    }

    /// Runs until the session, or one of its Subscriptions, is of no more use. Goes on where it was when it is run again.
    pub(in crate::opcua) async fn run(&mut self) -> Problem {
        loop {
            if let Some(problem) = self.next_trouble() {
                return problem;
            }
            let Some((deadline, quietest)) = self.deadline() else { return std::future::pending().await };
            let now = Instant::now();
            let may_ask = self.asks_from <= now;
            while may_ask && self.waiting.len() < self.requests.allowed(self.watched.len(), now) {
                self.ask(now);
            }
            let problem = tokio::select! {
                // First what has come: after a pause of the whole machine, all deadlines are past.
                biased;
                Some(answer) = self.waiting.next() => self.on_answer(answer).await,
                () = time::sleep_until(self.asks_from), if !may_ask => None,
                () = time::sleep_until(deadline) => Some(self.silence(quietest)),
            };
            if let Some(problem) = problem {
                return problem;
            }
        }
    }

    async fn on_answer(&mut self, answer: Answer) -> Option<Problem> {
        match answer.result {
            Ok(published) => self.accept(published).await,
            Err(error) => {
                if matches!(error, ServiceError::Refused(_)) {
                    self.acknowledgements.extend(answer.acknowledgements);
                }
                self.fail(&error, answer.asked_at)
            }
        }
    }

    /// Whether a Subscription that was silent is to be given up, now that a question was answered. On a slow line its
    /// messages, or our requests for them, may have been on their way all the time: it has a little time more, once.
    pub(in crate::opcua) fn is_given_up(&mut self, subscription: u32) -> bool {
        let Some(watched) = self.watched.get_mut(&subscription) else { return false };
        if watched.doubted_until.is_some() {
            return true;
        }
        watched.doubted_until = Some(Instant::now() + watched.second_patience);
        false
    }

    /// Answers are taken in the order in which they arrive, which is the order in which they were sent.
    fn ask(&mut self, asked_at: Instant) {
        let acknowledgements = std::mem::take(&mut self.acknowledgements);
        let longest = self.watched.values().map(|watched| watched.patience).max().unwrap_or_default();
        // A request waits at the server until the ones before it are used up; whether a Subscription is silent is
        // decided elsewhere.
        let limit = longest.saturating_mul(4).max(SHORTEST_WAIT);
        let services = self.services.clone();
        let publish = async move {
            let result = services.publish(acknowledgements.clone(), limit).await;
            Answer { asked_at, acknowledgements, result }
        };
        self.waiting.push(publish.boxed());
    }

    /// A server that answers at once and with nothing is not asked at once again.
    fn pause(&mut self) {
        self.barren += 1;
        self.asks_from = Instant::now() + PAUSE.saturating_mul(self.barren).min(LONGEST_PAUSE);
    }

    async fn accept(&mut self, published: Published) -> Option<Problem> {
        self.failures = 0;
        self.has_heard = true;
        let Published { subscription, notification } = published;
        let Some(watched) = self.watched.get_mut(&subscription) else {
            debug!(subscription, "a message of a subscription that is not ours, or not any more");
            self.pause();
            return None;
        };
        self.barren = 0;
        (watched.last_heard, watched.doubted_until) = (Instant::now(), None);
        // What is missing goes before what has come, so that no tag's values change their order.
        let (first, missing) = watched.follower.missing_before(notification.sequence_number);
        if missing > 0 {
            let until = notification.publish_time.unwrap_or_else(Timestamp::now);
            if let Some(problem) = self.repair(subscription, first, missing, until).await {
                return Some(problem);
            }
            // A keep-alive shows the same hole each time.
            if notification.parts.is_empty()
                && let Some(watched) = self.watched.get_mut(&subscription)
            {
                watched.follower.give_up_before(notification.sequence_number);
            }
        }
        self.take(subscription, notification)
    }

    /// Takes a message of a Subscription of ours, published or published again.
    pub(in crate::opcua) fn take(&mut self, id: u32, message: Notification) -> Option<Problem> {
        let watched = self.watched.get_mut(&id)?;
        let published_at = message.publish_time.unwrap_or_else(Timestamp::now);
        self.newest = Some(published_at);
        let heard_before = watched.newest.replace(published_at);
        // A keep-alive has no notifications and announces the number of the message to come.
        if message.parts.is_empty() {
            return None;
        }
        let (sequence, position) = (message.sequence_number, watched.position);
        let step = watched.follower.observe(sequence);
        match step {
            Step::Next => {}
            Step::Restart => {
                warn!(
                    subscription = id,
                    sequence, "the server counts its messages anew; nobody knows how many are missing"
                );
                self.intake.announce_lost(0, heard_before.unwrap_or(published_at), published_at);
            }
            Step::Gap(_) | Step::Late | Step::Repeat => {
                debug!(subscription = id, sequence, ?step, "a message out of sequence");
            }
        }
        if let Some(since) = self.lost_since.take() {
            self.intake.announce_lost(0, since, published_at);
        }
        let taken = if step.is_new() { self.intake.take(message.parts, message.received_at) } else { Taken::default() };
        self.acknowledgements.push(SubscriptionAcknowledgement { subscription_id: id, sequence_number: sequence });
        if taken.is_incomplete || step == Step::Restart {
            self.read_anew(position);
        }
        taken.ended.map(|status| Problem::SubscriptionEnded { subscription: id, status })
    }

    /// Nobody shall keep an old value: the items of a Subscription are read once more.
    pub(in crate::opcua) fn read_anew(&self, position: usize) {
        self.intake.refresh().want(self.subscriptions.tags_of(position));
    }

    fn fail(&mut self, error: &ServiceError, asked_at: Instant) -> Option<Problem> {
        use StatusCode as Code;
        let status = match error {
            // An answer that did not come in time is asked for once more; whoever is silent is noticed by the deadline.
            ServiceError::Timeout => return None,
            ServiceError::NotConnected | ServiceError::Lost => {
                return Some(Problem::lost("while it was waited for values"));
            }
            ServiceError::Refused(Code::BadTooManyPublishRequests) => {
                self.requests.refused(self.waiting.len(), Instant::now());
                debug!(still_waiting = self.waiting.len(), "the server takes fewer Publish requests");
                if self.waiting.is_empty() {
                    self.pause();
                }
                return None;
            }
            ServiceError::Refused(Code::BadTimeout | Code::BadRequestTimeout) => {
                self.pause();
                return None;
            }
            ServiceError::Refused(Code::BadNoSubscription) => {
                self.pause();
                self.all_ended(Code::BadNoSubscription, asked_at);
                return None;
            }
            error => error.status(),
        };
        let is_final = matches!(
            status,
            Code::BadSessionIdInvalid
                | Code::BadSessionClosed
                | Code::BadSessionNotActivated
                | Code::BadSecureChannelIdInvalid
                | Code::BadSecureChannelClosed
                | Code::BadServerHalted
                | Code::BadShutdown
                // The same message is too large every time.
                | Code::BadResponseTooLarge
                | Code::BadEncodingLimitsExceeded
                | Code::BadTcpMessageTooLarge
        );
        self.failures += 1;
        debug!(%error, failures = self.failures, "Publish failed");
        if is_final || self.failures >= MAX_FAILURES_IN_A_ROW {
            return Some(Problem::service(problem::Step::Publish, error, self.request_timeout));
        }
        self.pause();
        None
    }

    /// The server knows no Subscription of those that were there when it was asked.
    fn all_ended(&mut self, status: StatusCode, asked_at: Instant) {
        let status = status::from_library(status);
        let ended = self.watched.iter_mut().filter(|(_, watched)| watched.since <= asked_at && !watched.has_ended);
        for (id, watched) in ended {
            watched.has_ended = true;
            self.troubles.push(Problem::SubscriptionEnded { subscription: *id, status });
        }
    }

    /// The next trouble with a Subscription that has not been made anew since.
    fn next_trouble(&mut self) -> Option<Problem> {
        while let Some(problem) = self.troubles.pop() {
            match problem {
                Problem::SubscriptionEnded { subscription, .. } if !self.watched.contains_key(&subscription) => {}
                problem => return Some(problem),
            }
        }
        None
    }

    /// A Subscription is of no more use; what follows from it can wait.
    pub(in crate::opcua) fn note_trouble(&mut self, problem: Problem) {
        self.troubles.push(problem);
    }

    /// When the first Subscription will have been silent for too long; `None` without a Subscription.
    fn deadline(&self) -> Option<(Instant, u32)> {
        self.watched.iter().map(|(id, watched)| (watched.deadline(), *id)).min()
    }

    fn silence(&self, subscription: u32) -> Problem {
        let silence = self.watched.get(&subscription).map(|watched| watched.last_heard.elapsed()).unwrap_or_default();
        Problem::Silent { subscription, silence: Duration::from_millis(silence.as_millis().try_into().unwrap_or(0)) }
    }
}

/// As many keep-alives as the session may miss, and a little more.
fn patience(subscription: &Subscription, failures_allowed: u32) -> Duration {
    subscription.keep_alive_time.saturating_mul(failures_allowed.saturating_add(1))
        + subscription.publishing_interval.saturating_mul(2)
        + GRACE
}
