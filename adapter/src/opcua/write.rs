//! The PLC as commands see it: describe a node, write a value, through whatever session stands.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwapOption;
use opcua::types::{NodeId, StatusCode as Code, Variant, VariantScalarTypeId};
use tokio::time::Instant;

use crate::opcua::{
    plc::{Plc, PlcError},
    service_error::ServiceError,
    session::addresses::NotLocated,
    session::describe::{self, BytesWire},
    session::live::LiveSession,
    status,
    value::variant,
};
use crate::{
    config::effective::Tag,
    domain::{NodeDescription, StatusCode, TagId, TagValue},
};

/// Where the link leaves the session that stands; empty while there is none.
pub(in crate::opcua) type CurrentSession = Arc<ArcSwapOption<LiveSession>>;

/// Describes and writes nodes through the link's session. Cheap to clone.
#[derive(Clone)]
pub struct PlcHandle {
    current: CurrentSession,
    tags: Arc<[Tag]>,
    /// Those whose last write was not answered.
    unanswered: Arc<Mutex<HashSet<TagId>>>,
}

impl PlcHandle {
    pub(in crate::opcua) fn new(current: CurrentSession, tags: Arc<[Tag]>) -> Self {
        Self { current, tags, unanswered: Arc::default() }
    }

    fn live(&self) -> Result<Arc<LiveSession>, PlcError> {
        self.current.load_full().ok_or(PlcError::NotConnected)
    }

    async fn node(&self, live: &LiveSession, tag: TagId) -> Result<NodeId, PlcError> {
        let unknown = |reason: String| PlcError::UnknownNode { reason };
        let tag = self.tags.get(tag.index()).ok_or_else(|| unknown("there is no such tag".to_owned()))?;
        live.locate_one(&tag.node).await.map_err(|error| match error {
            NotLocated::Nowhere(reason) => unknown(reason),
            NotLocated::Unanswered(error) => describe::unanswered(&error),
        })
    }
}

impl Plc for PlcHandle {
    async fn describe(&self, tag: TagId) -> Result<NodeDescription, PlcError> {
        let live = self.live()?;
        if let Some(described) = live.descriptions.lock().await.get(&tag) {
            return Ok(described.node.clone());
        }
        let node = self.node(&live, tag).await?;
        let described = describe::describe(&live, node).await?;
        // Somebody may allow the write at any time.
        if described.node.is_writable {
            live.descriptions.lock().await.insert(tag, described.clone());
        }
        Ok(described.node)
    }

    async fn describe_anew(&self, tag: TagId) -> Result<NodeDescription, PlcError> {
        self.live()?.descriptions.lock().await.remove(&tag);
        self.describe(tag).await
    }

    async fn write(&self, tag: TagId, value: TagValue) -> Result<StatusCode, PlcError> {
        self.write_until(None, tag, value).await
    }

    async fn write_before(&self, deadline: Instant, tag: TagId, value: TagValue) -> Result<StatusCode, PlcError> {
        self.write_until(Some(deadline), tag, value).await
    }
}

impl PlcHandle {
    /// Looks at the time when all that has to be asked before was asked.
    async fn write_until(
        &self,
        deadline: Option<Instant>,
        tag: TagId,
        value: TagValue,
    ) -> Result<StatusCode, PlcError> {
        let live = self.live()?;
        self.hear_from_server(&live, tag).await?;
        let node = self.node(&live, tag).await?;
        let wire = live.descriptions.lock().await.get(&tag).and_then(|described| described.wire);
        let Some(value) = variant::into_variant(value) else {
            // A text that is no Guid or NodeId; any server would say the same.
            return Ok(status::from_library(Code::BadTypeMismatch));
        };
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(PlcError::TooLate);
        }
        let written = write(&live, node, as_it_travels(value, wire), deadline).await;
        if written.as_ref().is_ok_and(|status| is_doubtful(*status)) {
            // Another program in the PLC may have given the node another type.
            live.forget(tag).await;
        }
        if matches!(written, Err(PlcError::NoAnswer { .. })) {
            self.unanswered().insert(tag);
        }
        written
    }

    /// A server that is held up carries out all that was sent to it once it goes on: after a write without an answer the
    /// tag's next one is sent only to a server that answers.
    async fn hear_from_server(&self, live: &LiveSession, tag: TagId) -> Result<(), PlcError> {
        if !self.unanswered().contains(&tag) {
            return Ok(());
        }
        if !live.services.is_answering().await {
            let reason = "it has answered nothing since the last write to this tag".to_owned();
            return Err(PlcError::Undescribed { reason });
        }
        self.unanswered().remove(&tag);
        Ok(())
    }

    fn unanswered(&self) -> MutexGuard<'_, HashSet<TagId>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes in the one of their two forms that the server uses for this node, whatever its DataType is.
pub(in crate::opcua) fn as_it_travels(value: Variant, wire: Option<BytesWire>) -> Variant {
    match (value, wire) {
        (Variant::ByteString(bytes), Some(BytesWire::Bytes)) => Variant::from(bytes.value.unwrap_or_default()),
        (Variant::Array(array), Some(BytesWire::ByteString)) if array.value_type == VariantScalarTypeId::Byte => {
            let byte = |value: &Variant| if let Variant::Byte(byte) = value { *byte } else { 0 };
            Variant::ByteString(array.values.iter().map(byte).collect::<Vec<u8>>().into())
        }
        (value, _) => value,
    }
}

/// Whether the answer says that the node is not what it was described as.
fn is_doubtful(status: StatusCode) -> bool {
    let says = |code| status.without_info_bits() == status::from_library(code);
    says(Code::BadTypeMismatch) || status::is_about_node(status)
}

/// Sends one Write that is wanted before `deadline`, and tells a server's refusal from an answer that never came.
pub(in crate::opcua) async fn write(
    live: &LiveSession,
    node_id: NodeId,
    value: Variant,
    deadline: Option<Instant>,
) -> Result<StatusCode, PlcError> {
    outcome(live.services.write(node_id, value, deadline).await)
}

fn outcome(answer: Result<Code, ServiceError>) -> Result<StatusCode, PlcError> {
    match answer {
        Ok(status) | Err(ServiceError::Refused(status) | ServiceError::NotSent(status)) => {
            Ok(status::from_library(status))
        }
        Err(ServiceError::NotConnected) => Err(PlcError::NotConnected),
        Err(error @ ServiceError::Unreadable(_)) => Err(PlcError::NoAnswer { reason: error.to_string() }),
        Err(error) => {
            Err(PlcError::NoAnswer { reason: status::status_symbol(status::from_library(error.status())).into_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support::tag;

    #[test]
    fn bytes_are_written_as_the_server_sends_them() {
        let (text, list) = (|| Variant::ByteString(vec![1, 2, 255].into()), || Variant::from(vec![1_u8, 2, 255]));
        assert_eq!(as_it_travels(text(), Some(BytesWire::Bytes)), list());
        assert_eq!(as_it_travels(list(), Some(BytesWire::ByteString)), text());
        assert_eq!(as_it_travels(list(), Some(BytesWire::Bytes)), list());
        assert_eq!(as_it_travels(list(), None), list());
        assert_eq!(as_it_travels(Variant::Int32(1), Some(BytesWire::ByteString)), Variant::Int32(1));
    }

    #[test]
    fn only_what_the_server_says_of_the_write_is_its_refusal() {
        let refused = Ok(status::from_library(Code::BadNotWritable));
        assert_eq!(outcome(Ok(Code::BadNotWritable)), refused);
        assert_eq!(outcome(Err(ServiceError::Refused(Code::BadNotWritable))), refused);
        let open = outcome(Err(ServiceError::Unreadable("a WriteResponse without a result".to_owned())));
        assert!(matches!(&open, Err(PlcError::NoAnswer { reason }) if reason.contains("without a result")), "{open:?}");
    }

    #[test]
    fn a_refused_type_is_a_reason_to_look_at_the_node_again() {
        let doubtful = |code: Code| is_doubtful(status::from_library(code));
        assert!(doubtful(Code::BadTypeMismatch) && doubtful(Code::BadNodeIdUnknown));
        assert!(!doubtful(Code::Good) && !doubtful(Code::BadOutOfRange));
    }

    #[tokio::test]
    async fn without_a_session_nothing_is_sent() {
        let tags: Arc<[Tag]> = Arc::new([tag("t", 3, "x")]);
        let handle = PlcHandle::new(CurrentSession::default(), tags);
        assert_eq!(handle.describe(TagId(0)).await, Err(PlcError::NotConnected));
        assert_eq!(handle.write(TagId(0), TagValue::Boolean(true)).await, Err(PlcError::NotConnected));
    }
}
