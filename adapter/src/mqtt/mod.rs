//! To come.
mod backoff;
mod commands;
mod options;
mod outgoing;
mod reason;
mod tls;
mod trouble;
mod window;
#[cfg(test)]
mod window_model_test;
