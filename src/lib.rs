//! Skep.

pub mod cmd;
pub mod controllers;
pub mod install;
pub mod plan;
pub mod runtime;
