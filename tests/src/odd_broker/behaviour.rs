//! What the broker does, as data; by default what a broker should.

use std::{fmt, sync::Arc, time::Duration};

use super::{Connect, Farewell, Publish, Subscribe, wire};

/// The answer to a CONNECT or a PUBLISH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Reason 0.
    Yes,
    /// Another reason, of MQTT 5. By 3.1.1 a CONNACK has the code that is next to it, and a message that is refused is
    /// acknowledged all the same.
    Reason(u8),
    /// None, and the message is lost.
    Nothing,
    /// None, though the message is taken.
    Swallowed,
    /// The end of the connection.
    HangUp(Farewell),
}

/// The answer to a SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscribed {
    /// The codes, one a filter.
    Codes(Vec<u8>),
    /// The end of the connection.
    HangUp(Farewell),
}

/// How the broker reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As fast as it comes.
    Freely,
    /// So many bytes a second, as over a slow link.
    BytesPerSecond(u32),
    /// Nothing, after the CONNECT.
    Nothing,
}

/// What a CONNACK of MQTT 5 says; the standard's defaults where absent.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// Messages in flight.
    pub receive_maximum: Option<u16>,
    /// Bytes of a packet. Not enforced by itself.
    pub max_packet_bytes: Option<u32>,
    /// Whether messages are kept.
    pub retain_available: Option<bool>,
    /// Whether filters may have wildcards.
    pub wildcards_available: Option<bool>,
    /// The highest quality of service.
    pub max_qos: Option<u8>,
    /// Seconds.
    pub keep_alive: Option<u16>,
}

impl Granted {
    pub(super) fn properties(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut add = |id: u8, value: &[u8]| bytes.extend([&[id], value].concat());
        if let Some(seconds) = self.keep_alive {
            add(0x13, &seconds.to_be_bytes());
        }
        if let Some(maximum) = self.receive_maximum {
            add(0x21, &maximum.to_be_bytes());
        }
        if let Some(qos) = self.max_qos {
            add(0x24, &[qos]);
        }
        if let Some(is_available) = self.retain_available {
            add(0x25, &[u8::from(is_available)]);
        }
        if let Some(maximum) = self.max_packet_bytes {
            add(0x27, &maximum.to_be_bytes());
        }
        if let Some(is_available) = self.wildcards_available {
            add(0x28, &[u8::from(is_available)]);
        }
        bytes
    }
}

/// What is answered to a request; it may count.
pub type Rule<Request, Reply> = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// All of it. A rule is asked for each packet.
#[derive(Clone)]
pub struct Behaviour {
    /// The answer to each CONNECT.
    pub connect: Rule<Connect, Answer>,
    /// The answer to each SUBSCRIBE.
    pub subscribe: Rule<Subscribe, Subscribed>,
    /// The answer to each PUBLISH.
    pub publish: Rule<Publish, Answer>,
    /// What the CONNACK says.
    pub granted: Granted,
    /// How it reads.
    pub reading: Reading,
    /// Messages it acknowledges within a second, of all clients; the others get no answer and are lost.
    pub quota: Option<usize>,
    /// For so long it keeps a PUBACK back.
    pub puback_delay: Duration,
    /// Every second PUBACK for so much longer, so that they come out of order.
    pub puback_disorder: Duration,
    /// Every connection ends after so long, in this way.
    pub lifetime: Option<(Duration, Farewell)>,
    /// Bytes that nobody asked for, so long after each CONNACK.
    pub intrusions: Vec<(Duration, Vec<u8>)>,
    /// Whether it answers pings.
    pub answers_pings: bool,
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Behaviour").field("granted", &self.granted).finish_non_exhaustive()
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            connect: Arc::new(|_| Answer::Yes),
            subscribe: Arc::new(|subscribe| Subscribed::Codes(vec![1; subscribe.filters.len()])),
            publish: Arc::new(|_| Answer::Yes),
            granted: Granted::default(),
            reading: Reading::Freely,
            quota: None,
            puback_delay: Duration::ZERO,
            puback_disorder: Duration::ZERO,
            lifetime: None,
            intrusions: Vec::new(),
            answers_pings: true,
        }
    }
}

impl Behaviour {
    /// Answers each CONNECT so.
    #[must_use]
    pub fn on_connect(self, rule: impl Fn(&Connect) -> Answer + Send + Sync + 'static) -> Self {
        Self { connect: Arc::new(rule), ..self }
    }

    /// Answers each SUBSCRIBE so.
    #[must_use]
    pub fn on_subscribe(self, rule: impl Fn(&Subscribe) -> Subscribed + Send + Sync + 'static) -> Self {
        Self { subscribe: Arc::new(rule), ..self }
    }

    /// Answers each filter of a SUBSCRIBE so; by MQTT 3.1.1 every error is 0x80.
    #[must_use]
    pub fn on_filter(self, code: impl Fn(&str) -> u8 + Send + Sync + 'static) -> Self {
        self.on_subscribe(move |subscribe| {
            Subscribed::Codes(subscribe.filters.iter().map(|filter| code(filter)).collect())
        })
    }

    /// Hangs up on each SUBSCRIBE that has a filter of this kind.
    #[must_use]
    pub fn hang_up_on_filter(self, how: Farewell, is_one: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.on_subscribe(move |subscribe| {
            if subscribe.filters.iter().any(|filter| is_one(filter)) {
                Subscribed::HangUp(how.clone())
            } else {
                Subscribed::Codes(vec![1; subscribe.filters.len()])
            }
        })
    }

    /// Answers each PUBLISH so.
    #[must_use]
    pub fn on_publish(self, rule: impl Fn(&Publish) -> Answer + Send + Sync + 'static) -> Self {
        Self { publish: Arc::new(rule), ..self }
    }

    /// Answers each PUBLISH of this kind so, and takes the others.
    #[must_use]
    pub fn where_published(self, is_one: impl Fn(&Publish) -> bool + Send + Sync + 'static, answer: Answer) -> Self {
        self.on_publish(move |publish| if is_one(publish) { answer.clone() } else { Answer::Yes })
    }

    /// Every connection ends after so long.
    #[must_use]
    pub fn living(self, time: Duration, end: Farewell) -> Self {
        Self { lifetime: Some((time, end)), ..self }
    }

    /// Sends these bytes so long after each CONNACK.
    #[must_use]
    pub fn intruding(mut self, after: Duration, bytes: &[u8]) -> Self {
        self.intrusions.push((after, bytes.to_vec()));
        self
    }

    pub(super) fn connack(&self, version: u8, reason: u8) -> Vec<u8> {
        if version < 5 {
            return wire::packet(0x20, &[0, old_code(reason)]);
        }
        let properties = if reason == 0 { self.granted.properties() } else { Vec::new() };
        wire::packet(0x20, &[&[0, reason], &wire::length_of(properties.len())[..], &properties].concat())
    }
}

/// The CONNACK code of MQTT 3.1.1 that is next to a reason.
const fn old_code(reason: u8) -> u8 {
    match reason {
        0 => 0,
        0x84 => 1,
        0x85 => 2,
        0x88 | 0x89 => 3,
        0x86 => 4,
        _ => 5,
    }
}
