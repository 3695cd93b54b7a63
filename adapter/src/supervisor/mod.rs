//! Named tasks, one cancellation tree, phased drain, and the board on which the tasks say how they are.

pub mod board;

pub use board::{Board, Connection, TagState};
