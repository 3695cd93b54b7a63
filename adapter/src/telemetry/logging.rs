//! Logs go to stderr, as text or as JSON.
