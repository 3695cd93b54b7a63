//! MQTT packets, as far as the proxy looks into them.

use anyhow::{Context, Result, ensure};
use bytes::BytesMut;
use rumqttc::v5::mqttbytes::v5::Packet as Decoded;

/// Larger ones are no business of a test.
const LARGEST: usize = 4 << 20;
/// The property's identifier.
const RECEIVE_MAXIMUM: u8 = 0x21;

/// What a packet is to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The broker's answer to CONNECT.
    ConnAck,
    /// A PUBLISH that wants to be acknowledged.
    Publish {
        /// Its packet id.
        id: u16,
    },
    /// The acknowledgement of one.
    PubAck {
        /// Its packet id.
        id: u16,
    },
    /// Anything else.
    Other,
}

/// The kind of a whole packet.
pub(super) fn kind_of(packet: &[u8]) -> Result<Kind> {
    let (first, body) = (packet[0], &packet[header(packet).context("a packet without a header")?.0..]);
    Ok(match first >> 4 {
        2 => Kind::ConnAck,
        3 if first & 0b0110 != 0 => {
            let topic = usize::from(u16_at(body, 0)?);
            Kind::Publish { id: u16_at(body, 2 + topic)? }
        }
        4 => Kind::PubAck { id: u16_at(body, 0)? },
        _ => Kind::Other,
    })
}

/// A CONNACK of MQTT 5 that allows so many messages in flight, or fewer where it did before.
pub(super) fn with_receive_maximum(connack: &[u8], maximum: u16) -> Result<Vec<u8>> {
    let Decoded::ConnAck(mut decoded) = Decoded::read(&mut BytesMut::from(connack), None)? else {
        anyhow::bail!("no CONNACK: {connack:?}");
    };
    let Some(properties) = &mut decoded.properties else {
        let [high, low] = maximum.to_be_bytes();
        return Ok(vec![connack[0], 6, connack[2], connack[3], 3, RECEIVE_MAXIMUM, high, low]);
    };
    properties.receive_max = properties.receive_max.or(Some(maximum)).min(Some(maximum));
    let mut bytes = BytesMut::new();
    Decoded::ConnAck(decoded).write(&mut bytes, None)?;
    Ok(bytes.to_vec())
}

/// Bytes as they arrive, cut into packets.
#[derive(Debug, Default)]
pub(super) struct Packets {
    waiting: Vec<u8>,
}

impl Packets {
    /// Takes in what has arrived.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.waiting.extend(bytes);
    }

    /// The next packet that is whole.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let Some((start, length)) = header(&self.waiting) else {
            ensure!(self.waiting.len() < 5, "no MQTT: {:?}", &self.waiting[..5]);
            return Ok(None);
        };
        ensure!(length <= LARGEST, "a packet of {length} bytes");
        if self.waiting.len() < start + length {
            return Ok(None);
        }
        let rest = self.waiting.split_off(start + length);
        Ok(Some(std::mem::replace(&mut self.waiting, rest)))
    }
}

/// Where the body begins and how long it is; `None` where the header is not whole, or is none.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (at, byte) in bytes.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            return Some((at + 1, length));
        }
    }
    None
}

fn u16_at(body: &[u8], at: usize) -> Result<u16> {
    let bytes = body.get(at..at + 2).context("a packet that ends too early")?;
    Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISH: [u8; 10] = [0x32, 8, 0, 1, b't', 0, 7, 0, b'o', b'k'];
    const PUBACK: [u8; 4] = [0x40, 2, 0, 7];

    #[test]
    fn packets_are_found_however_they_arrive() {
        let large = [vec![0x30, 0xc8, 0x01], vec![0; 200]].concat();
        let bytes = [&PUBLISH[..], &large, &PUBACK].concat();
        for step in [1, 3, 10, bytes.len()] {
            let (mut packets, mut found) = (Packets::default(), Vec::new());
            for part in bytes.chunks(step) {
                packets.extend(part);
                while let Some(packet) = packets.next().unwrap() {
                    found.push(packet);
                }
            }
            assert_eq!(found, [PUBLISH.to_vec(), large.clone(), PUBACK.to_vec()], "in steps of {step}");
        }
    }

    #[test]
    fn what_wants_an_acknowledgement_is_told_from_what_does_not() {
        assert_eq!(kind_of(&PUBLISH).unwrap(), Kind::Publish { id: 7 });
        assert_eq!(kind_of(&PUBACK).unwrap(), Kind::PubAck { id: 7 });
        assert_eq!(kind_of(&[0x30, 5, 0, 1, b't', 0, b'x']).unwrap(), Kind::Other);
        assert_eq!(kind_of(&[0xd0, 0]).unwrap(), Kind::Other);
        assert!(kind_of(&[0x40, 0]).is_err());
    }

    #[test]
    fn a_length_that_never_ends_is_an_error() {
        let mut packets = Packets::default();
        packets.extend(&[0x30, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert!(packets.next().is_err());
    }

    #[test]
    fn the_receive_maximum_is_put_in_or_lowered() {
        let allowing = |maximum: u8| [0x20, 6, 0, 0, 3, 0x21, 0, maximum];
        assert_eq!(with_receive_maximum(&[0x20, 3, 0, 0, 0], 20).unwrap(), allowing(20));
        assert_eq!(with_receive_maximum(&allowing(50), 20).unwrap(), allowing(20));
        assert_eq!(with_receive_maximum(&allowing(10), 20).unwrap(), allowing(10));
    }
}
