//! The commands about models, as processes of their own: what goes in and out by files, by name and by pipes.

mod counted;
mod inputs_by_name;
mod pipes;
mod rig;
mod shown;
mod unknown;
