//! Tagwise.
