//! An OPC UA client with just what the tests need.

use std::sync::Arc;
use std::time::Duration;

use opcua::client::{ClientBuilder, DataChangeCallback, IdentityToken, MonitoredItem, Session};
use opcua::crypto::SecurityPolicy;
use opcua::types::{
    AttributeId, DataValue, EndpointDescription, MessageSecurityMode, MonitoredItemCreateRequest, MonitoringMode,
    MonitoringParameters, NodeId, NumericRange, ReadValueId, StatusCode, TimestampsToReturn, UserTokenPolicy, Variant,
    WriteValue,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// No test waits longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    pub(crate) session: Arc<Session>,
    event_loop: JoinHandle<StatusCode>,
    _certificates: TempDir,
}

/// A value from a subscription, with the position of its node in the list that is watched.
pub(crate) type Notification = (usize, DataValue);

impl Client {
    pub(crate) async fn connect(url: &str) -> Self {
        Self::try_connect(url, IdentityToken::Anonymous).await.expect("the PLC should accept the client")
    }

    /// `Err` when the PLC does not let the client in.
    pub(crate) async fn try_connect(url: &str, identity: IdentityToken) -> Result<Self, StatusCode> {
        let certificates = tempfile::tempdir().unwrap();
        let mut client = ClientBuilder::new()
            .application_name("tagwise simulator test")
            .application_uri("urn:tagwise-simulator-test")
            .pki_dir(certificates.path())
            .session_retry_limit(0)
            .max_array_length(1_000_000)
            .max_message_size(64 * 1024 * 1024)
            .max_chunk_count(10_000)
            .client()
            .unwrap();
        let endpoint: EndpointDescription =
            (url, SecurityPolicy::None.to_str(), MessageSecurityMode::None, UserTokenPolicy::anonymous()).into();
        let (session, event_loop) =
            client.connect_to_matching_endpoint(endpoint, identity).await.map_err(|e| e.status())?;
        let mut event_loop = event_loop.spawn();
        // The session does not say that it gave up; only its event loop's end does.
        tokio::select! {
            connected = session.wait_for_connection() => assert!(connected),
            status = &mut event_loop => return Err(status.unwrap()),
            () = tokio::time::sleep(PATIENCE) => panic!("neither connected nor refused in {PATIENCE:?}"),
        }
        Ok(Self { session, event_loop, _certificates: certificates })
    }

    /// Disappears without a word, as when the cable is cut.
    pub(crate) fn vanish(self) {
        self.event_loop.abort();
    }

    pub(crate) async fn disconnect(self) {
        self.session.disconnect().await.unwrap();
    }

    pub(crate) async fn read(&self, id: &str) -> DataValue {
        self.read_attribute(id, AttributeId::Value).await
    }

    pub(crate) async fn read_attribute(&self, id: &str, attribute: AttributeId) -> DataValue {
        let read = ReadValueId { node_id: node(id), attribute_id: attribute as u32, ..ReadValueId::default() };
        let mut values = self.session.read(&[read], TimestampsToReturn::Both, 0.0).await.unwrap();
        values.remove(0)
    }

    pub(crate) async fn write(&self, id: &str, value: impl Into<Variant>) -> StatusCode {
        self.write_data_value(id, DataValue::value_only(value)).await
    }

    pub(crate) async fn write_data_value(&self, id: &str, value: DataValue) -> StatusCode {
        self.write_raw(WriteValue {
            node_id: node(id),
            attribute_id: AttributeId::Value as u32,
            index_range: NumericRange::None,
            value,
        })
        .await
    }

    pub(crate) async fn write_raw(&self, write: WriteValue) -> StatusCode {
        self.session.write(&[write]).await.unwrap().remove(0)
    }

    /// Watches nodes. Gives the status of each item and a stream of values with the position of their node in `ids`.
    pub(crate) async fn watch(
        &self,
        ids: &[String],
        publishing: Duration,
        sampling_ms: f64,
        queue_size: u32,
    ) -> (Vec<StatusCode>, mpsc::UnboundedReceiver<Notification>) {
        let (values_tx, values_rx) = mpsc::unbounded_channel();
        let forward = DataChangeCallback::new(move |value, item: &MonitoredItem| {
            values_tx.send((item.client_handle() as usize - 1, value)).ok();
        });
        let subscription = self.session.create_subscription(publishing, 1000, 100, 0, 0, true, forward).await.unwrap();
        let items = (1_u32..).zip(ids).map(|(handle, id)| MonitoredItemCreateRequest {
            item_to_monitor: ReadValueId {
                node_id: node(id),
                attribute_id: AttributeId::Value as u32,
                ..ReadValueId::default()
            },
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                client_handle: handle,
                sampling_interval: sampling_ms,
                queue_size,
                discard_oldest: true,
                ..MonitoringParameters::default()
            },
        });
        let created =
            self.session.create_monitored_items(subscription, TimestampsToReturn::Both, items.collect()).await.unwrap();
        (created.into_iter().map(|item| item.result.status_code).collect(), values_rx)
    }
}

/// A node by the text of its id, or by its string identifier alone.
pub(crate) fn node(id: &str) -> NodeId {
    if id.starts_with("ns=") { id.parse().unwrap() } else { NodeId::new(3, id) }
}
