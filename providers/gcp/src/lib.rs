//! Google Cloud behind the traits of `skep-providers`.
//!
//! * [`Gcp`]: the factory of accounts, by the key of a service account.
//! * `key`, `token`: who acts, and the access token that its calls carry.
//! * `machines`: instances and their power state. `ownership`: which of them are a cluster's.
//! * `client`, `error`: the way to Google.
//!
//! Compute is called with Google's own crate, its retries off. Two things that crate cannot do are done
//! here with the HTTP client beneath it. It signs a token itself for each service and never asks the
//! token endpoint, so that a key that was withdrawn would only be noticed by whatever is called next, and
//! private endpoints could not be honoured: `token` makes the exchange. And it has no parameter for
//! partial answers: the lists carry the header that means the same, since whole instances hold the
//! clusters' ignition, which nobody here should even receive.
//!
//! This crate knows nothing of Kubernetes.

mod client;
mod credentials;
mod error;
mod key;
mod machines;
mod ownership;
mod token;

pub use client::{LIMITS, OTHER_LIMIT};
pub use credentials::{CLOUD, Gcp};
