//! The spool while there is no broker, and once there is one again, beside a bare file and a bare client.

mod bare_file;
mod drain;
mod fill;
mod measure;

pub(crate) use bare_file::{Arguments as FileArguments, run as write_bare};
pub(crate) use drain::{Arguments as DrainArguments, run as drain};
pub(crate) use fill::{Arguments as FillArguments, run as fill};
pub(crate) use measure::{Arguments, measure};
