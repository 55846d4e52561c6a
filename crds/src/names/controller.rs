//! Names of the controllers, as metrics, logs and `HiveConfig` know them.
//!
//! `HiveConfig`'s own list differs in letter case for some (docs/spec/44 §10, 13): compare without case.

/// Brings a `ClusterDeployment` from creation to installed, and to its deletion.
pub const CLUSTER_DEPLOYMENT: &str = "clusterDeployment";
/// Follows one attempt.
pub const CLUSTER_PROVISION: &str = "clusterProvision";
/// Deletes a cluster from its cloud.
pub const CLUSTER_DEPROVISION: &str = "clusterDeprovision";
/// Stops and starts machines.
pub const HIBERNATION: &str = "hibernation";
/// Probes installed clusters.
pub const UNREACHABLE: &str = "unreachable";
/// Prefix of the throttling variables that hold for every controller.
pub const DEFAULT: &str = "default";
/// Lease that both Hive and Skep take before they act on a hub.
pub const LEADER_LEASE: &str = "hive-controllers-leader";
