//! UA TCP (Part 6, 7.1): frames of bounded size, and the hello before the first of them.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use opcua::types::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{Decoder, FramedRead};

use crate::opcua::{
    problem::Problem,
    value::reader::{Malformed, Reader},
};

/// The largest frame that we take, as the hello tells the server.
pub(super) const MAX_FRAME_BYTES: usize = 65_535;
/// The largest message that we take.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// Frames that a message may consist of.
pub(super) const MAX_FRAMES: usize = MAX_MESSAGE_BYTES / MIN_BUFFER;
/// What every server has to take (Part 6, 7.1.2.3).
const MIN_BUFFER: usize = 8_192;
/// Type, chunk type and size.
pub(super) const HEADER: usize = 8;
/// Bytes of an address in the hello (Part 6, 7.1.2.3).
const MAX_URL: usize = 4_096;

/// A frame as it came, its header included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
}

impl Frame {
    /// `MSG`, `OPN`, `ACK` and the like.
    pub(super) fn kind(&self) -> &[u8] {
        &self.bytes[..3]
    }

    /// `F` for the last of a message, `C` for one that others follow, `A` for a message that was given up.
    pub(super) fn chunk(&self) -> u8 {
        self.bytes[3]
    }

    /// What stands behind the header.
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[HEADER..]
    }

    /// What an `ERR` says: a StatusCode and a reason.
    pub(super) fn error(&self) -> (StatusCode, String) {
        let mut reader = Reader::new(self.body());
        let status = reader.u32().map_or(StatusCode::BadCommunicationError, StatusCode::from);
        let reason = reader.text().ok().flatten().unwrap_or_default();
        (status, reason.chars().take(200).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect())
    }
}

/// Cuts a stream into frames; one that is larger than was agreed ends it before anything is kept for it.
#[derive(Debug)]
pub(super) struct FrameDecoder;

impl Decoder for FrameDecoder {
    type Item = Frame;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
        let Some(header) = buffer.first_chunk::<HEADER>() else { return Ok(None) };
        let [a, b, c, chunk, s0, s1, s2, s3] = *header;
        let is_known = matches!(&[a, b, c], b"MSG" | b"OPN" | b"CLO" | b"ACK" | b"ERR");
        if !is_known || !matches!(chunk, b'F' | b'C' | b'A') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what came is no frame of OPC UA"));
        }
        let size = usize::try_from(u32::from_le_bytes([s0, s1, s2, s3])).unwrap_or(usize::MAX);
        if !(HEADER..=MAX_FRAME_BYTES).contains(&size) {
            let reason = format!("a frame of {size} bytes came, and {HEADER} to {MAX_FRAME_BYTES} were agreed");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        if buffer.len() < size {
            buffer.reserve(size - buffer.len());
            return Ok(None);
        }
        Ok(Some(Frame { bytes: buffer.split_to(size).freeze() }))
    }
}

/// What the server takes of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SendLimits {
    /// Bytes of a frame.
    pub(super) frame: usize,
    /// Bytes of a message.
    pub(super) message: usize,
    /// Frames of a message.
    pub(super) frames: usize,
}

/// Says hello, and returns what the server takes.
pub(super) async fn hello<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    reader: &mut FramedRead<R, FrameDecoder>,
    writer: &mut W,
    url: &str,
) -> Result<SendLimits, Problem> {
    writer.write_all(&hello_message(url)).await.map_err(|error| Problem::of_greeting(&error))?;
    let frame = match futures_util::StreamExt::next(reader).await {
        None => return Err(Problem::NoGreeting { reason: "it closed it".to_owned() }),
        Some(Err(error)) => return Err(Problem::of_greeting(&error)),
        Some(Ok(frame)) => frame,
    };
    match frame.kind() {
        b"ACK" => limits(frame.body()).map_err(|error| Problem::greeting(&error.to_string()))?.ok_or_else(|| {
            Problem::greeting(&format!("the server takes frames of less than {MIN_BUFFER} bytes, which OPC UA forbids"))
        }),
        b"ERR" => {
            let (status, _) = frame.error();
            Err(Problem::of_status(crate::opcua::problem::Step::Hello, status, std::time::Duration::ZERO))
        }
        _ => Err(Problem::greeting("the server answered with something else")),
    }
}

fn hello_message(url: &str) -> BytesMut {
    let url = url.get(..MAX_URL).unwrap_or(url).as_bytes();
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let size = HEADER + 5 * 4 + 4 + url.len();
    let mut bytes = BytesMut::with_capacity(size);
    bytes.put_slice(b"HELF");
    bytes.put_u32_le(number(size));
    bytes.put_u32_le(0);
    // How much we take, and how much we send at most.
    bytes.put_u32_le(number(MAX_FRAME_BYTES));
    bytes.put_u32_le(number(MAX_FRAME_BYTES));
    bytes.put_u32_le(number(MAX_MESSAGE_BYTES));
    bytes.put_u32_le(number(MAX_FRAMES));
    bytes.put_u32_le(number(url.len()));
    bytes.put_slice(url);
    bytes
}

/// `None` for buffers that are smaller than OPC UA allows.
fn limits(mut body: &[u8]) -> Result<Option<SendLimits>, Malformed> {
    if body.len() < 20 {
        return Err(Malformed::Short { length: body.len() });
    }
    let mut number = || usize::try_from(body.get_u32_le()).unwrap_or(usize::MAX);
    let (_version, receive, send, message, frames) = (number(), number(), number(), number(), number());
    let limit = |limit: usize, most: usize| if limit == 0 { most } else { limit.min(most) };
    Ok((receive >= MIN_BUFFER && send >= MIN_BUFFER).then(|| SendLimits {
        frame: receive.min(MAX_FRAME_BYTES),
        message: limit(message, MAX_MESSAGE_BYTES),
        frames: limit(frames, MAX_FRAMES),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: [u8; 4], size: u32, body: &[u8]) -> BytesMut {
        let mut bytes = BytesMut::from(&kind[..]);
        bytes.put_u32_le(size);
        bytes.put_slice(body);
        bytes
    }

    #[test]
    fn frames_come_out_whole_whatever_the_pieces() {
        let whole = frame(*b"MSGF", 11, b"abc");
        let mut buffer = BytesMut::new();
        for byte in whole.iter().take(10) {
            buffer.put_u8(*byte);
            assert_eq!(FrameDecoder.decode(&mut buffer).unwrap(), None);
        }
        buffer.put_slice(b"cMSGC");
        let found = FrameDecoder.decode(&mut buffer).unwrap().unwrap();
        assert_eq!((found.kind(), found.chunk(), found.body()), (&b"MSG"[..], b'F', &b"abc"[..]));
        assert_eq!(&buffer[..], b"MSGC");
    }

    #[test]
    fn a_size_that_was_not_agreed_ends_the_stream_and_costs_no_memory() {
        for size in [0, 7, 65_536, i32::MAX as u32, u32::MAX] {
            let mut buffer = frame(*b"MSGF", size, b"");
            assert!(FrameDecoder.decode(&mut buffer).is_err(), "{size}");
            assert!(buffer.capacity() < 1_000_000);
        }
        for kind in [b"GETF", b"MSGX", b"HTTP"] {
            assert!(FrameDecoder.decode(&mut frame(*kind, 20, b"")).is_err());
        }
    }

    #[test]
    fn what_the_server_takes_counts_and_too_little_is_refused() {
        let ack = |numbers: [u32; 5]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
        let taken = limits(&ack([0, 8_192, 8_192, 0, 5])).unwrap();
        assert_eq!(taken, Some(SendLimits { frame: 8_192, message: MAX_MESSAGE_BYTES, frames: 5 }));
        assert_eq!(limits(&ack([0, u32::MAX, u32::MAX, 9, 0])).unwrap().unwrap().frame, MAX_FRAME_BYTES);
        assert_eq!(limits(&ack([0, 100, 8_192, 0, 0])).unwrap(), None);
        assert!(limits(&[0; 19]).is_err());
    }

    #[test]
    fn a_hello_says_how_long_it_is() {
        let bytes = hello_message("opc.tcp://plc");
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len());
        assert!(hello_message(&"x".repeat(10_000)).len() < 5_000);
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = FrameDecoder.decode(&mut buffer) {
                frame.error();
            }
        }
    }
}
