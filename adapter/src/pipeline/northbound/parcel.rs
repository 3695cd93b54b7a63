//! What of a batch goes to one broker.

use std::{borrow::Cow, sync::Arc};

use super::mapping::MappingState;
use crate::{
    domain::{Lane, OutboundMessage, Sequence, TagUpdate, Timestamp},
    spool::Spool,
};

/// The messages of a batch for one broker, before they are handed to its spool.
///
/// Their payloads share a buffer, which lives as long as the last message that waits. So each broker has one of its own:
/// what waits for a broker that is away must not keep alive what went to another.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    pub(super) payloads: Vec<u8>,
    pub(super) drafts: Vec<Draft>,
    pub(super) alarms: Vec<OutboundMessage>,
}

/// One message of a batch before its payload can be cut out of the shared buffer.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) mapping: usize,
    pub(super) update: usize,
    /// Where its payload ends in the buffer; it begins where the one before ends.
    pub(super) end: usize,
    pub(super) sequence: Sequence,
    pub(super) user_properties: Vec<(Cow<'static, str>, String)>,
}

impl Parcel {
    /// With room for so many messages of values.
    pub(super) fn with_capacity(messages: usize) -> Self {
        const USUAL_PAYLOAD: usize = 256;
        Self {
            payloads: Vec::with_capacity(messages * USUAL_PAYLOAD),
            drafts: Vec::with_capacity(messages),
            alarms: Vec::new(),
        }
    }

    /// Cuts the buffer into messages and hands them over, each kind with one call.
    pub(super) fn hand_over(mut self, spool: &Spool, mappings: &[MappingState], batch: &[TagUpdate], now: Timestamp) {
        // Alarms have a lane of their own and may overtake the values that raised them.
        if !self.alarms.is_empty() {
            spool.append(Lane::Urgent, self.alarms);
        }
        // The messages keep the buffer alive, and the bounds of the spool count only what they use of it.
        self.payloads.shrink_to_fit();
        let payloads = bytes::Bytes::from(self.payloads);
        let mut durable = Vec::with_capacity(self.drafts.len());
        let mut volatile = Vec::new();
        let mut start = 0;
        for draft in self.drafts {
            let state = &mappings[draft.mapping];
            let message = OutboundMessage {
                route: Arc::clone(&state.route),
                epoch: None,
                payload: payloads.slice(start..draft.end),
                sequence: Some(draft.sequence),
                user_properties: draft.user_properties,
                correlation_data: None,
                source_timestamp: Some(batch[draft.update].timestamp().0),
                created_at: now,
                received_at: Some(batch[draft.update].received_at),
            };
            start = draft.end;
            if state.is_volatile() { volatile.push(message) } else { durable.push(message) }
        }
        if !durable.is_empty() {
            spool.append(Lane::Values, durable);
        }
        if !volatile.is_empty() {
            spool.append_volatile(volatile);
        }
    }
}
