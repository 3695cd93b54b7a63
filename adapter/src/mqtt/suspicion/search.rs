//! The search itself: what each end of a connection shows, and what is given up.

use std::time::{Duration, Instant};

use super::{
    convicts::Convicts,
    filters::FilterPlan,
    sending::{Retained, Sending},
    will::WillTrial,
};
use crate::{
    domain::{TopicFilter, TopicName},
    mqtt::{packet::Reason, window::Place},
};

/// Hang-ups on short connections after which one packet is sent at a time.
const BLIND_DEATHS: u32 = 2;
/// A connection that lived so long is a good one, whatever ended it.
pub(super) const GOOD_LIFE: Duration = Duration::from_secs(30);
/// Times that the broker hangs up on the same message alone, without a word, until it is given up.
const STRIKES_OF_A_MESSAGE: u32 = 3;
/// The same for packets of the link's own, of which nothing is lost.
const STRIKES_OF_OWN: u32 = 2;
/// After how long what was given up is tried again.
pub(super) const TRIED_AGAIN_AFTER: Duration = Duration::from_hours(1);

/// The only packet that was on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mqtt) enum Culprit {
    /// A message of the spool: its place, topic, and the bytes of all that it carries.
    Message(Place, TopicName, usize),
    /// The status message.
    Status,
    /// A SUBSCRIBE of these filters.
    Subscribe(Vec<TopicFilter>),
}

impl Culprit {
    const fn strikes(&self) -> u32 {
        match self {
            Self::Message(..) => STRIKES_OF_A_MESSAGE,
            // Nothing is lost by asking for fewer at a time.
            Self::Subscribe(filters) if filters.len() > 1 => 1,
            Self::Status | Self::Subscribe(_) => STRIKES_OF_OWN,
        }
    }
}

/// How a connection ended on which the broker hung up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Death {
    /// The reason in its DISCONNECT, and its words.
    pub(in crate::mqtt) reason: Option<Reason>,
    /// What was on its way, when nothing else was.
    pub(in crate::mqtt) alone: Option<Culprit>,
    /// How many packets waited for an answer.
    pub(in crate::mqtt) in_flight: usize,
    /// From CONNACK to the end.
    pub(in crate::mqtt) lived: Duration,
}

/// What the connections before have shown.
#[derive(Debug)]
pub(in crate::mqtt) struct Suspicion {
    blind_deaths: u32,
    candidate: Option<Culprit>,
    strikes: u32,
    /// To be convicted, if a connection without it lives.
    accused: Option<Culprit>,
    convicts: Convicts,
    will: WillTrial,
    status: Retained,
    filters: FilterPlan,
}

impl Suspicion {
    /// Nothing is suspected; `filters` are to be subscribed.
    pub(in crate::mqtt) fn new(filters: &[TopicFilter]) -> Self {
        Self {
            blind_deaths: 0,
            candidate: None,
            strikes: 0,
            accused: None,
            convicts: Convicts::default(),
            will: WillTrial::default(),
            status: Retained::default(),
            filters: FilterPlan::new(filters),
        }
    }

    /// A connection is about to be made: what was given up long ago is tried again. Returns how the Will is to be sent.
    pub(in crate::mqtt) fn begin(&mut self, now: Instant) -> Sending {
        self.status.begin(now);
        self.filters.begin(now);
        self.will.begin(now)
    }

    /// The broker refused CONNECT with this reason, or hung up on it without one.
    pub(in crate::mqtt) const fn on_connect_failed(&mut self, reason: Option<Reason>) {
        self.will.on_failed(reason);
    }

    /// The broker has let us in.
    pub(in crate::mqtt) fn on_let_in(&mut self, now: Instant) {
        self.will.on_let_in(now);
    }

    /// The broker has hung up.
    pub(in crate::mqtt) fn on_death(&mut self, death: Death, now: Instant) {
        let Death { reason, alone, in_flight, lived } = death;
        if in_flight == 0 {
            if self.accused.take().is_some() {
                self.clear();
            }
            return;
        }
        let speaks = reason.is_some_and(speaks_of_a_packet);
        let alone = alone.filter(|culprit| {
            // A quota may be that of subscriptions, and is no fault of a message.
            reason != Some(Reason::QUOTA_EXCEEDED) || matches!(culprit, Culprit::Subscribe(_))
        });
        match alone {
            Some(culprit) if speaks || self.is_probing() => self.strike(culprit, reason, speaks, now),
            // Nobody may publish there, or this client may not at all: only a packet alone tells.
            _ if speaks => self.blind_deaths = BLIND_DEATHS,
            _ if lived >= GOOD_LIFE => self.blind_deaths = 0,
            _ => self.blind_deaths += 1,
        }
    }

    /// Whether the next connection is to send one packet at a time, until all that may be guilty is answered.
    pub(in crate::mqtt) const fn is_probing(&self) -> bool {
        self.blind_deaths >= BLIND_DEATHS
    }

    /// Whether the next connection is to send nothing for a while.
    pub(in crate::mqtt) const fn wants_silence(&self) -> bool {
        self.accused.is_some()
    }

    /// The broker has left a connection alone on which nothing was sent.
    pub(in crate::mqtt) fn on_silence_survived(&mut self, now: Instant) {
        if let Some(culprit) = self.accused.take() {
            self.convict(culprit, None, now);
        }
    }

    /// All that may be guilty was answered.
    pub(in crate::mqtt) fn clear(&mut self) {
        self.blind_deaths = 0;
        self.candidate = None;
    }

    fn strike(&mut self, culprit: Culprit, reason: Option<Reason>, speaks: bool, now: Instant) {
        self.blind_deaths = BLIND_DEATHS;
        self.strikes = if self.candidate.as_ref() == Some(&culprit) { self.strikes + 1 } else { 1 };
        if !speaks && self.strikes < culprit.strikes() {
            self.candidate = Some(culprit);
            return;
        }
        (self.strikes, self.candidate) = (0, None);
        if !speaks && matches!(culprit, Culprit::Message(..)) {
            self.accused = Some(culprit);
        } else {
            self.convict(culprit, reason, now);
        }
    }

    fn convict(&mut self, culprit: Culprit, reason: Option<Reason>, now: Instant) {
        match culprit {
            Culprit::Message(place, topic, bytes) => self.convicts.convict(place, &topic, bytes, reason, now),
            Culprit::Status => self.status.give_up(reason, now),
            Culprit::Subscribe(filters) => self.filters.give_up(&filters, reason, now),
        }
    }

    /// This message is to be given up when its turn comes, for this reason.
    pub(in crate::mqtt) fn accuse(&mut self, place: Place, reason: &str) {
        self.convicts.accuse(place, reason.to_owned());
    }

    /// Nothing is taken, so nothing is known of what was not.
    pub(in crate::mqtt) fn forget_convicts(&mut self) {
        self.convicts = Convicts::default();
    }

    /// Why this message is not to be sent; `bytes` of all that it carries.
    pub(in crate::mqtt) fn verdict(
        &mut self,
        place: Place,
        topic: &TopicName,
        bytes: usize,
        now: Instant,
    ) -> Option<String> {
        self.convicts.verdict(place, topic, bytes, now)
    }

    /// The broker has taken a message of so many bytes of all that it carries.
    pub(in crate::mqtt) fn on_accepted(&mut self, bytes: usize) {
        self.convicts.on_accepted(bytes);
    }

    /// How the status is to be sent.
    pub(in crate::mqtt) const fn status(&self) -> Sending {
        self.status.sending()
    }

    /// The filters to subscribe, those of one SUBSCRIBE together.
    pub(in crate::mqtt) fn filters(&self) -> Vec<Vec<TopicFilter>> {
        self.filters.packets()
    }

    /// What was given up, each with reason and what to do. `status_topic` is that of status and Will.
    pub(in crate::mqtt) fn concerns(&self, status_topic: &TopicName) -> Vec<String> {
        let mut concerns = Vec::new();
        concerns.extend(self.will.concern(status_topic));
        concerns.extend(self.status.concern("the status message on", status_topic));
        concerns.extend(self.filters.concern());
        concerns
    }
}

/// Whether a reason says that the packet was wrong, and not the client or the moment.
const fn speaks_of_a_packet(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::MALFORMED_PACKET
            | Reason::NOT_AUTHORIZED
            | Reason::TOPIC_FILTER_INVALID
            | Reason::TOPIC_NAME_INVALID
            | Reason::PACKET_TOO_LARGE
            | Reason::PAYLOAD_FORMAT_INVALID
            | Reason::RETAIN_NOT_SUPPORTED
            | Reason::QOS_NOT_SUPPORTED
            | Reason::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
            | Reason::WILDCARDS_NOT_SUPPORTED
    )
}

/// The reason, where the broker gave one.
pub(super) fn words(reason: Option<Reason>) -> String {
    reason.map_or_else(|| "it hangs up without a reason".to_owned(), |reason| format!("its reason: {reason}"))
}
