//! The second half of the resolve pass: from the tree to a `Config`, with everything that is wrong in its meaning.

mod broker;
mod broker_login;
mod broker_tls;
mod brokers;
mod build;
mod conflicts;
mod context;
mod features;
mod groups;
mod models;
mod node;
mod northbound;
mod opcua;
mod process;
mod security;
mod southbound;
mod subscription;
mod tags;
mod template;
mod url;
mod version;

pub(super) use build::{Inputs, Resolved, resolve};
pub(super) use features::show_offset;
