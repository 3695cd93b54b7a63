//! The services of a session: each one a request, its answer taken apart, and what can go wrong with it.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use opcua::{
    core::RequestMessage,
    types::{
        AttributeId, BrowseDescription, BrowseNextRequest, BrowsePath, BrowsePathResult, BrowseRequest, BrowseResult,
        ByteString, CreateMonitoredItemsRequest, CreateSubscriptionRequest, CreateSubscriptionResponse, DataValue,
        DeleteMonitoredItemsRequest, DeleteSubscriptionsRequest, ModifySubscriptionRequest, MonitoredItemCreateRequest,
        MonitoredItemCreateResult, NodeId, ObjectId, PublishRequest, ReadRequest, ReadValueId, RepublishRequest,
        RequestHeader, ServerState, StatusCode, SubscriptionAcknowledgement, TimestampsToReturn,
        TransferSubscriptionsRequest, TranslateBrowsePathsToNodeIdsRequest, UaEnum, VariableId, Variant, WriteRequest,
        WriteValue,
    },
};
use tokio::time::Instant;

use crate::opcua::{
    codec::{
        message::{Message, statuses},
        subscription, view,
    },
    connect::channel::Channel,
    service_error::ServiceError,
    value::{
        attributes,
        notification::Notification,
        raw::RawValue,
        reader::{Bodies, Reader},
    },
};

/// What a Subscription is asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::opcua) struct SubscriptionRequest {
    pub(in crate::opcua) publishing_interval: Duration,
    pub(in crate::opcua) max_keep_alive_count: u32,
    pub(in crate::opcua) lifetime_count: u32,
    pub(in crate::opcua) max_notifications_per_publish: u32,
    pub(in crate::opcua) is_publishing: bool,
}

/// A message of a Subscription.
#[derive(Debug)]
pub(in crate::opcua) struct Published {
    pub(in crate::opcua) subscription: u32,
    pub(in crate::opcua) notification: Notification,
}

/// Calls services of the server, over whatever connection the session has. Cheap to clone.
#[derive(Clone)]
pub(in crate::opcua) struct Services {
    channel: Arc<ArcSwap<Channel>>,
    authentication_token: Arc<ArcSwap<NodeId>>,
    /// How long an answer may take.
    limit: Duration,
    /// Who knows the types of structures that do not say how long they are.
    bodies: Option<Arc<dyn Bodies>>,
}

/// How long a server that lives may take to show it.
const PROBE_TIME: Duration = Duration::from_secs(1);

type Answer<T> = Result<T, ServiceError>;

impl Services {
    /// Of the session with this token.
    pub(in crate::opcua) fn new(channel: Arc<ArcSwap<Channel>>, authentication_token: NodeId, limit: Duration) -> Self {
        Self {
            channel,
            authentication_token: Arc::new(ArcSwap::from_pointee(authentication_token)),
            limit,
            bodies: None,
        }
    }

    /// With somebody who knows types.
    #[must_use]
    pub(in crate::opcua) fn knowing(self, bodies: Arc<dyn Bodies>) -> Self {
        Self { bodies: Some(bodies), ..self }
    }

    /// The connection of now.
    pub(in crate::opcua) fn channel(&self) -> Arc<Channel> {
        self.channel.load_full()
    }

    pub(in crate::opcua) fn authentication_token(&self) -> NodeId {
        self.authentication_token.load().as_ref().clone()
    }

    /// There is a new connection, and maybe a new session.
    pub(in crate::opcua) fn renew(&self, channel: Arc<Channel>, authentication_token: Option<NodeId>) {
        if let Some(token) = authentication_token {
            self.authentication_token.store(Arc::new(token));
        }
        self.channel.store(channel);
    }

    async fn call<R: Into<RequestMessage>>(
        &self,
        limit: Duration,
        request: impl FnOnce(RequestHeader) -> R,
    ) -> Answer<Message> {
        let channel = self.channel();
        let header = channel.header(&self.authentication_token(), limit);
        channel.call(request(header), limit).await
    }

    /// Attributes of nodes, exactly one answer each. One that cannot be read is `BadDecodingError`; where it hides those
    /// behind it, they are asked for again.
    pub(in crate::opcua) async fn read(&self, attributes: &[(NodeId, AttributeId)]) -> Answer<Vec<DataValue>> {
        let without_value = |status| DataValue { status: Some(status), ..DataValue::default() };
        let question = |(node_id, attribute): &(NodeId, AttributeId)| question(node_id.clone(), *attribute);
        let mut answers = Vec::with_capacity(attributes.len());
        while answers.len() < attributes.len() {
            let left = attributes[answers.len()..].iter().map(question).collect();
            let message = self.ask(left, TimestampsToReturn::Neither).await?;
            let mut reader = message.answer(ObjectId::ReadResponse_Encoding_DefaultBinary)?;
            match attributes::data_values(&mut reader, attributes.len() - answers.len()) {
                Ok(found) => {
                    answers.extend(found);
                    answers.resize_with(attributes.len(), || without_value(StatusCode::BadUnknownResponse));
                }
                Err((found, _)) => {
                    answers.extend(found);
                    answers.push(without_value(StatusCode::BadDecodingError));
                }
            }
            answers.truncate(attributes.len());
        }
        Ok(answers)
    }

    /// The server's state; `None` where it tells none. Whatever it is, it shows that the session lives.
    pub(in crate::opcua) async fn server_state(&self) -> Answer<Option<ServerState>> {
        let state = [(VariableId::Server_ServerStatus_State.into(), AttributeId::Value)];
        let answer = self.read(&state).await?.into_iter().next();
        Ok(match answer.and_then(|answer| answer.value) {
            Some(Variant::Int32(state)) => ServerState::from_repr(state).ok(),
            _ => None,
        })
    }

    /// Whether the session answers anything at all within a short time.
    pub(in crate::opcua) async fn is_answering(&self) -> bool {
        match tokio::time::timeout(self.limit.min(PROBE_TIME), self.server_state()).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => !error.is_of_the_connection(),
            Err(_) => false,
        }
    }

    /// Values of nodes as they are now, one answer each. Those that cannot be found in the answer, since a value before
    /// them has no end that anybody could find, are asked for again.
    pub(in crate::opcua) async fn read_values(&self, nodes: &[NodeId]) -> Answer<Vec<RawValue>> {
        let mut values = Vec::with_capacity(nodes.len());
        while values.len() < nodes.len() {
            let message = self.ask_for(nodes[values.len()..].iter(), TimestampsToReturn::Both).await?;
            let mut reader = self.values_of(&message, ObjectId::ReadResponse_Encoding_DefaultBinary)?;
            let before = values.len();
            match attributes::raw_values(&mut reader, &message.body, nodes.len() - before) {
                Ok(found) => {
                    values.extend(found);
                    values.resize_with(nodes.len(), RawValue::unanswered);
                }
                Err((found, malformed)) => {
                    values.extend(found);
                    if values.len() == before {
                        values.push(RawValue::unreadable(malformed));
                    }
                }
            }
            values.truncate(nodes.len());
        }
        Ok(values)
    }

    /// An answer with values in it.
    fn values_of<'m>(&'m self, message: &'m Message, expected: ObjectId) -> Answer<Reader<'m>> {
        let reader = message.answer(expected)?;
        Ok(match &self.bodies {
            Some(bodies) => reader.knowing(&**bodies),
            None => reader,
        })
    }

    async fn ask_for(&self, nodes: impl Iterator<Item = &NodeId>, timestamps: TimestampsToReturn) -> Answer<Message> {
        let questions = nodes.map(|node_id| question(node_id.clone(), AttributeId::Value)).collect();
        self.ask(questions, timestamps).await
    }

    async fn ask(&self, nodes: Vec<ReadValueId>, timestamps: TimestampsToReturn) -> Answer<Message> {
        let request = |request_header| ReadRequest {
            request_header,
            max_age: 0.0,
            timestamps_to_return: timestamps,
            nodes_to_read: Some(nodes),
        };
        self.call(self.limit, request).await
    }

    pub(in crate::opcua) async fn browse(
        &self,
        nodes: Vec<BrowseDescription>,
        max_references_per_node: u32,
    ) -> Answer<Vec<BrowseResult>> {
        let request = |request_header| BrowseRequest {
            request_header,
            requested_max_references_per_node: max_references_per_node,
            nodes_to_browse: Some(nodes),
            ..BrowseRequest::default()
        };
        let message = self.call(self.limit, request).await?;
        Ok(view::browse_results(&mut message.answer(ObjectId::BrowseResponse_Encoding_DefaultBinary)?)?)
    }

    pub(in crate::opcua) async fn browse_next(&self, point: ByteString, releases: bool) -> Answer<Vec<BrowseResult>> {
        let request = |request_header| BrowseNextRequest {
            request_header,
            release_continuation_points: releases,
            continuation_points: Some(vec![point]),
        };
        let message = self.call(self.limit, request).await?;
        Ok(view::browse_results(&mut message.answer(ObjectId::BrowseNextResponse_Encoding_DefaultBinary)?)?)
    }

    pub(in crate::opcua) async fn translate_browse_paths(
        &self,
        paths: Vec<BrowsePath>,
    ) -> Answer<Vec<BrowsePathResult>> {
        let request =
            |request_header| TranslateBrowsePathsToNodeIdsRequest { request_header, browse_paths: Some(paths) };
        let message = self.call(self.limit, request).await?;
        let expected = ObjectId::TranslateBrowsePathsToNodeIdsResponse_Encoding_DefaultBinary;
        Ok(view::browse_path_results(&mut message.answer(expected)?)?)
    }

    pub(in crate::opcua) async fn create_subscription(
        &self,
        asked: SubscriptionRequest,
    ) -> Answer<CreateSubscriptionResponse> {
        let request = |request_header| CreateSubscriptionRequest {
            request_header,
            requested_publishing_interval: asked.publishing_interval.as_secs_f64() * 1_000.0,
            requested_lifetime_count: asked.lifetime_count,
            requested_max_keep_alive_count: asked.max_keep_alive_count,
            max_notifications_per_publish: asked.max_notifications_per_publish,
            publishing_enabled: asked.is_publishing,
            priority: 0,
        };
        let message = self.call(self.limit, request).await?;
        let expected = ObjectId::CreateSubscriptionResponse_Encoding_DefaultBinary;
        Ok(subscription::created_subscription(&mut message.answer(expected)?)?)
    }

    /// The answer is what a Subscription with this id would have been created with.
    pub(in crate::opcua) async fn modify_subscription(
        &self,
        id: u32,
        asked: SubscriptionRequest,
    ) -> Answer<CreateSubscriptionResponse> {
        let request = |request_header| ModifySubscriptionRequest {
            request_header,
            subscription_id: id,
            requested_publishing_interval: asked.publishing_interval.as_secs_f64() * 1_000.0,
            requested_lifetime_count: asked.lifetime_count,
            requested_max_keep_alive_count: asked.max_keep_alive_count,
            max_notifications_per_publish: asked.max_notifications_per_publish,
            priority: 0,
        };
        let message = self.call(self.limit, request).await?;
        let expected = ObjectId::ModifySubscriptionResponse_Encoding_DefaultBinary;
        Ok(subscription::modified_subscription(id, &mut message.answer(expected)?)?)
    }

    pub(in crate::opcua) async fn delete_subscriptions(&self, ids: Vec<u32>) -> Answer<Vec<StatusCode>> {
        let request = |request_header| DeleteSubscriptionsRequest { request_header, subscription_ids: Some(ids) };
        let message = self.call(self.limit, request).await?;
        Ok(statuses(&mut message.answer(ObjectId::DeleteSubscriptionsResponse_Encoding_DefaultBinary)?)?)
    }

    /// Takes Subscriptions over from another session. The results in the order of the ids.
    pub(in crate::opcua) async fn transfer_subscriptions(&self, ids: Vec<u32>) -> Answer<Vec<StatusCode>> {
        let request = |request_header| TransferSubscriptionsRequest {
            request_header,
            subscription_ids: Some(ids),
            send_initial_values: false,
        };
        let message = self.call(self.limit, request).await?;
        let expected = ObjectId::TransferSubscriptionsResponse_Encoding_DefaultBinary;
        Ok(subscription::transfer_results(&mut message.answer(expected)?)?)
    }

    /// Waits for the answer as long as for others, or `longest` where that is longer.
    pub(in crate::opcua) async fn create_monitored_items(
        &self,
        subscription: u32,
        items: Vec<MonitoredItemCreateRequest>,
        longest: Duration,
    ) -> Answer<Vec<MonitoredItemCreateResult>> {
        let channel = self.channel();
        let request = CreateMonitoredItemsRequest {
            request_header: channel.header(&self.authentication_token(), self.limit),
            subscription_id: subscription,
            timestamps_to_return: TimestampsToReturn::Both,
            items_to_create: Some(items),
        };
        let message = channel.call(request, longest.max(self.limit)).await?;
        let expected = ObjectId::CreateMonitoredItemsResponse_Encoding_DefaultBinary;
        Ok(subscription::created_items(&mut message.answer(expected)?)?)
    }

    pub(in crate::opcua) async fn delete_monitored_items(
        &self,
        subscription: u32,
        items: Vec<u32>,
    ) -> Answer<Vec<StatusCode>> {
        let request = |request_header| DeleteMonitoredItemsRequest {
            request_header,
            subscription_id: subscription,
            monitored_item_ids: Some(items),
        };
        let message = self.call(self.limit, request).await?;
        Ok(statuses(&mut message.answer(ObjectId::DeleteMonitoredItemsResponse_Encoding_DefaultBinary)?)?)
    }

    /// Waits for the next message of any Subscription.
    pub(in crate::opcua) async fn publish(
        &self,
        acknowledgements: Vec<SubscriptionAcknowledgement>,
        limit: Duration,
    ) -> Answer<Published> {
        let request = |request_header| PublishRequest {
            request_header,
            subscription_acknowledgements: (!acknowledgements.is_empty()).then_some(acknowledgements),
        };
        let message = self.call(limit, request).await?;
        let mut reader = self.values_of(&message, ObjectId::PublishResponse_Encoding_DefaultBinary)?;
        let subscription = reader.u32()?;
        reader.list(Reader::u32)?;
        // MoreNotifications: what is more comes with the next request, which waits at the server already.
        reader.u8()?;
        Ok(Published {
            subscription,
            notification: Notification::read(&mut reader, &message.body, message.received_at)?,
        })
    }

    /// Asks for a message again that a Subscription has sent.
    pub(in crate::opcua) async fn republish(
        &self,
        subscription: u32,
        number: u32,
        limit: Duration,
    ) -> Answer<Notification> {
        let request = |request_header| RepublishRequest {
            request_header,
            subscription_id: subscription,
            retransmit_sequence_number: number,
        };
        let message = self.call(limit, request).await?;
        let mut reader = self.values_of(&message, ObjectId::RepublishResponse_Encoding_DefaultBinary)?;
        Ok(Notification::read(&mut reader, &message.body, message.received_at)?)
    }

    /// Writes a value, without status and timestamps: many servers refuse a write with one (BadWriteNotSupported). From
    /// `deadline` on the server need not carry it out.
    pub(in crate::opcua) async fn write(
        &self,
        node_id: NodeId,
        value: Variant,
        deadline: Option<Instant>,
    ) -> Answer<StatusCode> {
        let timeout_hint = timeout_hint(self.limit, deadline, Instant::now());
        let request = |request_header| WriteRequest {
            request_header: RequestHeader { timeout_hint, ..request_header },
            nodes_to_write: Some(vec![WriteValue {
                node_id,
                attribute_id: AttributeId::Value as u32,
                value: DataValue::value_only(value),
                ..WriteValue::default()
            }]),
        };
        let message = self.call(self.limit, request).await?;
        let results = statuses(&mut message.answer(ObjectId::WriteResponse_Encoding_DefaultBinary)?)?;
        only_result(&results)
    }
}

/// Milliseconds after which nobody waits for a write any more; never 0, which says nothing.
fn timeout_hint(limit: Duration, deadline: Option<Instant>, now: Instant) -> u32 {
    let left = deadline.map_or(limit, |deadline| limit.min(deadline.saturating_duration_since(now)));
    u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// The server may have carried out what it gives no result for.
fn only_result(results: &[StatusCode]) -> Answer<StatusCode> {
    results.first().copied().ok_or_else(|| ServiceError::Unreadable("a WriteResponse without a result".to_owned()))
}

fn question(node_id: NodeId, attribute: AttributeId) -> ReadValueId {
    ReadValueId { node_id, attribute_id: attribute as u32, ..ReadValueId::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_tells_the_server_how_long_it_is_wanted() {
        let (now, limit) = (Instant::now(), Duration::from_secs(10));
        let hint = |left: Option<u64>| timeout_hint(limit, left.map(|left| now + Duration::from_millis(left)), now);
        assert_eq!([hint(None), hint(Some(60_000)), hint(Some(1_500)), hint(Some(0))], [10_000, 10_000, 1_500, 1]);
    }

    #[test]
    fn a_write_without_a_result_is_no_refusal() {
        assert_eq!(only_result(&[StatusCode::BadTypeMismatch]), Ok(StatusCode::BadTypeMismatch));
        assert!(matches!(only_result(&[]), Err(ServiceError::Unreadable(_))));
    }
}
