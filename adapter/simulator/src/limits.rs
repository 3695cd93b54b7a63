//! The server's limits: those of servers in the field for sessions and Publish requests, and otherwise so high that no client
//! meets them.

use opcua::server::{Limits, OperationalLimits, SubscriptionLimits};

/// How often the server looks whether a subscription has something to publish, in milliseconds.
pub(crate) const SUBSCRIPTION_POLL_INTERVAL_MS: u64 = 10;

/// What the server takes at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlcLimits {
    /// Sessions; an S7-1200 has ten.
    pub sessions: usize,
    /// Publish requests that wait in a session, as many as .NET's server takes; the oldest of more than that is answered
    /// `BadTooManyPublishRequests`.
    pub publish_requests_per_session: usize,
    /// Subscriptions in a session.
    pub subscriptions_per_session: usize,
    /// Items in a Subscription; 0 for no limit.
    pub monitored_items_per_subscription: usize,
    /// Items in a call of `CreateMonitoredItems`.
    pub monitored_items_per_call: usize,
    /// Nodes in a call of Read.
    pub nodes_per_read: usize,
}

impl Default for PlcLimits {
    fn default() -> Self {
        Self {
            sessions: 10,
            publish_requests_per_session: 20,
            subscriptions_per_session: 1000,
            monitored_items_per_subscription: 0,
            monitored_items_per_call: 100_000,
            nodes_per_read: 100_000,
        }
    }
}

/// The limits as the library wants them.
///
/// Browsing keeps the library's limit of 1,000 references per answer, as a real PLC has one, too.
pub(crate) fn limits(asked: &PlcLimits) -> Limits {
    Limits {
        max_array_length: 1_000_000,
        max_string_length: 16 * 1024 * 1024,
        max_byte_string_length: 16 * 1024 * 1024,
        max_message_size: 256 * 1024 * 1024,
        max_chunk_count: 8 * 1024,
        max_sessions: asked.sessions,
        subscriptions: subscription_limits(asked),
        operational: operational_limits(asked),
        ..Limits::default()
    }
}

fn subscription_limits(asked: &PlcLimits) -> SubscriptionLimits {
    SubscriptionLimits {
        max_subscriptions_per_session: asked.subscriptions_per_session,
        max_pending_publish_requests: asked.publish_requests_per_session,
        // The smaller counts, and a session with one Subscription may have as many as others.
        max_publish_requests_per_subscription: asked.publish_requests_per_session,
        // 0 lets every change through to a client that asks for the fastest sampling there is.
        min_sampling_interval_ms: 0.0,
        min_publishing_interval_ms: SUBSCRIPTION_POLL_INTERVAL_MS as f64,
        max_monitored_items_per_sub: asked.monitored_items_per_subscription,
        max_monitored_item_queue_size: 10_000,
        max_queued_notifications: 10_000,
        ..SubscriptionLimits::default()
    }
}

fn operational_limits(asked: &PlcLimits) -> OperationalLimits {
    OperationalLimits {
        max_nodes_per_read: asked.nodes_per_read,
        max_nodes_per_write: 100_000,
        max_nodes_per_browse: 100_000,
        max_nodes_per_register_nodes: 100_000,
        max_nodes_per_translate_browse_paths_to_node_ids: 100_000,
        max_monitored_items_per_call: asked.monitored_items_per_call,
        max_subscriptions_per_call: 1000,
        ..OperationalLimits::default()
    }
}
