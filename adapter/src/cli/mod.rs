//! The command line: parse arguments, do one thing, map errors to exit codes.

pub mod args;
pub mod check;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "demo")]
pub mod demo_print;
mod describe;
pub mod entry;
mod evaluate;
mod histogram;
mod live;
pub mod model_args;
mod model_files;
mod models;
pub mod run;
mod score;
pub mod signals;
#[cfg(feature = "demo")]
pub mod simulate;
mod train;

pub use entry::main;
