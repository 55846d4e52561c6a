//! The seeded simulation: real controllers and the real runtime against a model of the world.
//!
//! A [`World`](world::World) holds an executable model of the Kubernetes API server
//! ([`apiserver`]), a virtual clock (tokio's paused time on a current-thread runtime), and actors
//! ([`actors`]) for what the hub's own controllers and nodes do: Jobs, pods, garbage collection,
//! namespaces. The operator under test is any future that takes a `kube::Client`; it never learns
//! that its server is a model. Everything is a function of one seed.
//!
//! [`crash`] runs a scenario once undisturbed, counts the operator's effects, then runs it again
//! once per effect with the operator stopped there and started anew, and compares how it ends.
//!
//! This crate must never know Hive's decisions: it mirrors Kubernetes (docs/spec/60) and the
//! outside contracts of the pods (docs/spec/10 §8.3, §14; docs/spec/50 §14), nothing else.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::missing_panics_doc,
    clippy::unnecessary_box_returns,
    clippy::similar_names,
    reason = "a test crate: a broken expectation ends the test, and it owns its own clock"
)]

pub mod actors;
pub mod apiserver;
pub mod cloud;
pub mod crash;
pub mod seed;
pub mod transcript;
pub mod world;
