//! Every name that stands on the wire: labels, annotations, finalizers, conditions and their
//! reasons, keys of Secrets, environment variables, controllers, derived objects.
//!
//! Scripts, dashboards and other programs match on these strings, so each is written once, here,
//! with who sets it and who reads it. Mirrors docs/spec/10 §3, §4, §13, §21, §24 and docs/spec/20 §2–4.
//! Deciding which of them to use is not this module's business.

pub mod annotation;
pub mod condition;
pub mod controller;
pub mod env;
pub mod finalizer;
pub mod label;
pub mod object_name;
pub mod path;
pub mod reason;
pub mod secret_key;
pub mod skep;
pub mod value;

/// The API group of the kinds.
pub const GROUP: &str = "hive.openshift.io";
/// The API group of the kinds that other controllers' installations follow.
pub const CONTRACTS_GROUP: &str = "hivecontracts.openshift.io";
/// The API group of the operator's own book-keeping.
pub const INTERNAL_GROUP: &str = "hiveinternal.openshift.io";
/// The API group of the kinds that Skep adds.
pub const SKEP_GROUP: &str = "skep.dev";
