//! What a decision looks like: a plan, its notes, and the names that it gives to what it creates.
//!
//! Plain values and plain functions: nothing in here knows a client, a clock or a task. It speaks
//! Hive's words (docs/spec/10), so that the runtime below it does not have to.

mod note;
#[expect(
    clippy::module_inception,
    reason = "the plan itself is what the folder is named for"
)]
mod plan;

pub use note::{Note, NoteKind, Waiting};
pub use plan::{Plan, Requeue};
/// Deterministic names of what is created: the same decision taken twice names the same object, so
/// that a crash between creating and recording, or a stale cache, meets `AlreadyExists`.
pub use skep_crds::names::object_name as naming;
