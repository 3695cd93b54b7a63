//! From labels to alarms, with hysteresis: raised after so many anomalous values in a row, cleared after so many normal ones.

mod machine;
mod mapping_alarm;

pub use machine::{AlarmChange, AlarmMachine};
pub use mapping_alarm::Alarm;
