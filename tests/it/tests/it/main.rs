//! Skep beside a real API server, without pods: what a double of the server could get wrong. Rights, versions,
//! conflicts, watches and defaults are the server's own here.
//!
//! Tests of one hub share it, each in namespaces of its own, and run in parallel. What concerns the whole hub
//! (a lost leader, another schema) starts a hub of its own. Nothing waits for a length of time: each wait
//! names what it waits for, and each silence is proven by a later event that has passed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends with what it expected"
)]

mod admission;
mod adoption;
mod attempt;
mod by_hand;
mod deletion;
mod examples;
mod expressions;
mod gitops;
mod leader;
mod log_patterns;
mod policies;
mod power;
mod remote;
mod rights;
mod schema;
mod takeover;
mod undecodable;
mod world;
