//! Named tasks, one cancellation tree, phased drain, and the board on which the tasks say how they are.

pub mod board;
mod epoch;
pub mod state_dir;
pub mod status;
pub mod tasks;

pub use board::{Board, Connection, TagState, part_of_broker};
pub use state_dir::StateDir;
pub use status::StatusTask;
pub use tasks::{Phase, Supervisor, TaskFailed};
