//! End-to-end scenarios: the real binary between real peers, one scenario a file.

mod harness;
