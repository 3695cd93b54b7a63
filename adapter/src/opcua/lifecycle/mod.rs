//! How a session begins, is kept and ends, and what follows each trouble.

mod keep_alive;
pub(in crate::opcua) mod life;
pub(in crate::opcua) mod link;
pub(in crate::opcua) mod standing;
