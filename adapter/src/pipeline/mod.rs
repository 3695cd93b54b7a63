//! What happens to a value on its way north and to a command on its way south.

pub mod ingress;
pub mod northbound;
pub mod southbound;
