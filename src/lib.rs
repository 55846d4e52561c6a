//! Skep.

pub mod cmd;
pub mod install;
