//! A bare OPC UA client, to ask a server what it has no other way to say.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use opcua::{
    client::{ClientBuilder, IdentityToken, Session},
    types::{
        AttributeId, DataValue, EndpointDescription, MessageSecurityMode, NodeId, ReadValueId, StatusCode,
        TimestampsToReturn, UAString, UserTokenPolicy, UserTokenType, VariableId, Variant, WriteValue,
    },
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A session of its own, without security.
pub struct UaClient {
    session: Arc<Session>,
    task: JoinHandle<StatusCode>,
}

impl UaClient {
    /// Connects, by name and password where they are given.
    pub async fn connect(url: &str, user: Option<&(String, String)>) -> Result<Self> {
        let mut client = ClientBuilder::new()
            .application_name("Bare client")
            .application_uri("urn:tagwise:test:client")
            .product_uri("urn:tagwise:test")
            .pki_dir(tempfile::tempdir()?.path())
            .create_sample_keypair(false)
            .trust_server_certs(true)
            .session_retry_limit(0)
            .max_message_size(64 * 1024 * 1024)
            .max_chunk_count(10_000)
            .client()
            .map_err(|errors| anyhow::anyhow!("{}", errors.join("; ")))?;
        let (policy, token) = match user {
            None => (UserTokenPolicy::anonymous(), IdentityToken::Anonymous),
            Some((name, password)) => (
                UserTokenPolicy { token_type: UserTokenType::UserName, ..UserTokenPolicy::default() },
                IdentityToken::new_user_name(name.as_str(), password.as_str()),
            ),
        };
        let endpoint: EndpointDescription = (url, "None", MessageSecurityMode::None, policy).into();
        let connecting = client.connect_to_matching_endpoint(endpoint, token);
        let (session, event_loop) = connecting.await.with_context(|| format!("connecting to {url}"))?;
        let task = event_loop.spawn();
        ensure!(session.wait_for_connection().await, "no session with {url}");
        Ok(Self { session, task })
    }

    /// A node's value, of the types that the scenarios ask for.
    pub async fn read_json(&mut self, address: &str) -> Result<Value> {
        let node = self.resolve(address).await?;
        let value = self.read(node).await?;
        to_json(&value).with_context(|| format!("{address} has the value {value:?}"))
    }

    /// Gives a node of type String this text.
    pub async fn write_text(&self, address: &str, text: &str) -> Result<()> {
        let write = WriteValue {
            node_id: self.resolve(address).await?,
            attribute_id: AttributeId::Value as u32,
            value: DataValue::value_only(UAString::from(text)),
            ..WriteValue::default()
        };
        let statuses = self.session.write(&[write]).await?;
        ensure!(statuses == [StatusCode::Good], "{address} was not written: {statuses:?}");
        Ok(())
    }

    /// How many sessions the server says it has, without this one.
    pub async fn session_count(&mut self) -> Result<u64> {
        let node = VariableId::Server_ServerDiagnostics_ServerDiagnosticsSummary_CurrentSessionCount;
        match self.read(node.into()).await? {
            Variant::UInt32(count) => Ok(u64::from(count).saturating_sub(1)),
            other => bail!("the count of sessions is {other:?}"),
        }
    }

    /// Closes the session.
    pub async fn close(self) {
        // Whether the server answers makes no difference to the scenario.
        self.session.disconnect().await.unwrap_or_default();
        self.task.abort();
    }

    async fn read(&self, node: NodeId) -> Result<Variant> {
        let nodes = [ReadValueId::from(node.clone())];
        let values = self.session.read(&nodes, TimestampsToReturn::Neither, 0.0).await?;
        let value = values.into_iter().next().and_then(|value| value.value);
        value.with_context(|| format!("the server has no value of {node}"))
    }

    /// `nsu=URI;s=…` as the server numbers it.
    async fn resolve(&self, address: &str) -> Result<NodeId> {
        let parts = address.strip_prefix("nsu=").and_then(|rest| rest.split_once(";s="));
        let (uri, identifier) = parts.with_context(|| format!("{address} is no string id with a namespace"))?;
        let Variant::Array(namespaces) = self.read(VariableId::Server_NamespaceArray.into()).await? else {
            bail!("the server has no array of namespaces");
        };
        let index =
            namespaces.values.iter().position(|text| matches!(text, Variant::String(text) if text.as_ref() == uri));
        let index = index.with_context(|| format!("the server does not know {uri}"))?;
        Ok(NodeId::new(u16::try_from(index)?, identifier))
    }
}

fn to_json(value: &Variant) -> Option<Value> {
    Some(match value {
        Variant::Boolean(value) => json!(value),
        Variant::SByte(value) => json!(value),
        Variant::Byte(value) => json!(value),
        Variant::Int16(value) => json!(value),
        Variant::UInt16(value) => json!(value),
        Variant::Int32(value) => json!(value),
        Variant::UInt32(value) => json!(value),
        Variant::Int64(value) => json!(value),
        Variant::UInt64(value) => json!(value),
        Variant::Float(value) => json!(value),
        Variant::Double(value) => json!(value),
        Variant::String(value) => json!(value.as_ref()),
        Variant::DateTime(value) => json!(value.to_string()),
        Variant::Guid(value) => json!(value.to_string()),
        Variant::ByteString(value) => json!(value.as_base64()),
        Variant::Array(array) => array.values.iter().map(to_json).collect::<Option<Vec<_>>>()?.into(),
        _ => return None,
    })
}
