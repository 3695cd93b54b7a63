//! From JSON to the very OPC UA type that a node has, exactly or not at all.
//!
//! A server answers `BadTypeMismatch` to an Int32 where an Int16 is due, or takes it and stores something else; so the
//! type is made here. Nothing is guessed: text is no number, 1 is not true, 5.5 is no integer. Two roundings are part
//! of the target types and therefore taken: a Float or Double is the one nearest to the number given, and a DateTime
//! is cut to OPC UA's 100 ns.

mod error;
mod number;
mod scalar;
mod shape;
mod structured;
mod text;

pub use error::CoerceError;
pub use shape::coerce;
