//! What the command line knows beyond wiring.

pub mod why;
