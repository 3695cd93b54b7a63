//! The mapping language: YAML text with spans, one resolve pass, all diagnostics at once.

pub mod effective;

pub use effective::Config;
