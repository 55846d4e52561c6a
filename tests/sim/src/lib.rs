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
//! # Writing a scenario
//!
//! 1. [`world::simulate`] makes a world of a seed and runs a story in it. `server.seed_object` sets
//!    the stage, `start_actors` brings the hub's controllers and a node whose pods run a
//!    [`actors::Programs`] (for installations: [`actors::install::Script`], an attempt a row),
//!    `start_operator` starts the operator and keeps it alive.
//! 2. People act through `world.client("person")`. `world.until` waits for a condition within virtual
//!    time and prints transcript, conditions and Events when it does not come; `world.quiet` waits
//!    until nothing changes any more.
//! 3. Trouble: `kill_operator`, `stop_operator` and `resume_operator`; `server.freeze_watches`,
//!    `delay_watches`, `skip_events`, `compact`; `server.faults()` with [`apiserver::faults::Rule`]s.
//! 4. [`transcript::render`] gives the lines of a golden file.
//! 5. A story that implements [`crash::Scenario`] goes through [`crash::for_every_effect`].
//!
//! The operator gets its time from `life.now()`, its client from `life.client`, and its cloud through
//! [`cloud::seen_by`], so that calls to the cloud are effects too. Determinism is broken by
//! `tokio::select!` without `biased`, by `tokio::sync::watch` with several receivers, and by iterating
//! hash maps: the operator must do without them where order shows.
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
