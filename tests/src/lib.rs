//! The harness of the end-to-end scenarios: the real binary, real peers, and a probe that sees what they exchange.
//!
//! Everything listens on loopback, everything started is stopped on drop, and every wait has a deadline and a name.

mod account;
mod adapter;
mod binary;
mod broker;
mod fault_proxy;
mod hivemq;
mod hostile_server;
mod http;
mod mapping;
mod message;
mod metrics;
mod mosquitto;
mod mqtt_proxy;
mod odd_broker;
mod peer;
mod ports;
mod probe;
mod process;
mod sequence;
mod simulator;
mod small_disk;
mod spooled;
mod stack;
mod tls;
mod ua_client;
mod ua_server;
mod usage;
mod wait;

pub use account::{Account, Verdict};
pub use adapter::{Adapter, Output, run_to_end, run_to_end_in};
pub use binary::{example_binary, tagwise_binary, workspace_root};
pub use broker::{Broker, BrokerKind, BrokerOptions};
pub use fault_proxy::{FaultProxy, Service};
pub use hivemq::{HiveMq, HiveMqOptions};
pub use hostile_server::{HostileServer, Hostility};
pub use http::{Http, Reply};
pub use mapping::Mapping;
pub use message::Message;
pub use metrics::{Metrics, Sample};
pub use mosquitto::{BrokerAccess, Mosquitto, MosquittoOptions};
pub use mqtt_proxy::MqttProxy;
pub use odd_broker::{
    Answer, Behaviour, Connect, Event, Farewell, Granted, OddBroker, Outcome, Publish, Reading, Rule, Seen, Subscribe,
    Subscribed, Will,
};
pub use peer::{Peer, announce_skip};
pub use ports::free_port;
pub use probe::MqttProbe;
pub use process::{Process, Signal};
pub use sequence::{Fault, SequenceCheck};
pub use simulator::{Simulator, SimulatorOptions};
pub use small_disk::{SmallDisk, cannot_mount};
pub use spooled::{SpoolFolder, SpooledMessage};
pub use stack::Stack;
pub use tls::{Authority, ServerCertificate};
pub use ua_client::UaClient;
pub use ua_server::{UaServer, UaServerOptions};
pub use usage::Usage;
pub use wait::{PATIENCE, pause, wait_until};
