//! One connection through the proxy.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

use super::{
    frame::{Frame, Frames},
    message,
    plan::Plan,
};
use crate::pause;

/// How often some bytes of a slow drip fall.
const DRIP: Duration = Duration::from_millis(5);
const BUFFER: usize = 64 * 1024;

/// What the numbers of one direction have to be shifted by, and the chunks that have come of it.
#[derive(Debug, Default)]
struct Direction {
    frames: Frames,
    shift: i64,
    /// The last number that was passed on.
    last: u32,
    /// The chunk before was not the last of its message.
    is_amid: bool,
}

impl Direction {
    /// Whether this chunk is a whole message. To be asked once for each.
    fn is_whole_message(&mut self, frame: &Frame) -> bool {
        let is_amid = std::mem::replace(&mut self.is_amid, !frame.is_final());
        frame.is_message() && frame.is_final() && !is_amid
    }

    fn pass(&mut self, mut frame: Frame) -> Frame {
        if self.shift != 0 {
            frame.renumber(self.shift);
        }
        self.last = frame.sequence().unwrap_or(self.last);
        frame
    }
}

/// Passes everything on as the plan says, until one side ends it or all are to be reset.
pub(super) async fn run(mut client: TcpStream, mut server: TcpStream, plan: Arc<Plan>) {
    let mut resets = plan.resets();
    let is_reset = tokio::select! {
        _ = resets.changed() => true,
        // An error ends it as the end of a stream does: by closing both sides.
        _ = relay(&mut client, &mut server, &plan) => false,
    };
    if is_reset {
        for stream in [&client, &server] {
            stream.set_zero_linger().unwrap_or_default();
        }
    }
}

async fn relay(client: &mut TcpStream, server: &mut TcpStream, plan: &Plan) -> Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let (mut up, mut down) = (Direction::default(), Direction::default());
    let (mut sent, mut answered) = (vec![0; BUFFER], vec![0; BUFFER]);
    let mut is_lost = false;
    loop {
        let (is_up, count) = tokio::select! {
            count = read(&mut from_client, &mut sent) => (true, count?),
            count = read(&mut from_server, &mut answered) => (false, count?),
        };
        if count == 0 {
            return Ok(());
        }
        // What is swallowed once can never be made good: the connection stays lost when the hole is closed.
        is_lost |= plan.is_hole();
        if is_lost {
            continue;
        }
        if is_up {
            up.frames.extend(&sent[..count]);
            while let Some(frame) = up.frames.next()? {
                ask(frame, &mut up, &mut down, plan, &mut to_server, &mut to_client).await?;
            }
        } else {
            down.frames.extend(&answered[..count]);
            while let Some(frame) = down.frames.next()? {
                if !answer(frame, &mut down, plan, &mut to_client).await? {
                    return Ok(());
                }
            }
        }
    }
}

async fn read(from: &mut ReadHalf<'_>, buffer: &mut [u8]) -> Result<usize> {
    Ok(from.read(buffer).await?)
}

/// Passes a request on, or refuses it in the server's place; the server never sees such a one.
async fn ask(
    frame: Frame,
    up: &mut Direction,
    down: &mut Direction,
    plan: &Plan,
    to_server: &mut WriteHalf<'_>,
    to_client: &mut WriteHalf<'_>,
) -> Result<()> {
    let refusal = if up.is_whole_message(&frame) { plan.take_refusal(&frame) } else { None };
    let Some(status) = refusal else {
        return write(to_server, &up.pass(frame).bytes, plan).await;
    };
    down.last += 1;
    let refusal = message::refusal(&frame, down.last, status)?;
    up.shift -= 1;
    down.shift += 1;
    write(to_client, &refusal.bytes, plan).await
}

/// Passes a response on as the plan says; `false` when it was the last, and not even whole.
async fn answer(frame: Frame, down: &mut Direction, plan: &Plan, to_client: &mut WriteHalf<'_>) -> Result<bool> {
    let instead = if down.is_whole_message(&frame) { plan.take_another(&frame) } else { None };
    let frame = down.pass(instead.unwrap_or(frame));
    if let Some(bytes) = plan.take_injection(&frame) {
        write(to_client, &bytes, plan).await?;
    }
    let cut = plan.take_cut(&frame);
    write(to_client, &frame.bytes[..cut.unwrap_or(frame.bytes.len())], plan).await?;
    Ok(cut.is_none())
}

async fn write(to: &mut WriteHalf<'_>, bytes: &[u8], plan: &Plan) -> Result<()> {
    let mut rest = bytes;
    while let Some(step) = plan.drip() {
        let (now, later) = rest.split_at(step.min(rest.len()));
        to.write_all(now).await?;
        rest = later;
        if rest.is_empty() {
            return Ok(());
        }
        pause(DRIP).await;
    }
    Ok(to.write_all(rest).await?)
}
