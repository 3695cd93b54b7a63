//! Messages to publish bare: what the adapter has published, or some like it.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::{
    Error, QoS,
    v5::{Packet, Publish},
};

use super::wire::{Target, Wire};

/// Messages in a sample.
const MESSAGES: usize = 5_000;

/// Listens to the adapter until it has enough, and writes them to a file as PUBLISH packets, properties included.
pub(super) async fn record(target: &Target, file: &Path) -> Result<()> {
    let (mut wire, _) = Wire::open(target, "bench-sample").await?;
    wire.subscribe("bench/#").await?;
    let (mut packets, mut count) = (BytesMut::new(), 0);
    while count < MESSAGES {
        if let packet @ Packet::Publish(_) = wire.next().await? {
            packet.write(&mut packets, None)?;
            count += 1;
        }
    }
    fs::write(file, packets).context("writing the sample")
}

/// Writes messages of that many payload bytes from so many tags to a file.
pub(super) fn make_up(tags: usize, payload: usize, file: &Path) -> Result<()> {
    let mut packets = BytesMut::new();
    for number in 0..MESSAGES {
        let topic = format!("bench/T{:04}", number % tags.max(1) + 1);
        let publish = Publish::new(topic, QoS::AtMostOnce, Bytes::from(vec![b'x'; payload]), None);
        Packet::Publish(publish).write(&mut packets, None)?;
    }
    fs::write(file, packets).context("writing the sample")
}

/// Reads a sample as messages of QoS 1.
pub(super) fn read(file: &Path) -> Result<Vec<Publish>> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let mut packets = BytesMut::from(bytes.as_slice());
    let mut messages = Vec::new();
    loop {
        match Packet::read(&mut packets, None) {
            Ok(Packet::Publish(publish)) => messages.push(Publish { qos: QoS::AtLeastOnce, ..publish }),
            Ok(_) => {}
            Err(Error::InsufficientBytes(_)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    ensure!(!messages.is_empty(), "the sample is empty");
    Ok(messages)
}
