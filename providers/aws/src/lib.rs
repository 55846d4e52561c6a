//! Amazon Web Services behind the traits of `skep-providers`.
//!
//! * [`Aws`]: the factory of accounts, by Secret or assumed role.
//! * `inventory/`: what of a cluster is in an account, one file per service.
//! * `delete/`: how each kind goes. `describe`, `holders`: where it stands, and who keeps it.
//! * `machines`: instances and their power state.
//! * `client`, `error`: the way to AWS; `ownership`, `kinds`: what is ours, and in which order.
//!
//! This crate knows nothing of Kubernetes and decides no order of deletion: it states what AWS
//! enforces and the engine draws the graph.

mod client;
mod credentials;
mod delete;
mod describe;
mod error;
mod holders;
mod inventory;
mod kinds;
mod machines;
mod ownership;
mod profile;
mod target;

pub use client::{LIMITS, OTHER_LIMIT};
pub use credentials::{Aws, CLOUD};
