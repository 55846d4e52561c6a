//! Tests of facts, plans and the deprovision engine over the fake cloud. Time is paused: nothing
//! here waits.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod calls;
mod common;
mod facts;
mod listings;
mod machines;
mod plans;
mod properties;
mod scenarios;
