//! Names of the controllers, as metrics, logs and `HiveConfig` know them (docs/spec/33 §2, docs/spec/40
//! §13–14).
//!
//! `HiveConfig`'s own list differs in letter case for some (docs/spec/44 §10, 13): compare without case.
//! Set by `HiveConfig`'s author where it disables or tunes a controller; read by the operator and by every
//! dashboard that tells controllers apart.

/// Registers installed clusters with Argo CD.
pub const ARGOCD_REGISTER: &str = "argocdregister";
/// Gives the hub private access to clusters on AWS.
pub const AWS_PRIVATE_LINK: &str = "awsprivatelink";
/// Looks after claims for clusters.
pub const CLUSTER_CLAIM: &str = "clusterclaim";
/// Brings a `ClusterDeployment` from creation to installed, and to its deletion.
pub const CLUSTER_DEPLOYMENT: &str = "clusterDeployment";
/// Deletes a cluster from its cloud.
pub const CLUSTER_DEPROVISION: &str = "clusterDeprovision";
/// Keeps a pool of clusters filled.
pub const CLUSTER_POOL: &str = "clusterpool";
/// Removes namespaces of pools that hold no cluster any more.
pub const CLUSTER_POOL_NAMESPACE: &str = "clusterpoolnamespace";
/// Follows one attempt.
pub const CLUSTER_PROVISION: &str = "clusterProvision";
/// Moves clusters to another hub.
pub const CLUSTER_RELOCATE: &str = "clusterRelocate";
/// Mirrors the state of a cluster's operators.
pub const CLUSTER_STATE: &str = "clusterState";
/// Writes objects, secrets and patches to clusters.
pub const CLUSTER_SYNC: &str = "clustersync";
/// Mirrors a cluster's version.
pub const CLUSTER_VERSION: &str = "clusterversion";
/// Sees to the certificates of a cluster's API.
pub const CONTROL_PLANE_CERTS: &str = "controlPlaneCerts";
/// Delegates from a parent domain to the zones of clusters.
pub const DNS_ENDPOINT: &str = "dnsendpoint";
/// Makes the zones of clusters.
pub const DNS_ZONE: &str = "dnszone";
/// Pretends installations by another controller.
pub const FAKE_CLUSTER_INSTALL: &str = "fakeclusterinstall";
/// Stops and starts machines.
pub const HIBERNATION: &str = "hibernation";
/// Reads `HiveConfig` and keeps the installation as it says.
pub const HIVE: &str = "hive";
/// Keeps the machine sets of clusters as their pools say.
pub const MACHINE_POOL: &str = "machinepool";
/// Counts the fleet.
pub const METRICS: &str = "metrics";
/// Gives the hub private access to clusters on other clouds than AWS.
pub const PRIVATE_LINK: &str = "privatelink";
/// Sees to the ingress of clusters and its certificates.
pub const REMOTE_INGRESS: &str = "remoteingress";
/// Old name of [`MACHINE_POOL`], which `HiveConfig` still accepts where it disables controllers.
pub const REMOTE_MACHINE_SET: &str = "remotemachineset";
/// Sees to the identity providers of clusters.
pub const SYNC_IDENTITY_PROVIDER: &str = "syncidentityprovider";
/// Probes installed clusters.
pub const UNREACHABLE: &str = "unreachable";
/// Backs up namespaces with clusters.
pub const VELERO_BACKUP: &str = "velerobackup";
/// Prefix of the throttling variables that hold for every controller.
pub const DEFAULT: &str = "default";
/// Lease that both Hive and Skep take before they act on a hub.
pub const LEADER_LEASE: &str = "hive-controllers-leader";
