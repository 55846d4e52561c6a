//! The verbs of the binary.

pub mod inject;
pub mod pause;
