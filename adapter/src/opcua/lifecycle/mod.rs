//! How a session begins, is kept and ends, and what follows each trouble.

mod keep_alive;
mod lessons;
pub(in crate::opcua) mod life;
pub(in crate::opcua) mod link;
mod recovery;
mod standing;
