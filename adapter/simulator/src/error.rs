//! What can go wrong when the PLC or the broker starts.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why the PLC or the broker did not start.
#[derive(Debug, Error)]
pub enum SimulatorError {
    /// Somebody else listens there already.
    #[error("{addr} is in use; stop the program that listens there, or take another port (0 takes any free one)")]
    PortInUse {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// The address cannot be listened on for another reason, such as a missing permission.
    #[error("cannot listen on {addr}: {source}; take an address of this machine and a port that is allowed")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The load rate is not a number between 0.001 and 1000 ticks per second.
    #[error("{rate_hz} Hz is no possible load rate; choose one from 0.001 to 1000")]
    LoadRate {
        /// The rate that was asked for, in ticks per second.
        rate_hz: f64,
    },
    /// More load tags than the server can hold.
    #[error("{tags} load tags are too many; choose at most {limit}")]
    LoadTags {
        /// The number that was asked for.
        tags: usize,
        /// The largest number allowed.
        limit: usize,
    },
    /// No threads, or no temporary directory, could be made.
    #[error("cannot set up the simulator: {source}; check the limits on threads and the temporary directory")]
    Setup {
        /// What the operating system answered.
        source: io::Error,
    },
    /// The OPC UA or MQTT library refused its configuration or ended at once.
    #[error("the simulated server did not start: {reason}; this is a mistake in the simulator, please report it")]
    Server {
        /// What the library said.
        reason: String,
    },
}
