//! Admission: what may be written to the API, and what may not.
//!
//! [`review()`] judges one request. It is a plain function of the request and the [`Settings`]: no
//! client, no clock, no memory; a dry run is judged like any other request, since there is nothing that
//! it could change. The rules are tables, one per kind, in [`rules`]; the fields that must not change
//! are one more table, [`rules::fields`], from which the policies that guard a hub without the webhook
//! are generated as well.
//!
//! What Hive refuses is refused with the same code and causes; where the two differ, docs/admission.md
//! says so. A request that changes neither the specification nor what a rule looks at is always
//! allowed, so that nothing that is stored can become impossible to update or to delete. Secret values
//! never reach an answer.
//!
//! Mirrors docs/spec/41.

mod decode;
pub mod policy;
mod review;
pub mod rules;
pub mod server;
mod settings;
mod verdict;

pub use self::review::{
    GroupVersionKind, GroupVersionResource, HOOKS, Hook, Operation, Request, UserInfo, review,
};
pub use self::settings::{ContractImplementation, Settings, SettingsError, Sources};
pub use self::verdict::{
    Cause, Denial, Details, Finding, Response, Status, StatusCause, Style, Verdict,
};
