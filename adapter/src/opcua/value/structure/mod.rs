//! Structures and enumerations: what the server defines, read lazily, and values decoded by it.
//!
//! A body comes as bytes with an encoding id in front. `desk` decodes it with the types that
//! are known (`types`, `decode`, `built_in`, `reader`), or lets it wait (`hold`) while that one type and those it nests are
//! read (`catalogue`, `definition`, `names`, and `base_types` where
//! the server leaves OPC UA's own to its clients). `finish` gives enumerations their names and picks a tag's `field`.

mod base_types;
mod built_in;
mod catalogue;
mod decode;
mod definition;
mod desk;
mod doubts;
mod finish;
mod hold;
pub mod hostile;
mod names;
pub(in crate::opcua) mod server;
mod types;

pub(in crate::opcua) use desk::Structures;
