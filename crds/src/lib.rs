//! The API that Skep serves: types of the `hive.openshift.io` kinds, the names on the wire, and the
//! rules by which condition lists are written.
//!
//! The crate describes shapes and says how they are merged. It never talks to a cluster, never
//! reads a clock or the environment, and knows nothing of a runtime, so that everything above it can
//! depend on it and so that it compiles quickly.
//!
//! Rules that hold for every type here:
//!
//! - decoding and encoding a valid object gives the same object back: an optional field is an
//!   `Option`, so that "absent" and "empty" stay apart; a value outside a known set is kept in the
//!   enum's `Other` arm; parts that the API declares free-form are kept as trees;
//! - a missing required field fails the decoding of that one object, never more;
//! - integers are signed, because the API's are.
//!
//! The schemas in `crds/yaml` are generated from these types (see [`schema`]). Mirrors
//! docs/spec/44; the kinds' behaviour is in docs/spec/10 and 20.

#![warn(missing_docs)]

pub mod condition;
pub mod external;
pub mod names;
pub mod platform;
pub mod schema;
pub mod v1;
pub mod wire;

pub use condition::{Condition, ConditionStatus};
pub use v1::cluster_deployment::{
    ClusterDeployment, ClusterDeploymentSpec, ClusterDeploymentStatus,
};
pub use v1::cluster_deprovision::{
    ClusterDeprovision, ClusterDeprovisionSpec, ClusterDeprovisionStatus,
};
pub use v1::cluster_image_set::{ClusterImageSet, ClusterImageSetSpec, ClusterImageSetStatus};
pub use v1::cluster_provision::{
    ClusterProvision, ClusterProvisionSpec, ClusterProvisionStatus, Stage,
};
pub use wire::{LocalObjectReference, Time};
