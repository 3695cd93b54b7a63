//! What the proxy is to do to the connections through it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use opcua::types::{ObjectId, StatusCode};
use tokio::sync::watch;

use super::{frame::Frame, message};

/// A service whose requests can be refused in the server's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `CreateSession`.
    CreateSession,
    /// `CreateSubscription`.
    CreateSubscription,
    /// `CreateMonitoredItems`.
    CreateMonitoredItems,
    /// `Publish`.
    Publish,
    /// `Republish`.
    Republish,
}

impl Service {
    const fn request(self) -> ObjectId {
        match self {
            Self::CreateSession => ObjectId::CreateSessionRequest_Encoding_DefaultBinary,
            Self::CreateSubscription => ObjectId::CreateSubscriptionRequest_Encoding_DefaultBinary,
            Self::CreateMonitoredItems => ObjectId::CreateMonitoredItemsRequest_Encoding_DefaultBinary,
            Self::Publish => ObjectId::PublishRequest_Encoding_DefaultBinary,
            Self::Republish => ObjectId::RepublishRequest_Encoding_DefaultBinary,
        }
    }
}

/// What is still to be done.
#[derive(Debug, Default)]
struct Tricks {
    /// The port that new connections are led to.
    port: u16,
    is_hole: bool,
    /// Bytes at a time.
    drip: Option<usize>,
    /// After so many bytes of a message of the server.
    cut: Option<usize>,
    refusals: Option<(Service, StatusCode, usize)>,
    swallows: usize,
    forgeries: usize,
    injection: Option<Vec<u8>>,
    played: usize,
}

/// The plan, which a scenario changes while connections follow it.
#[derive(Debug)]
pub(super) struct Plan {
    tricks: Mutex<Tricks>,
    /// Counts how often all connections were to be reset.
    resets: watch::Sender<u64>,
}

impl Plan {
    pub(super) fn leading_to(port: u16) -> Self {
        Self { tricks: Mutex::new(Tricks { port, ..Tricks::default() }), resets: watch::Sender::new(0) }
    }

    /// A panic elsewhere leaves a whole plan behind, so a poisoned lock can be used.
    fn lock(&self) -> MutexGuard<'_, Tricks> {
        self.tricks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn port(&self) -> u16 {
        self.lock().port
    }

    pub(super) fn lead_to(&self, port: u16) {
        self.lock().port = port;
    }

    pub(super) fn set_hole(&self, is_hole: bool) {
        self.lock().is_hole = is_hole;
    }

    pub(super) fn is_hole(&self) -> bool {
        self.lock().is_hole
    }

    pub(super) fn set_drip(&self, bytes: Option<usize>) {
        self.lock().drip = bytes;
    }

    pub(super) fn drip(&self) -> Option<usize> {
        self.lock().drip
    }

    pub(super) fn cut_after(&self, bytes: usize) {
        self.lock().cut = Some(bytes);
    }

    pub(super) fn refuse(&self, service: Service, status: StatusCode, times: usize) {
        self.lock().refusals = Some((service, status, times));
    }

    pub(super) fn swallow(&self, notifications: usize) {
        self.lock().swallows = notifications;
    }

    pub(super) fn forge(&self, responses: usize) {
        self.lock().forgeries = responses;
    }

    pub(super) fn inject(&self, bytes: Vec<u8>) {
        self.lock().injection = Some(bytes);
    }

    /// How many refusals, swallowed notifications, cuts, forgeries and injections there have been.
    pub(super) fn played(&self) -> usize {
        self.lock().played
    }

    pub(super) fn reset_all(&self) {
        self.resets.send_modify(|count| *count += 1);
    }

    pub(super) fn resets(&self) -> watch::Receiver<u64> {
        self.resets.subscribe()
    }

    /// After how many bytes to cut this chunk of the server, if it is the one.
    pub(super) fn take_cut(&self, frame: &Frame) -> Option<usize> {
        let mut tricks = self.lock();
        let cut = tricks.cut.take_if(|bytes| frame.is_message() && *bytes < frame.bytes.len());
        tricks.played += usize::from(cut.is_some());
        cut
    }

    /// With what to refuse this request, if it is one.
    pub(super) fn take_refusal(&self, request: &Frame) -> Option<StatusCode> {
        let mut tricks = self.lock();
        let (service, status, times) = tricks.refusals?;
        if times == 0 || message::type_of(request) != Some(service.request()) {
            return None;
        }
        tricks.refusals = Some((service, status, times - 1));
        tricks.played += 1;
        Some(status)
    }

    /// What to send in place of this response.
    pub(super) fn take_another(&self, response: &Frame) -> Option<Frame> {
        self.take_swallow(response).or_else(|| self.take_forgery(response))
    }

    /// What to send in place of this response, if its notifications are to be swallowed.
    fn take_swallow(&self, response: &Frame) -> Option<Frame> {
        let mut tricks = self.lock();
        if tricks.swallows == 0 {
            return None;
        }
        let emptied = message::emptied(response).ok().flatten()?;
        tricks.swallows -= 1;
        tricks.played += 1;
        Some(emptied)
    }

    /// What to send in place of this response, if it is to claim what it does not hold.
    fn take_forgery(&self, response: &Frame) -> Option<Frame> {
        let mut tricks = self.lock();
        if tricks.forgeries == 0 {
            return None;
        }
        let forged = message::forged(response).ok().flatten()?;
        tricks.forgeries -= 1;
        tricks.played += 1;
        Some(forged)
    }

    /// Bytes to send before a message of the server.
    pub(super) fn take_injection(&self, response: &Frame) -> Option<Vec<u8>> {
        let mut tricks = self.lock();
        let bytes = tricks.injection.take_if(|_| response.is_message());
        tricks.played += usize::from(bytes.is_some());
        bytes
    }
}
