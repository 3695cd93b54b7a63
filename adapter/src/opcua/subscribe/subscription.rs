//! Creates the Subscriptions of a session.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opcua::types::{CreateSubscriptionResponse, StatusCode};
use tracing::{info, warn};

use crate::opcua::{
    problem::{Problem, Step},
    service_error::ServiceError,
    session::failure::Failure,
    session::live::LiveSession,
    session::services::SubscriptionRequest,
    subscribe::plan::{Group, Plan},
};
use crate::{
    config::effective::{OpcUaConfig, Tag},
    domain::TagId,
};

/// Items in one Subscription, where the server allows as many.
const MAX_ITEMS: usize = 5_000;
/// How often a Subscription without items is looked at.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// What a server may grant that counts.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
const LONGEST_TIME: Duration = Duration::from_hours(1);
/// A publishing interval this much longer than asked for is worth a word.
const TOLERANCE: f64 = 1.5;
/// A Subscription outlives the session by so many keep-alives at least, never the other way round.
const LIFETIME_IN_KEEP_ALIVES: u32 = 10;

/// A Subscription as the server has granted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) struct Subscription {
    /// The server's id.
    pub(in crate::opcua) id: u32,
    /// How often it publishes what has changed.
    pub(in crate::opcua) publishing_interval: Duration,
    /// After how long without a change it says that it is alive.
    pub(in crate::opcua) keep_alive_time: Duration,
}

/// The Subscriptions of a session and how the tags are spread over them.
#[derive(Debug)]
pub(in crate::opcua) struct Subscriptions {
    /// One that has died is replaced while the others go on.
    all: Mutex<Vec<Subscription>>,
    plan: Plan,
    config: OpcUaConfig,
    notifications: u32,
}

impl Subscriptions {
    /// Creates what the tags need, and makes do with what the server grants.
    pub(in crate::opcua) async fn create(
        live: &LiveSession,
        config: &OpcUaConfig,
        tags: &[Tag],
        notifications: u32,
    ) -> Result<Self, Problem> {
        let declared = live.limits.monitored_items_per_subscription;
        let items_each =
            declared.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_ITEMS).clamp(1, MAX_ITEMS);
        let mut plan = Plan::new(tags, items_each, IDLE_INTERVAL);
        let mut all = Vec::new();
        for group in plan.groups() {
            match create(live, config, group.publishing_interval, notifications).await {
                Ok(created) => all.push(created),
                Err(error) if error.status() == StatusCode::BadTooManySubscriptions && !all.is_empty() => break,
                Err(error) if plan.is_optional() && !Failure::of(&error).is_final() => {
                    info!(%error, "the server grants no subscription; every tag is polled, so none is needed");
                    break;
                }
                Err(error) => {
                    let limit = config.connection.request_timeout;
                    return Err(Problem::service(Step::CreateSubscription, &error, limit));
                }
            }
        }
        let asked = plan.groups().len();
        if !all.is_empty() && all.len() < asked {
            let moved = plan.limit_to(all.len());
            warn!(
                asked,
                granted = all.len(),
                tags = moved,
                "the server grants fewer subscriptions than there are publishing intervals; these tags share one that publishes more often (BadTooManySubscriptions)"
            );
        }
        report_slower(&plan, &all);
        Ok(Self { all: Mutex::new(all), plan, config: config.clone(), notifications })
    }

    /// All of them; at least one, so that keep-alives tell whether the server lives even without a tag, except where
    /// every tag is polled and the server grants none.
    pub(in crate::opcua) fn all(&self) -> Vec<Subscription> {
        self.lock().clone()
    }

    /// The one at a position.
    pub(in crate::opcua) fn at(&self, position: usize) -> Option<Subscription> {
        self.lock().get(position).copied()
    }

    /// The tags of the one at a position.
    pub(in crate::opcua) fn tags_of(&self, position: usize) -> Vec<TagId> {
        self.plan.tags_of(position)
    }

    /// Makes the one at a position anew; its items have to be created, then.
    pub(in crate::opcua) async fn recreate(
        &self,
        live: &LiveSession,
        position: usize,
    ) -> Result<Subscription, Problem> {
        let limit = self.config.connection.request_timeout;
        let old = self.at(position);
        if let Some(old) = old
            && let Err(error) = live.services.delete_subscriptions(vec![old.id]).await
        {
            let is_gone = error.status() == StatusCode::BadSubscriptionIdInvalid;
            if Failure::of(&error).is_final() && !is_gone {
                return Err(Problem::service(Step::CreateSubscription, &error, limit));
            }
            // Mostly the server has forgotten it by itself.
            tracing::debug!(%error, subscription = old.id, "a subscription was not deleted");
        }
        let asked = self.plan.groups().get(position).map_or(IDLE_INTERVAL, |group| group.publishing_interval);
        let created = create(live, &self.config, asked, self.notifications).await;
        let created = created.map_err(|error| Problem::service(Step::CreateSubscription, &error, limit))?;
        if let Some(place) = self.lock().get_mut(position) {
            *place = created;
        }
        Ok(created)
    }

    /// Nothing that holds the lock can leave half a change behind.
    fn lock(&self) -> MutexGuard<'_, Vec<Subscription>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position of a tag's Subscription; `None` for a tag that is polled.
    pub(in crate::opcua) fn position_of(&self, tag: TagId) -> Option<usize> {
        self.plan.place(tag).filter(|position| *position < self.lock().len())
    }

    /// Takes leave of the server in good order.
    pub(in crate::opcua) async fn delete(&self, live: &LiveSession) {
        let ids: Vec<u32> = self.all().iter().map(|subscription| subscription.id).collect();
        if ids.is_empty() {
            return;
        }
        if let Err(error) = live.services.delete_subscriptions(ids).await {
            tracing::debug!(%error, "subscriptions were not deleted");
        }
    }
}

/// What is asked for: lifetime and keep-alive in publishing intervals.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    keep_alive: u32,
    lifetime: u32,
}

fn counts(config: &OpcUaConfig, publishing_interval: Duration) -> Counts {
    let interval = publishing_interval.as_millis().max(1);
    let in_intervals = |time: Duration| u32::try_from(time.as_millis().div_ceil(interval)).unwrap_or(u32::MAX).max(1);
    let keep_alive = in_intervals(config.connection.keep_alive_interval);
    let lifetime =
        in_intervals(config.connection.session_timeout).max(keep_alive.saturating_mul(LIFETIME_IN_KEEP_ALIVES));
    Counts { keep_alive, lifetime }
}

/// Creates a Subscription, and has it modified where the server publishes so much more slowly than asked that its keep-alives
/// would come too rarely to notice silence by.
async fn create(
    live: &LiveSession,
    config: &OpcUaConfig,
    publishing_interval: Duration,
    notifications: u32,
) -> Result<Subscription, ServiceError> {
    let request = |publishing_interval| request(config, publishing_interval, notifications);
    let created = live.services.create_subscription(request(publishing_interval)).await?;
    let first = granted(&created, publishing_interval);
    let wished = config.connection.keep_alive_interval.max(first.publishing_interval);
    if first.keep_alive_time <= wished.mul_f64(TOLERANCE) {
        return Ok(first);
    }
    match live.services.modify_subscription(first.id, request(first.publishing_interval)).await {
        Ok(modified) => Ok(granted(&modified, first.publishing_interval)),
        Err(error) if Failure::of(&error).is_final() => Err(error),
        // As it was granted at first, then.
        Err(_) => Ok(first),
    }
}

fn request(config: &OpcUaConfig, publishing_interval: Duration, notifications: u32) -> SubscriptionRequest {
    let counts = counts(config, publishing_interval);
    SubscriptionRequest {
        publishing_interval,
        max_keep_alive_count: counts.keep_alive,
        lifetime_count: counts.lifetime,
        max_notifications_per_publish: notifications,
        is_publishing: true,
    }
}

/// A server may say anything: what is no time counts as what was asked, and what no plant waits for as the longest.
fn granted(created: &CreateSubscriptionResponse, asked: Duration) -> Subscription {
    let publishing_interval =
        Duration::try_from_secs_f64(created.revised_publishing_interval / 1000.0).unwrap_or(asked);
    let publishing_interval = publishing_interval.clamp(SHORTEST_INTERVAL, LONGEST_TIME);
    let keep_alive_time = publishing_interval.saturating_mul(created.revised_max_keep_alive_count.max(1));
    Subscription {
        id: created.subscription_id,
        publishing_interval,
        keep_alive_time: keep_alive_time.min(LONGEST_TIME),
    }
}

/// One sentence for the first of all that publish more slowly than asked.
fn report_slower(plan: &Plan, all: &[Subscription]) {
    let is_slower =
        |(group, one): &(&Group, &Subscription)| one.publishing_interval > group.publishing_interval.mul_f64(TOLERANCE);
    let mut slower = plan.groups().iter().zip(all).filter(is_slower);
    if let Some((group, first)) = slower.next() {
        warn!(
            subscriptions = slower.count() + 1,
            asked = ?group.publishing_interval,
            granted = ?first.publishing_interval,
            "the server publishes more slowly than asked; queues that are sized for the mapping may overflow"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support::config;

    #[test]
    fn keep_alive_and_lifetime_are_counted_in_publishing_intervals() {
        let check = |publishing: u64, keep_alive: u64, session: u64, expected: (u32, u32)| {
            let mut config = config("opc.tcp://plc");
            config.connection.keep_alive_interval = Duration::from_millis(keep_alive);
            config.connection.session_timeout = Duration::from_millis(session);
            let Counts { keep_alive, lifetime } = counts(&config, Duration::from_millis(publishing));
            assert_eq!((keep_alive, lifetime), expected);
            assert!(lifetime >= 3 * keep_alive, "Part 4, 5.13.2");
        };
        check(500, 5_000, 120_000, (10, 240));
        check(1_000, 300, 5_000, (1, 10));
        check(100, 5_000, 10_000, (50, 500));
        check(0, 10, 10, (10, 100));
    }

    #[test]
    fn what_the_server_grants_counts() {
        let created = CreateSubscriptionResponse {
            subscription_id: 7,
            revised_publishing_interval: 1000.0,
            revised_max_keep_alive_count: 5,
            ..CreateSubscriptionResponse::default()
        };
        let subscription = granted(&created, Duration::from_millis(500));
        assert_eq!((subscription.id, subscription.keep_alive_time), (7, Duration::from_secs(5)));
        for endless in [1e21, 1e300] {
            let created = CreateSubscriptionResponse { revised_publishing_interval: endless, ..created.clone() };
            assert!(granted(&created, Duration::from_secs(2)).keep_alive_time <= LONGEST_TIME);
        }
        for nonsense in [f64::NAN, -1.0, f64::INFINITY] {
            let created = CreateSubscriptionResponse { revised_publishing_interval: nonsense, ..created.clone() };
            assert_eq!(granted(&created, Duration::from_secs(2)).publishing_interval, Duration::from_secs(2));
        }
    }
}
