//! End-to-end scenarios: the real binary between real peers, one scenario a file.

mod absent_at_start;
mod alarm;
mod bad_quality;
mod broker_restart;
mod check;
mod commands;
mod commands_by_paho;
mod commands_refused;
mod demo;
mod harness;
mod health;
mod mapping_mistakes;
mod metrics;
mod missing_node;
mod opcua_restart;
mod predict;
mod retrain;
mod shutdown;
mod soak;
mod state;
mod support;
mod tls;
mod types;
mod values;
mod wrong_credentials;
