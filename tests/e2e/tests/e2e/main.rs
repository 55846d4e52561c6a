//! The main job on a real hub, with pods, images, an emulated cloud and the leak oracle.
#![expect(clippy::unwrap_used, reason = "tests; a failed unwrap says where")]

mod bad_input;
mod crash;
mod handshake;
mod main_job;
mod namespace;
