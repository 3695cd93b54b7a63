//! What a broker could send, as bytes: the way in for fuzz targets, and for nothing else.

use bytes::BytesMut;

use super::Codec;
use crate::config::effective::ProtocolVersion;

/// The largest packet that is taken, in bytes.
pub const MAX_PACKET_BYTES: usize = 4_096;

/// What was read, as text: each packet, and at the end why there was no further one. `sizes` are those of the pieces in
/// which the bytes come, over and over; empty when they come at once.
pub fn read(is_5: bool, bytes: &[u8], sizes: &[u8]) -> Vec<String> {
    let version = if is_5 { ProtocolVersion::V5 } else { ProtocolVersion::V311 };
    let codec = Codec::new(version, MAX_PACKET_BYTES);
    let (mut buffer, mut told) = (BytesMut::new(), Vec::new());
    let mut sizes = sizes.iter().map(|size| usize::from(*size)).filter(|size| *size > 0).cycle();
    let mut rest = bytes;
    loop {
        let (piece, later) = rest.split_at(sizes.next().unwrap_or(usize::MAX).min(rest.len()));
        rest = later;
        buffer.extend_from_slice(piece);
        loop {
            match codec.take(&mut buffer) {
                Ok(Some(received)) => told.push(format!("{received:?}")),
                Ok(None) => break,
                Err(error) => {
                    told.push(error.to_string());
                    return told;
                }
            }
        }
        // Room for what was read and for one more packet, as a buffer grows: by doubling.
        assert!(buffer.capacity() <= 2 * (bytes.len() + MAX_PACKET_BYTES), "{} bytes of room", buffer.capacity());
        if rest.is_empty() {
            told.push(format!("{} bytes are left", buffer.len()));
            return told;
        }
    }
}
