//! The command line: parse arguments, do one thing, map errors to exit codes.

pub mod args;
pub mod check;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "demo")]
pub mod demo_print;
pub mod entry;
pub mod run;
pub mod signals;
#[cfg(feature = "demo")]
pub mod simulate;

pub use entry::main;
