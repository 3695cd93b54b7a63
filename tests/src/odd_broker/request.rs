//! What a client asks.

use anyhow::{Result, ensure};
use bytes::Bytes;

use super::wire::{Frame, Parts};

/// A CONNECT.
#[derive(Clone, Debug)]
pub struct Connect {
    /// Which of the broker's connections this is, from 1.
    pub number: usize,
    /// 4 for MQTT 3.1.1, 5.
    pub version: u8,
    /// The client's id.
    pub client_id: String,
    /// Clean session, or clean start.
    pub is_clean: bool,
    /// Seconds.
    pub keep_alive: u16,
    /// The last will.
    pub will: Option<Will>,
    /// The user's name.
    pub username: Option<String>,
}

/// What is published for a client that vanishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Bytes,
    /// Its quality of service.
    pub qos: u8,
    /// Whether the broker is to keep it.
    pub is_retained: bool,
}

/// A SUBSCRIBE.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Its packet id.
    pub id: u16,
    /// Its filters, in order.
    pub filters: Vec<String>,
    /// Filters of earlier ones on this connection.
    pub earlier: usize,
}

/// A PUBLISH.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Which message of the broker's this is, from 1, repeats included.
    pub number: usize,
    /// Its packet id; 0 for QoS 0.
    pub id: u16,
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Bytes,
    /// Its quality of service.
    pub qos: u8,
    /// Whether the broker is to keep it.
    pub is_retained: bool,
    /// Whether it says to be a repeat.
    pub is_duplicate: bool,
    /// Bytes of the whole packet.
    pub size: usize,
}

impl Publish {
    /// Levels of its topic.
    pub fn depth(&self) -> usize {
        self.topic.split('/').count()
    }
}

pub(super) fn connect(frame: &Frame, number: usize) -> Result<Connect> {
    let mut parts = Parts(frame.body.clone());
    let (protocol, version) = (parts.text()?, parts.byte()?);
    ensure!(protocol == "MQTT" && (version == 4 || version == 5), "protocol {protocol} {version}");
    let (flags, keep_alive) = (parts.byte()?, parts.number()?);
    parts.properties(version)?;
    let client_id = parts.text()?;
    let mut will = None;
    if flags & 0x04 != 0 {
        parts.properties(version)?;
        let (topic, payload) = (parts.text()?, parts.bytes()?);
        will = Some(Will { topic, payload, qos: flags >> 3 & 3, is_retained: flags & 0x20 != 0 });
    }
    let username = if flags & 0x80 == 0 { None } else { Some(parts.text()?) };
    Ok(Connect { number, version, client_id, is_clean: flags & 0x02 != 0, keep_alive, will, username })
}

pub(super) fn publish(frame: &Frame, version: u8, number: usize) -> Result<Publish> {
    let mut parts = Parts(frame.body.clone());
    let topic = parts.text()?;
    let qos = frame.head >> 1 & 3;
    let id = if qos == 0 { 0 } else { parts.number()? };
    ensure!(qos == 0 || id > 0, "a packet id of 0");
    parts.properties(version)?;
    Ok(Publish {
        number,
        id,
        topic,
        payload: parts.0,
        qos,
        is_retained: frame.head & 0x01 != 0,
        is_duplicate: frame.head & 0x08 != 0,
        size: frame.size,
    })
}

pub(super) fn subscribe(frame: &Frame, version: u8, earlier: usize) -> Result<Subscribe> {
    let mut parts = Parts(frame.body.clone());
    let (id, mut filters) = (parts.number()?, Vec::new());
    parts.properties(version)?;
    while !parts.is_empty() {
        filters.push(parts.text()?);
        parts.byte()?;
    }
    Ok(Subscribe { id, filters, earlier })
}

/// The packet id and the filters of an UNSUBSCRIBE.
pub(super) fn unsubscribe(frame: &Frame, version: u8) -> Result<(u16, Vec<String>)> {
    let mut parts = Parts(frame.body.clone());
    let (id, mut filters) = (parts.number()?, Vec::new());
    parts.properties(version)?;
    while !parts.is_empty() {
        filters.push(parts.text()?);
    }
    Ok((id, filters))
}
