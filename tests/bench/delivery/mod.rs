//! The delivery path alone, from the spool to the broker's PUBACK, beside a bare client that publishes the same messages.

mod bare;
mod compare;
mod flow;
mod link;
mod listener;
mod pace;
mod side;
mod table;
mod through_spool;

pub(crate) use bare::{Arguments as BareArguments, run as run_bare};
pub(crate) use compare::{Arguments, beside, compare, quiet_broker};
pub(crate) use flow::Flow;
pub(crate) use link::Delivery;
pub(crate) use listener::{Arguments as ListenerArguments, run as listen};
pub(crate) use side::{Measured, ToBroker};
pub(crate) use through_spool::{Arguments as SpoolArguments, run as run_through_spool};
