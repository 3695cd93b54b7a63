//! The mapping language: YAML text with spans, one resolve pass, all diagnostics at once.
//!
//! The way of a file: [`load`] reads text, `compose` makes the spanned tree of it (mending what `syntax` can explain),
//! `expression` replaces `${…}`, `form` checks keys and types by the tables in `keys`, and `resolve` builds the
//! [`Config`]. Each of them goes on after a mistake.

mod compose;
mod credential;
pub mod diagnostic;
mod duration;
pub mod effective;
mod effective_broker;
mod effective_opcua;
mod effective_subscription;
mod expression;
mod form;
mod keys;
mod load;
mod mask;
mod node_help;
mod proxy;
mod report;
mod resolve;
mod resolved;
mod resolved_model;
mod resolved_subscription;
mod scalar;
mod schema;
mod size;
mod source;
mod span;
mod suggest;
mod syntax;
mod tree;
mod view;

pub use credential::{Credential, RereadError};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use effective::Config;
pub use expression::{Environment, ProcessEnvironment};
pub use load::{Loaded, MAX_FILE_SIZE, load, parse};
pub use proxy::{Proxy, ProxyError};
pub use resolved::resolved_yaml;
pub use schema::schema;
pub(crate) use suggest::did_you_mean;

#[cfg(test)]
mod tests;
