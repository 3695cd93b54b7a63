//! Creates the MonitoredItems of a session, checks each answer, and comes back to those that were refused.

use std::{convert::Infallible, time::Duration};

use opcua::{
    client::{UARequest, services::CreateMonitoredItems},
    types::{
        AttributeId, Error, MonitoredItemCreateRequest, MonitoredItemCreateResult, MonitoringMode,
        MonitoringParameters, NodeId, ReadValueId, StatusCode, TimestampsToReturn,
    },
};
use tokio::time;
use tracing::{info, warn};

use super::{
    backoff::Backoff,
    call_size::CallSize,
    intake,
    live::LiveSession,
    problem::{Problem, Step},
    revised::Revised,
    status,
    subscription::Subscriptions,
    tag_table::TagTable,
};
use crate::{
    config::effective::Tag,
    domain::{Namespace, NodeLocator, TagId},
    supervisor::TagState,
};

const RETRY_INITIAL: Duration = Duration::from_secs(4);
const RETRY_MAX: Duration = Duration::from_mins(1);
/// Refused tags that get a log line each; the others are counted.
const MAX_LOGGED: usize = 20;

/// Gets the tags of one session subscribed.
pub(super) struct Subscriber<'a> {
    live: &'a LiveSession,
    tags: &'a [Tag],
    subscriptions: &'a Subscriptions,
    call_size: &'a mut CallSize,
    table: &'a mut TagTable,
    request_timeout: Duration,
    /// Tags that the server refuses; `None` until all were asked for once.
    refused: Option<Vec<TagId>>,
}

/// A tag whose node id is known in this session.
pub(super) struct Item {
    pub(super) tag: TagId,
    pub(super) node: NodeId,
}

impl<'a> Subscriber<'a> {
    /// For a session of which nothing is subscribed yet.
    pub(super) fn new(
        live: &'a LiveSession,
        tags: &'a [Tag],
        subscriptions: &'a Subscriptions,
        call_size: &'a mut CallSize,
        table: &'a mut TagTable,
        request_timeout: Duration,
    ) -> Self {
        Self { live, tags, subscriptions, call_size, table, request_timeout, refused: None }
    }

    /// Whether every tag was asked for once.
    pub(super) fn has_asked(&self) -> bool {
        self.refused.is_some()
    }

    /// Creates all items, then tries the refused ones again, for as long as the session lasts. Goes on where it was when
    /// it is run again.
    pub(super) async fn run(&mut self) -> Result<Infallible, Problem> {
        let mut refused = match self.refused.clone() {
            Some(refused) => refused,
            None => self.ask_for_all().await?,
        };
        let mut backoff = Backoff::new(RETRY_INITIAL, RETRY_MAX);
        loop {
            if refused.is_empty() {
                return std::future::pending().await;
            }
            time::sleep(backoff.pause()).await;
            self.refresh_namespaces(&refused).await?;
            let before = refused.len();
            refused = self.create(refused, false).await?;
            self.refused = Some(refused.clone());
            if refused.len() < before {
                info!(active = self.table.active(), refused = refused.len(), "refused tags are subscribed now");
                backoff.reset();
            }
        }
    }

    async fn ask_for_all(&mut self) -> Result<Vec<TagId>, Problem> {
        let all = (0_u32..).map(TagId).take(self.tags.len()).collect();
        let refused = self.create(all, true).await?;
        info!(active = self.table.active(), refused = refused.len(), "tags are subscribed");
        self.refused = Some(refused.clone());
        Ok(refused)
    }

    async fn refresh_namespaces(&self, refused: &[TagId]) -> Result<(), Problem> {
        let is_plain = |tag: &TagId| match &self.tags[tag.index()].node {
            NodeLocator::Id(address) => address.namespace == Namespace::Index(0),
            NodeLocator::Path(_) => false,
        };
        if !refused.iter().all(is_plain) {
            let refreshed = self.live.refresh_namespaces().await;
            refreshed.map_err(|error| Problem::service(Step::ReadServer, error.status(), self.request_timeout))?;
        }
        Ok(())
    }

    /// Returns the tags that were refused.
    async fn create(&mut self, tags: Vec<TagId>, is_first: bool) -> Result<Vec<TagId>, Problem> {
        let mut revised = Revised::default();
        let mut refused = Refused { logged: if is_first { 0 } else { MAX_LOGGED }, tags: Vec::new() };
        let items = self.resolve(tags, &mut refused).await?;
        let position = |item: &Item| self.subscriptions.position_of(item.tag.index());
        for group in items.chunk_by(|one, other| position(one) == position(other)) {
            let subscription = self.subscriptions.all()[position(&group[0])].id;
            self.create_group(subscription, group, &mut revised, &mut refused).await?;
        }
        revised.report();
        refused.report();
        Ok(refused.tags)
    }

    async fn resolve(&mut self, tags: Vec<TagId>, refused: &mut Refused) -> Result<Vec<Item>, Problem> {
        let places: Vec<&NodeLocator> = tags.iter().map(|id| &self.tags[id.index()].node).collect();
        let found = self.live.locate(&places).await;
        let found =
            found.map_err(|error| Problem::service(Step::ResolvePaths, error.status(), self.request_timeout))?;
        let mut items = Vec::with_capacity(tags.len());
        let mut states = Vec::new();
        for (id, found) in tags.into_iter().zip(found) {
            match found {
                Ok(node) => items.push(Item { tag: id, node }),
                Err(why) => states.push(refused.add(id, &self.tags[id.index()], &why)),
            }
        }
        if !states.is_empty() {
            self.table.set(states);
        }
        Ok(items)
    }

    /// Creates items of one Subscription. A call that is refused as a whole is tried again in halves, down to the one
    /// item that is to blame.
    async fn create_group(
        &mut self,
        subscription: u32,
        items: &[Item],
        revised: &mut Revised,
        refused: &mut Refused,
    ) -> Result<(), Problem> {
        let mut left = vec![items];
        while let Some(part) = left.pop() {
            let (call, rest) = self.call_size.split(part);
            if !rest.is_empty() {
                left.push(rest);
            }
            match self.call(subscription, call).await {
                Ok(results) => self.take_results(call, &results, revised, refused),
                Err(error) => match Failure::of(error.status()) {
                    Failure::Session => {
                        self.call_size.suspected(call.len());
                        return Err(Problem::service(Step::CreateItems, error.status(), self.request_timeout));
                    }
                    Failure::Size if self.call_size.refused(call.len()) => left.push(call),
                    Failure::Call if call.len() > 1 => {
                        let (first, second) = call.split_at(call.len() / 2);
                        left.extend([second, first]);
                    }
                    _ => self.refuse_all(call, error.status(), refused),
                },
            }
        }
        Ok(())
    }

    async fn call(&self, subscription: u32, items: &[Item]) -> Result<Vec<MonitoredItemCreateResult>, Error> {
        let requests = items.iter().map(|item| request(item, &self.tags[item.tag.index()])).collect();
        let request = CreateMonitoredItems::new(subscription, &self.live.session)
            .timestamps_to_return(TimestampsToReturn::Both)
            .items_to_create(requests);
        let created = request.send(self.live.session.channel()).await?;
        Ok(created.results.into_iter().map(|created| created.result).collect())
    }

    fn take_results(
        &mut self,
        call: &[Item],
        results: &[MonitoredItemCreateResult],
        revised: &mut Revised,
        refused: &mut Refused,
    ) {
        let mut states = Vec::with_capacity(call.len());
        for (item, result) in call.iter().zip(results) {
            let tag = &self.tags[item.tag.index()];
            if result.status_code.is_bad() {
                states.push(refused.add(item.tag, tag, &symbol(result.status_code)));
            } else {
                revised.look_at(tag, result);
                states.push((item.tag, TagState::Active));
            }
        }
        self.table.set(states);
    }

    fn refuse_all(&mut self, call: &[Item], status: StatusCode, refused: &mut Refused) {
        let reason = symbol(status);
        let states = call.iter().map(|item| refused.add(item.tag, &self.tags[item.tag.index()], &reason)).collect();
        self.table.set(states);
    }
}

/// What the failure of a whole call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The session is of no more use.
    Session,
    /// The call was too large.
    Size,
    /// Something in the call.
    Call,
    /// Every item of the call: there is no room for more.
    Items,
}

impl Failure {
    fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::BadTooManyOperations
            | StatusCode::BadEncodingLimitsExceeded
            | StatusCode::BadRequestTooLarge
            | StatusCode::BadResponseTooLarge
            | StatusCode::BadTcpMessageTooLarge => Self::Size,
            StatusCode::BadTooManyMonitoredItems | StatusCode::BadOutOfMemory => Self::Items,
            StatusCode::BadTimeout
            | StatusCode::BadRequestTimeout
            | StatusCode::BadConnectionClosed
            | StatusCode::BadCommunicationError
            | StatusCode::BadNotConnected
            | StatusCode::BadSessionClosed
            | StatusCode::BadSessionIdInvalid
            | StatusCode::BadSessionNotActivated
            | StatusCode::BadSubscriptionIdInvalid
            | StatusCode::BadSecureChannelClosed
            | StatusCode::BadSecureChannelIdInvalid
            | StatusCode::BadServerHalted
            | StatusCode::BadShutdown => Self::Session,
            _ => Self::Call,
        }
    }
}

/// Tags that were refused in one round.
struct Refused {
    tags: Vec<TagId>,
    logged: usize,
}

impl Refused {
    fn add(&mut self, id: TagId, tag: &Tag, why: &str) -> (TagId, TagState) {
        let reason = reason(tag, why);
        if self.logged < MAX_LOGGED {
            self.logged += 1;
            warn!(tag = %tag.name, line = tag.line, "{reason}");
        }
        self.tags.push(id);
        (id, TagState::Failed { reason })
    }

    fn report(&self) {
        if self.logged == MAX_LOGGED && self.tags.len() > MAX_LOGGED {
            warn!(refused = self.tags.len(), "more tags are refused than are listed; see the failed tags in /readyz");
        }
    }
}

fn reason(tag: &Tag, why: &str) -> String {
    let hint = match why {
        "BadNoMatch" => "nothing has these names on the server; correct `browse_path`",
        "BadNodeIdUnknown" | "BadNodeIdInvalid" => "the server has no such node; correct `node`",
        "BadUserAccessDenied" | "BadNotReadable" => "the user may not read it; see to the rights on the server",
        "BadAttributeIdInvalid" => "the node has no value; map a variable",
        "BadTooManyMonitoredItems" | "BadOutOfMemory" => "the server has no room for more; map fewer tags",
        _ if why.starts_with("the path leads") => "name the one that is meant by `node`",
        _ if why.contains("stood for") => "write the namespace that is meant as `nsu=`",
        _ if why.contains("namespace") => "correct the namespace after `nsu=`",
        _ => "the server refuses it",
    };
    let node = &tag.node;
    format!("{why}: {node} (line {} of the mapping); {hint}; it is tried again from time to time", tag.line)
}

fn symbol(status: StatusCode) -> String {
    status::status_symbol(status::from_library(status)).into_owned()
}

/// The MonitoredItem that a tag's settings ask for.
pub(super) fn request(item: &Item, tag: &Tag) -> MonitoredItemCreateRequest {
    MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId {
            node_id: item.node.clone(),
            attribute_id: AttributeId::Value as u32,
            ..ReadValueId::default()
        },
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: intake::handle_of(item.tag),
            sampling_interval: tag.subscription.sampling_interval.as_secs_f64() * 1000.0,
            queue_size: tag.subscription.queue_size,
            discard_oldest: true,
            ..MonitoringParameters::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support::tag;

    #[test]
    fn a_refused_tag_is_explained_with_node_and_line() {
        let mut tag = tag("vibration", 3, "\"Machine\".\"Vibraton\"");
        tag.line = 12;
        let reason = reason(&tag, "BadNodeIdUnknown");
        for word in ["BadNodeIdUnknown", "ns=3;s=\"Machine\".\"Vibraton\"", "line 12 of the mapping", "no such node"] {
            assert!(reason.contains(word), "{word} in {reason}");
        }
    }

    #[test]
    fn only_the_end_of_the_session_ends_the_session() {
        assert_eq!(Failure::of(StatusCode::BadTooManyOperations), Failure::Size);
        assert_eq!(Failure::of(StatusCode::BadInternalError), Failure::Call);
        assert_eq!(Failure::of(StatusCode::BadTooManyMonitoredItems), Failure::Items);
        assert_eq!(Failure::of(StatusCode::BadSubscriptionIdInvalid), Failure::Session);
    }

    #[test]
    fn an_item_is_asked_for_as_the_mapping_says() {
        let mut tag = tag("t", 3, "x");
        tag.subscription.sampling_interval = Duration::from_micros(1500);
        tag.subscription.queue_size = 7;
        let request = request(&Item { tag: TagId(4), node: NodeId::new(3, "x") }, &tag);
        let asked = request.requested_parameters;
        assert_eq!((asked.client_handle, asked.queue_size, asked.discard_oldest), (5, 7, true));
        assert!((asked.sampling_interval - 1.5).abs() < 1e-12);
    }
}
