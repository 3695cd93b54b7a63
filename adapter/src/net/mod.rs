//! What both sides do alike to get a connection.

mod dial;

pub(crate) use dial::{DialError, dial};
