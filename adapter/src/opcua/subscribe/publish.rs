//! The Publish loop: keeps requests waiting at the server, follows what comes, and notices when nothing does.
//!
//! The library has a loop of its own, which falls asleep for good after a reconnect and acknowledges before anyone has
//! looked; this one belongs to exactly one session, and an acknowledgement leaves after the batch is in the queue.

use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use opcua::types::{NotificationMessage, PublishResponse, StatusCode, SubscriptionAcknowledgement};
use prometheus::IntCounter;
use tokio::time::{self, Instant};
use tracing::{debug, warn};

use crate::opcua::{
    intake::conversion::Intake,
    problem::{self, Problem},
    service_error::ServiceError,
    session::services::Services,
    status,
    subscribe::sequence::{SequenceFollower, Step},
    subscribe::subscription::Subscription,
    value::{notification::Part, variant},
};
use crate::{config::effective::OpcUaConfig, domain::Timestamp};

/// Requests that wait at the server for each Subscription: one is being answered, one is ready, one is on its way.
const REQUESTS_EACH: usize = 3;
const MAX_REQUESTS: usize = 100;
/// So many failures without an answer between them are no passing trouble.
const MAX_FAILURES_IN_A_ROW: usize = 10;
/// What a loaded server or network may be late.
const GRACE: Duration = Duration::from_secs(1);

/// Publishes for one session until something is wrong with it.
pub(in crate::opcua) struct Publisher<'a> {
    pub(in crate::opcua) services: Services,
    pub(in crate::opcua) intake: &'a Intake,
    pub(in crate::opcua) sequence_gaps: IntCounter,
    pub(in crate::opcua) watched: HashMap<u32, Watched>,
    pub(in crate::opcua) request_timeout: Duration,
    /// Whether the server can send a message again; assumed until it says that it knows no such service.
    pub(in crate::opcua) can_republish: bool,
    acknowledgements: Vec<SubscriptionAcknowledgement>,
    request_count: usize,
    publish_timeout: Duration,
    failures: usize,
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
    /// When the server sent the newest message.
    pub(in crate::opcua) newest: Option<Timestamp>,
    last_heard: Instant,
    /// How long it may be silent.
    patience: Duration,
}

impl<'a> Publisher<'a> {
    /// For these Subscriptions, whose time runs from now on. `lost_since` is when those before them, whose messages
    /// cannot be had any more, were last heard of.
    pub(in crate::opcua) fn new(
        services: Services,
        subscriptions: &[Subscription],
        config: &OpcUaConfig,
        intake: &'a Intake,
        sequence_gaps: IntCounter,
        lost_since: Option<Timestamp>,
    ) -> Self {
        let now = Instant::now();
        let failures_allowed = config.connection.keep_alive_failures_allowed;
        let watch = |subscription: &Subscription| {
            let patience = patience(subscription, failures_allowed);
            let follower = SequenceFollower::default();
            (subscription.id, Watched { follower, newest: None, last_heard: now, patience })
        };
        let keep_alive_time = subscriptions.iter().map(|subscription| subscription.keep_alive_time).max();
        let rounds = u32::try_from(REQUESTS_EACH).unwrap_or(u32::MAX) + 2;
        let request_timeout = config.connection.request_timeout;
        Self {
            services,
            intake,
            sequence_gaps,
            watched: subscriptions.iter().map(watch).collect(),
            acknowledgements: Vec::new(),
            request_count: (subscriptions.len() * REQUESTS_EACH).clamp(1, MAX_REQUESTS),
            request_timeout,
            // A request waits at the server until the ones before it are used up.
            publish_timeout: keep_alive_time.unwrap_or_default().saturating_mul(rounds) + request_timeout,
            can_republish: true,
            failures: 0,
            has_heard: false,
            lost_since,
            newest: None,
        }
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
        self.failures = 0;
        self.has_heard = false;
        let now = Instant::now();
        self.watched.values_mut().for_each(|watched| watched.last_heard = now);
    }

    /// Runs until the session is of no more use.
    pub(in crate::opcua) async fn run(&mut self) -> Problem {
        // Answers are taken in the order in which they arrive, which is the order in which they were sent.
        let mut waiting = FuturesUnordered::new();
        loop {
            while waiting.len() < self.request_count {
                let acknowledgements = std::mem::take(&mut self.acknowledgements);
                waiting.push(publish(self.services.clone(), acknowledgements, self.publish_timeout));
            }
            let (deadline, quietest) = self.deadline();
            let problem = tokio::select! {
                // First what has come: after a pause of the whole machine, all deadlines are past.
                biased;
                Some(answer) = waiting.next() => match answer {
                    Ok(response) => self.accept(response).await,
                    Err(error) => self.fail(&error, waiting.len()),
                },
                () = time::sleep_until(deadline) => Some(self.silence(quietest)),
            };
            if let Some(problem) = problem {
                return problem;
            }
        }
    }

    async fn accept(&mut self, response: PublishResponse) -> Option<Problem> {
        self.failures = 0;
        self.has_heard = true;
        let id = response.subscription_id;
        let message = response.notification_message;
        let Some(watched) = self.watched.get_mut(&id) else {
            debug!(subscription = id, "a message of a subscription that is not ours");
            return None;
        };
        watched.last_heard = Instant::now();
        // What is missing goes before what has come, so that no tag's values change their order.
        let (first, missing) = watched.follower.missing_before(message.sequence_number);
        if missing > 0
            && let Some(problem) = self.repair(id, first, missing, variant::from_date_time(message.publish_time)).await
        {
            return Some(problem);
        }
        self.take(id, message)
    }

    /// Takes a message of a Subscription of ours, published or published again.
    pub(in crate::opcua) fn take(&mut self, id: u32, message: NotificationMessage) -> Option<Problem> {
        let watched = self.watched.get_mut(&id)?;
        // A keep-alive has no notifications and announces the number of the message to come.
        let notifications = message.notification_data.filter(|data| !data.is_empty());
        let published_at = variant::from_date_time(message.publish_time);
        self.newest = Some(published_at);
        let heard_before = watched.newest.replace(published_at);
        let notifications = notifications?;
        let sequence = message.sequence_number;
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
        let ended = if step.is_new() {
            self.intake.take(notifications.into_iter().map(Part::of_library).collect()).ended
        } else {
            None
        };
        self.acknowledgements.push(SubscriptionAcknowledgement { subscription_id: id, sequence_number: sequence });
        ended.map(|status| Problem::SubscriptionEnded { subscription: id, status })
    }

    fn fail(&mut self, error: &ServiceError, still_waiting: usize) -> Option<Problem> {
        self.failures += 1;
        let status = error.status();
        let is_passing = match status {
            StatusCode::BadTooManyPublishRequests => {
                self.request_count = still_waiting.max(1);
                debug!(requests = self.request_count, "the server takes fewer Publish requests");
                true
            }
            StatusCode::BadTimeout | StatusCode::BadRequestTimeout => true,
            _ => false,
        };
        if is_passing && self.failures < MAX_FAILURES_IN_A_ROW {
            return None;
        }
        debug!(status = %status::status_symbol(status::from_library(status)), "Publish failed");
        Some(Problem::service(problem::Step::Publish, error, self.request_timeout))
    }

    /// When the first Subscription will have been silent for too long.
    fn deadline(&self) -> (Instant, u32) {
        self.watched
            .iter()
            .map(|(id, watched)| (watched.last_heard + watched.patience, *id))
            .min()
            .expect("invariant: a session has at least one subscription")
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

async fn publish(
    services: Services,
    acknowledgements: Vec<SubscriptionAcknowledgement>,
    timeout: Duration,
) -> Result<PublishResponse, ServiceError> {
    services.publish(acknowledgements, timeout).await
}
