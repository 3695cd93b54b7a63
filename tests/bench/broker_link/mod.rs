//! The adapter's link to its broker, in the whole adapter, beside a bare loop over the same packets in the same run.

mod backlog;
mod bare;
mod bed;
mod measure;
mod offer;
mod sample;
mod settings;
mod swallow;
mod table;
mod turn;
mod wire;

pub(crate) use backlog::{Arguments as BacklogArguments, measure as measure_backlog};
pub(crate) use bare::{Arguments as BareArguments, run as run_bare};
pub(crate) use measure::{Arguments, measure};
pub(crate) use swallow::run as swallow;
pub(crate) use wire::Target;
