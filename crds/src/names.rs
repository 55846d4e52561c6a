//! Every name that stands on the wire: labels, annotations, finalizers, conditions and their
//! reasons, keys of Secrets, environment variables, controllers, metrics, derived objects and the parts of
//! an installation.
//!
//! Scripts, dashboards and other programs match on these strings, so each is written once, here,
//! with who sets it and who reads it. Mirrors docs/spec/10, 20 to 23, 30 to 33, 40, 44 and 50, against whose
//! lists a test holds it in both directions. Names without a controller yet are here so that none is
//! spelled anew.
//! Deciding which of them to use is not this module's business.

pub mod annotation;
pub mod component;
pub mod condition;
pub mod controller;
pub mod env;
pub mod finalizer;
pub mod label;
pub mod metric;
pub mod object_name;
pub mod path;
pub mod reason;
pub mod secret_key;
pub mod skep;
pub mod tag;
pub mod value;

/// The API group of the kinds.
pub const GROUP: &str = "hive.openshift.io";
/// The API group of the kinds that other controllers' installations follow.
pub const CONTRACTS_GROUP: &str = "hivecontracts.openshift.io";
/// The API group of the operator's own book-keeping.
pub const INTERNAL_GROUP: &str = "hiveinternal.openshift.io";
/// The API group of the kinds that Skep adds.
pub const SKEP_GROUP: &str = "skep.dev";
