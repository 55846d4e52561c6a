//! The API that Skep serves: types of the `hive.openshift.io` and `hiveinternal.openshift.io` kinds,
//! the names on the wire, and the rules by which condition lists are written.
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
//! - a missing required field fails the decoding of that one object, never more; a spec that is
//!   absent altogether reads as an empty one where an empty one would do, and is written as such;
//! - fields that this version does not know are left behind outside of free-form parts; therefore no
//!   writer sends a whole object that it has read, but a patch of what it owns;
//! - integers are signed, because the API's are.
//!
//! The schemas in `crds/yaml` are generated from these types (see [`schema`]). Mirrors
//! docs/spec/44; the kinds' behaviour is in the chapters that their modules name.

#![warn(missing_docs)]

pub mod condition;
pub mod external;
pub mod facts;
pub mod names;
pub mod platform;
pub mod schema;
pub mod v1;
pub mod v1alpha1;
pub mod wire;

pub use condition::{Condition, ConditionStatus};
pub use v1::checkpoint::{Checkpoint, CheckpointSpec, CheckpointStatus};
pub use v1::cluster_claim::{ClusterClaim, ClusterClaimSpec, ClusterClaimStatus};
pub use v1::cluster_deployment::{
    ClusterDeployment, ClusterDeploymentSpec, ClusterDeploymentStatus,
};
pub use v1::cluster_deployment_customization::{
    ClusterDeploymentCustomization, ClusterDeploymentCustomizationSpec,
    ClusterDeploymentCustomizationStatus,
};
pub use v1::cluster_deprovision::{
    ClusterDeprovision, ClusterDeprovisionSpec, ClusterDeprovisionStatus,
};
pub use v1::cluster_image_set::{ClusterImageSet, ClusterImageSetSpec, ClusterImageSetStatus};
pub use v1::cluster_pool::{ClusterPool, ClusterPoolSpec, ClusterPoolStatus};
pub use v1::cluster_provision::{
    ClusterProvision, ClusterProvisionSpec, ClusterProvisionStatus, Stage,
};
pub use v1::cluster_relocate::{ClusterRelocate, ClusterRelocateSpec, ClusterRelocateStatus};
pub use v1::cluster_state::{ClusterState, ClusterStateSpec, ClusterStateStatus};
pub use v1::dns_zone::{DnsZone, DnsZoneSpec, DnsZoneStatus};
pub use v1::hive_config::{HiveConfig, HiveConfigSpec, HiveConfigStatus};
pub use v1::machine_pool::{MachinePool, MachinePoolSpec, MachinePoolStatus};
pub use v1::machine_pool_name_lease::{
    MachinePoolNameLease, MachinePoolNameLeaseSpec, MachinePoolNameLeaseStatus,
};
pub use v1::selector_sync_identity_provider::{
    SelectorSyncIdentityProvider, SelectorSyncIdentityProviderSpec,
};
pub use v1::selector_sync_set::{SelectorSyncSet, SelectorSyncSetSpec, SelectorSyncSetStatus};
pub use v1::sync_identity_provider::{
    IdentityProviderStatus, SyncIdentityProvider, SyncIdentityProviderSpec,
};
pub use v1::sync_set::{SyncSet, SyncSetCommonSpec, SyncSetSpec, SyncSetStatus};
pub use v1alpha1::cluster_sync::{ClusterSync, ClusterSyncSpec, ClusterSyncStatus};
pub use v1alpha1::cluster_sync_lease::{ClusterSyncLease, ClusterSyncLeaseSpec};
pub use v1alpha1::fake_cluster_install::{
    FakeClusterInstall, FakeClusterInstallSpec, FakeClusterInstallStatus,
};
pub use wire::{LocalObjectReference, Time};
