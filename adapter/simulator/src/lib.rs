//! A small S7-1500-like PLC and an embedded MQTT broker, for `tagwise demo`, `tagwise simulate` and tests.
//!
//! [`Plc`] is a real OPC UA server: namespace index 3, Siemens string ids such as `"Machine"."Vibration"`, a machine whose
//! bearing fails now and then, one node of every scalar type, structures and an enumeration, and as many load tags as one likes. Unlike the library
//! below it, it refuses wrongly typed writes, as a real PLC does. [`Broker`] is rumqttd, configured in code.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use tagwise_simulator::{Broker, Plc, PlcOptions};
//!
//! let plc = Plc::start(PlcOptions::default()).await?;
//! let broker = Broker::start("127.0.0.1:0".parse().unwrap()).await?;
//! assert!(plc.endpoint_url().starts_with("opc.tcp://127.0.0.1:"));
//! assert!(broker.url().starts_with("mqtt://127.0.0.1:"));
//! plc.stop().await;
//! broker.stop().await;
//! # Ok::<(), tagwise_simulator::SimulatorError>(())
//! # }).unwrap();
//! ```

mod address_space;
mod broker;
mod diagnostics;
mod error;
mod late_samples;
mod limits;
mod load;
mod machine;
mod node_manager;
mod permissions;
mod plc;
mod port;
mod samples;
mod security;
mod structures;
mod ticker;
mod writes;

pub use address_space::NAMESPACE_URI;
pub use broker::Broker;
pub use diagnostics::Diagnostics;
pub use error::SimulatorError;
pub use limits::PlcLimits;
pub use load::{LoadStatistics, load_tag_node_id};
pub use machine::{Machine, MachineOptions, Readings};
pub use plc::{Plc, PlcOptions};
pub use port::free_port;
pub use security::PlcSecurity;
