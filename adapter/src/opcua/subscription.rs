//! Creates the Subscriptions of a session.

use std::time::Duration;

use opcua::{
    client::{
        UARequest,
        services::{CreateSubscription, DeleteSubscriptions},
    },
    types::CreateSubscriptionResponse,
};
use tracing::warn;

use super::{
    live::LiveSession,
    problem::{Problem, Step},
};
use crate::config::effective::OpcUaConfig;

/// Items in one Subscription, where the server allows as many.
const MAX_ITEMS: usize = 5_000;
/// Values in one Publish response; what is more comes with the next one at once.
const MAX_NOTIFICATIONS: u32 = 10_000;
/// A Subscription outlives the session by so many keep-alives at least, never the other way round.
const LIFETIME_IN_KEEP_ALIVES: u32 = 10;

/// A Subscription as the server has granted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    /// The server's id.
    pub(super) id: u32,
    /// How often it publishes what has changed.
    pub(super) publishing_interval: Duration,
    /// After how long without a change it says that it is alive.
    pub(super) keep_alive_time: Duration,
}

/// The Subscriptions of a session and how the tags are spread over them.
#[derive(Clone, Debug)]
pub(super) struct Subscriptions {
    all: Vec<Subscription>,
    items_each: usize,
}

impl Subscriptions {
    /// Creates as many as the tags need.
    pub(super) async fn create(live: &LiveSession, config: &OpcUaConfig, tag_count: usize) -> Result<Self, Problem> {
        let declared = live.limits.monitored_items_per_subscription;
        let items_each =
            declared.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_ITEMS).clamp(1, MAX_ITEMS);
        let mut all = Vec::new();
        for _ in 0..tag_count.div_ceil(items_each).max(1) {
            all.push(create(live, config).await?);
        }
        Ok(Self { all, items_each })
    }

    /// All of them; at least one, so that keep-alives tell whether the server lives even without a tag.
    pub(super) fn all(&self) -> &[Subscription] {
        &self.all
    }

    /// The position of the Subscription for the tag at this position.
    pub(super) fn position_of(&self, tag_index: usize) -> usize {
        (tag_index / self.items_each).min(self.all.len() - 1)
    }

    /// Takes leave of the server in good order.
    pub(super) async fn delete(&self, live: &LiveSession) {
        let ids = self.all.iter().map(|subscription| subscription.id).collect();
        let request = DeleteSubscriptions::new(&live.session).subscription_ids(ids);
        if let Err(error) = request.send(live.session.channel()).await {
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

fn counts(config: &OpcUaConfig) -> Counts {
    let interval = config.publishing_interval.as_millis().max(1);
    let in_intervals = |time: Duration| u32::try_from(time.as_millis().div_ceil(interval)).unwrap_or(u32::MAX).max(1);
    let keep_alive = in_intervals(config.connection.keep_alive_interval);
    let lifetime =
        in_intervals(config.connection.session_timeout).max(keep_alive.saturating_mul(LIFETIME_IN_KEEP_ALIVES));
    Counts { keep_alive, lifetime }
}

async fn create(live: &LiveSession, config: &OpcUaConfig) -> Result<Subscription, Problem> {
    let counts = counts(config);
    let request = CreateSubscription::new(&live.session)
        .publishing_interval(config.publishing_interval)
        .max_keep_alive_count(counts.keep_alive)
        .max_lifetime_count(counts.lifetime)
        .max_notifications_per_publish(MAX_NOTIFICATIONS);
    let created = request.send(live.session.channel()).await.map_err(|error| {
        Problem::service(Step::CreateSubscription, error.status(), config.connection.request_timeout)
    })?;
    Ok(granted(&created, config.publishing_interval))
}

fn granted(created: &CreateSubscriptionResponse, asked: Duration) -> Subscription {
    // A server may send anything here, and a negative or infinite number is no duration.
    let publishing_interval =
        Duration::try_from_secs_f64(created.revised_publishing_interval / 1000.0).unwrap_or(asked);
    if publishing_interval > asked.mul_f64(1.5) {
        warn!(
            subscription = created.subscription_id,
            ?asked,
            granted = ?publishing_interval,
            "the server publishes more slowly than asked; queues that are sized for the mapping may overflow"
        );
    }
    Subscription {
        id: created.subscription_id,
        publishing_interval,
        keep_alive_time: publishing_interval.saturating_mul(created.revised_max_keep_alive_count.max(1)),
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
            config.publishing_interval = Duration::from_millis(publishing);
            config.connection.keep_alive_interval = Duration::from_millis(keep_alive);
            config.connection.session_timeout = Duration::from_millis(session);
            let Counts { keep_alive, lifetime } = counts(&config);
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
        for nonsense in [f64::NAN, -1.0, f64::INFINITY] {
            let created = CreateSubscriptionResponse { revised_publishing_interval: nonsense, ..created.clone() };
            assert_eq!(granted(&created, Duration::from_secs(2)).publishing_interval, Duration::from_secs(2));
        }
    }

    #[test]
    fn tags_are_spread_in_order() {
        let one = Subscription { id: 1, publishing_interval: Duration::ZERO, keep_alive_time: Duration::ZERO };
        let subscriptions = Subscriptions { all: vec![one; 3], items_each: 10 };
        let positions: Vec<usize> = [0, 9, 10, 29].map(|index| subscriptions.position_of(index)).into();
        assert_eq!(positions, [0, 0, 1, 2]);
    }
}
