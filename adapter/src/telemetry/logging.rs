//! Logs go to stderr, as text or as JSON; results go to stdout.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What is logged unless `RUST_LOG` says otherwise: our own news, and only trouble from the PLC of the demo.
/// The client libraries call every lost connection an error; their rooms say the same in words that help.
const LIBRARIES: &str = "opcua=off,opcua_client=off,opcua_core=off,opcua_crypto=off,opcua_server=error,\
                         opcua_types=off,rumqttc=off,rumqttd=off";

/// Starts logging for the whole process. `level` is what our own rooms log at least: `debug`, `info`, `warn`, `error`.
///
/// # Errors
///
/// When logging was started before.
pub fn start(format: LogFormat, level: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let fallback = format!("{level},{LIBRARIES}");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(fallback));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    }
}

/// Sends panics to the log, where they belong, instead of bare text on stderr.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {}", info.payload_as_str().unwrap_or("no message"));
    }));
}
