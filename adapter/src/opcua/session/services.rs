//! The services of a session: each one a request, its answer taken apart, and what can go wrong with it.

use std::{sync::Arc, time::Duration};

use opcua::{
    client::{
        Session, UARequest,
        services::{
            Browse, BrowseNext, CreateMonitoredItems, CreateSubscription, DeleteMonitoredItems, DeleteSubscriptions,
            Publish, Read, Republish, TransferSubscriptions, TranslateBrowsePaths, Write,
        },
    },
    core::ResponseMessage,
    types::{
        AttributeId, BrowseDescription, BrowsePath, BrowsePathResult, BrowseResult, ByteString,
        CreateSubscriptionResponse, DataValue, Error, MonitoredItemCreateRequest, MonitoredItemCreateResult, NodeId,
        NotificationMessage, PublishResponse, ReadValueId, ResponseHeader, StatusCode, SubscriptionAcknowledgement,
        TimestampsToReturn, Variant, WriteRequest, WriteValue,
    },
};

use crate::opcua::service_error::ServiceError;

/// What a Subscription is asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::opcua) struct SubscriptionRequest {
    pub(in crate::opcua) publishing_interval: Duration,
    pub(in crate::opcua) max_keep_alive_count: u32,
    pub(in crate::opcua) lifetime_count: u32,
    pub(in crate::opcua) max_notifications_per_publish: u32,
    pub(in crate::opcua) is_publishing: bool,
}

/// Calls services of the server. Cheap to clone.
#[derive(Clone)]
pub(in crate::opcua) struct Services {
    session: Arc<Session>,
}

type Answer<T> = Result<T, ServiceError>;

impl Services {
    /// Of this session.
    pub(in crate::opcua) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// Attributes of nodes, exactly one answer each.
    pub(in crate::opcua) async fn read(&self, attributes: &[(NodeId, AttributeId)]) -> Answer<Vec<DataValue>> {
        self.read_with(attributes, TimestampsToReturn::Neither).await
    }

    /// As `read`, with timestamps.
    pub(in crate::opcua) async fn read_with(
        &self,
        attributes: &[(NodeId, AttributeId)],
        timestamps: TimestampsToReturn,
    ) -> Answer<Vec<DataValue>> {
        let question = |(node_id, attribute): &(NodeId, AttributeId)| ReadValueId {
            node_id: node_id.clone(),
            attribute_id: *attribute as u32,
            ..ReadValueId::default()
        };
        let request = Read::new(&self.session)
            .timestamps_to_return(timestamps)
            .nodes_to_read(attributes.iter().map(question).collect());
        let mut answers = request.send(self.session.channel()).await?.results.unwrap_or_default();
        answers.resize_with(attributes.len(), || DataValue {
            status: Some(StatusCode::BadUnknownResponse),
            ..DataValue::default()
        });
        Ok(answers)
    }

    /// Values of nodes as they are now, one answer each.
    pub(in crate::opcua) async fn read_values(&self, nodes: Vec<NodeId>) -> Answer<Vec<DataValue>> {
        let question =
            |node_id| ReadValueId { node_id, attribute_id: AttributeId::Value as u32, ..ReadValueId::default() };
        let request = Read::new(&self.session)
            .max_age(0.0)
            .timestamps_to_return(TimestampsToReturn::Both)
            .nodes_to_read(nodes.into_iter().map(question).collect());
        Ok(request.send(self.session.channel()).await?.results.unwrap_or_default())
    }

    pub(in crate::opcua) async fn browse(
        &self,
        nodes: Vec<BrowseDescription>,
        max_references_per_node: u32,
    ) -> Answer<Vec<BrowseResult>> {
        let request =
            Browse::new(&self.session).max_references_per_node(max_references_per_node).nodes_to_browse(nodes);
        Ok(request.send(self.session.channel()).await?.results.unwrap_or_default())
    }

    pub(in crate::opcua) async fn browse_next(&self, point: ByteString, releases: bool) -> Answer<Vec<BrowseResult>> {
        let request = BrowseNext::new(&self.session).release_continuation_points(releases).continuation_point(point);
        Ok(request.send(self.session.channel()).await?.results.unwrap_or_default())
    }

    pub(in crate::opcua) async fn translate_browse_paths(
        &self,
        paths: Vec<BrowsePath>,
    ) -> Answer<Vec<BrowsePathResult>> {
        let request = TranslateBrowsePaths::new(&self.session).browse_paths(paths);
        Ok(request.send(self.session.channel()).await?.results.unwrap_or_default())
    }

    pub(in crate::opcua) async fn create_subscription(
        &self,
        asked: SubscriptionRequest,
    ) -> Answer<CreateSubscriptionResponse> {
        let request = CreateSubscription::new(&self.session)
            .publishing_interval(asked.publishing_interval)
            .max_keep_alive_count(asked.max_keep_alive_count)
            .max_lifetime_count(asked.lifetime_count)
            .max_notifications_per_publish(asked.max_notifications_per_publish)
            .publishing_enabled(asked.is_publishing);
        Ok(request.send(self.session.channel()).await?)
    }

    pub(in crate::opcua) async fn delete_subscriptions(&self, ids: Vec<u32>) -> Answer<Vec<StatusCode>> {
        let request = DeleteSubscriptions::new(&self.session).subscription_ids(ids);
        Ok(request.send(self.session.channel()).await?.results.unwrap_or_default())
    }

    /// Takes Subscriptions over from another session. The results in the order of the ids.
    pub(in crate::opcua) async fn transfer_subscriptions(&self, ids: Vec<u32>) -> Answer<Vec<StatusCode>> {
        let request = TransferSubscriptions::new(&self.session).subscription_ids(ids).send_initial_values(false);
        let results = request.send(self.session.channel()).await?.results.unwrap_or_default();
        Ok(results.into_iter().map(|result| result.status_code).collect())
    }

    pub(in crate::opcua) async fn create_monitored_items(
        &self,
        subscription: u32,
        items: Vec<MonitoredItemCreateRequest>,
    ) -> Answer<Vec<MonitoredItemCreateResult>> {
        let request = CreateMonitoredItems::new(subscription, &self.session)
            .timestamps_to_return(TimestampsToReturn::Both)
            .items_to_create(items);
        let created = request.send(self.session.channel()).await?;
        Ok(created.results.into_iter().map(|created| created.result).collect())
    }

    pub(in crate::opcua) async fn delete_monitored_items(
        &self,
        subscription: u32,
        items: Vec<u32>,
    ) -> Answer<Vec<StatusCode>> {
        let request = DeleteMonitoredItems::new(subscription, &self.session).items_to_delete(items);
        Ok(request.send(self.session.channel()).await?.results.unwrap_or_default())
    }

    pub(in crate::opcua) async fn publish(
        &self,
        acknowledgements: Vec<SubscriptionAcknowledgement>,
        timeout: Duration,
    ) -> Answer<PublishResponse> {
        Ok(Publish::new(&self.session).acks(acknowledgements).timeout(timeout).send(self.session.channel()).await?)
    }

    pub(in crate::opcua) async fn republish(&self, subscription: u32, number: u32) -> Answer<NotificationMessage> {
        let request = Republish::new(subscription, number, &self.session);
        Ok(request.send(self.session.channel()).await?.notification_message)
    }

    /// Writes a value, without status and timestamps: many servers refuse a write with one (BadWriteNotSupported).
    pub(in crate::opcua) async fn write(&self, node_id: NodeId, value: Variant) -> Answer<StatusCode> {
        let request = WriteRequest {
            request_header: Write::new(&self.session).header().clone(),
            nodes_to_write: Some(vec![WriteValue {
                node_id,
                attribute_id: AttributeId::Value as u32,
                value: DataValue::value_only(value),
                ..WriteValue::default()
            }]),
        };
        let timeout = Duration::from_millis(u64::from(request.request_header.timeout_hint));
        Ok(verdict(self.session.channel().send(request, timeout).await?))
    }

    /// Takes leave of the server: CloseSession and CloseSecureChannel.
    pub(in crate::opcua) async fn close(&self) -> Answer<()> {
        Ok(self.session.disconnect().await?)
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        match error.status() {
            StatusCode::BadNotConnected => Self::NotConnected,
            StatusCode::BadTimeout | StatusCode::BadRequestTimeout => Self::Timeout,
            status @ (StatusCode::BadConnectionClosed | StatusCode::BadCommunicationError) => Self::Lost(status),
            status => Self::Refused(status),
        }
    }
}

/// The node's own answer, or the service's.
fn verdict(response: ResponseMessage) -> StatusCode {
    let of_header = |header: &ResponseHeader| {
        if header.service_result.is_good() { StatusCode::BadUnknownResponse } else { header.service_result }
    };
    match response {
        ResponseMessage::Write(response) => {
            let result = response.results.as_deref().and_then(|results| results.first().copied());
            result.unwrap_or_else(|| of_header(&response.response_header))
        }
        ResponseMessage::ServiceFault(fault) => of_header(&fault.response_header),
        _ => StatusCode::BadUnknownResponse,
    }
}
