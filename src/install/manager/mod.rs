//! `skep install-manager`: drives `openshift-install` inside the installer image (docs/spec/10 §14).
//!
//! The order is the contract: everything that can go wrong without the cloud goes first; then the infra ID
//! and the account are on record; then the hub gives permission; only then may a cloud resource exist. A
//! pod that finds an infra ID on its own attempt has been restarted: it must never go on, because nobody
//! knows how far the one before it came.

pub mod documents;
pub mod hub;
mod inputs;
pub mod leftovers;
pub mod logs;
pub mod milestones;
pub mod projection;
pub mod redact;
mod run;
pub mod runner;
#[cfg(test)]
mod tests;

pub use run::{Error, Failed, Settings, run};
