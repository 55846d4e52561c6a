//! The installation of one cluster: the pod that runs it, its rights, and the manager inside it
//! (docs/spec/10 §13–15). Knows no controller.

pub mod classify;
pub mod install_config;
pub mod job;
pub mod last_words;
pub mod manager;
pub mod pod_spec;
pub mod rbac;
pub mod release;
