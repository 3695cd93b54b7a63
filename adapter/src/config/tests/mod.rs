//! Tests of the room as a whole: text in, diagnostics or a `Config` out.

mod cases;
mod defaults;
mod hostile;
mod precedence;
mod secrets;
mod shipped;
