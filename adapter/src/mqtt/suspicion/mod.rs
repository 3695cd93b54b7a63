//! Finds the packet on which connections die, be it a message or one of the link's own.
//!
//! A broker of MQTT 3.1.1 says no by hanging up, and some do so with MQTT 5; others say why in a DISCONNECT, and not of
//! what. Sent again after each reconnection, such a packet would block all that follows it. Which one it is cannot be seen
//! while many are on their way, and a broker that hangs up for another reason must cost no message. So:
//!
//! - After two hang-ups in a row on short connections, or one DISCONNECT that speaks of a packet, the next connections send
//!   one packet at a time: messages first, then the link's own (status, SUBSCRIBE), until all are answered.
//! - A message is convicted when the broker has hung up on it, and nothing else, three times in a row, and then left a
//!   connection alone on which nothing was sent for a while (another client with our id would have ended that, too); or
//!   once, with a reason that speaks of it. It goes to the dead letters, and its topic or its size is remembered
//!   (`convicts`).
//! - A SUBSCRIBE on which the broker hangs up is halved until it names one filter, which is given up after two hang-ups. Of
//!   the status first the retain bit is given up, then all of it. The same goes for the Will, which travels in CONNECT
//!   (`will`). What is given up is said on the board, and tried again after an hour, on a new connection.
//!
//! A pure state machine, kept over connections.

mod convicts;
mod filters;
mod search;
mod sending;
#[cfg(test)]
mod tests;
mod will;

pub(super) use search::{Culprit, Death, Suspicion};
pub(super) use sending::Sending;
