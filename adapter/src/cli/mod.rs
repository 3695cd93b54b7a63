//! The command line: parse arguments, do one thing, map errors to exit codes.

pub mod args;
mod browse;
mod browse_tree;
mod certs;
pub mod certs_args;
mod certs_text;
pub mod check;
mod check_online;
mod check_report;
mod connection;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "demo")]
pub mod demo_print;
mod describe;
mod emit_yaml;
pub mod entry;
mod evaluate;
mod histogram;
mod live;
pub mod model_args;
mod model_files;
mod models;
pub mod online_args;
mod printable;
mod progress;
mod read;
pub mod run;
mod score;
pub mod signals;
#[cfg(feature = "demo")]
pub mod simulate;
mod spool;
pub mod spool_args;
mod spool_export;
mod spool_text;
mod train;
mod watch;
mod watch_table;
mod write;

pub use entry::main;
