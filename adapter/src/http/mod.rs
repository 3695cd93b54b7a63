//! Metrics, health and the model API. Listens on loopback unless told otherwise.

pub mod auth;
pub mod health;
mod listener;
pub mod models;
pub mod predict_body;
pub mod server;

pub use server::{HttpServer, HttpState};
