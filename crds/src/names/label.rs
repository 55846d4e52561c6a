//! Labels. "CD controller" is the `ClusterDeployment` controller.

/// On everything derived from a cluster: its `ClusterDeployment`'s name. Set by whoever creates the
/// object; read to find the objects, to map their events, and to repair ownership after a restore.
pub const CLUSTER_DEPLOYMENT_NAME: &str = "hive.openshift.io/cluster-deployment-name";
/// On Jobs and Secrets of an attempt: its `ClusterProvision`'s name. Set by the `ClusterProvision`
/// controller and the install manager; read to repair ownership.
pub const CLUSTER_PROVISION_NAME: &str = "hive.openshift.io/cluster-provision-name";
/// On Jobs of an attempt: the same name again, by which its controller finds them.
pub const CLUSTER_PROVISION: &str = "hive.openshift.io/cluster-provision";
/// On uninstall Jobs and pods: the `ClusterDeprovision`'s name. Set and read by its controller.
pub const CLUSTER_DEPROVISION_NAME: &str = "hive.openshift.io/cluster-deprovision-name";
/// On the `ClusterDeployment`: its platform. Kept right by the CD controller; read by a printer column,
/// metrics and users' selectors.
pub const CLUSTER_PLATFORM: &str = "hive.openshift.io/cluster-platform";
/// On the `ClusterDeployment`: its region. Kept right by the CD controller; read like the platform.
pub const CLUSTER_REGION: &str = "hive.openshift.io/cluster-region";
/// On the `ClusterDeployment`: a class of clusters. Set by the user; read by metrics and a printer
/// column, copied to the image set Job.
pub const CLUSTER_TYPE: &str = "hive.openshift.io/cluster-type";
/// On the `ClusterDeployment`: the cluster's version. Set by the cluster version controller; read by a
/// printer column.
pub const VERSION: &str = "hive.openshift.io/version";
/// On the `ClusterDeployment`: the version's first part. Set by the cluster version controller.
pub const VERSION_MAJOR: &str = "hive.openshift.io/version-major";
/// On the `ClusterDeployment`: the version's first two parts. Set by the cluster version controller.
pub const VERSION_MAJOR_MINOR: &str = "hive.openshift.io/version-major-minor";
/// On the `ClusterDeployment`: the version's first three parts. Set by the cluster version controller.
pub const VERSION_MAJOR_MINOR_PATCH: &str = "hive.openshift.io/version-major-minor-patch";
/// On the `ClusterDeployment`: the cluster cannot be upgraded to the next minor version. Set by the
/// cluster version controller.
pub const MINOR_VERSION_UPGRADE_UNAVAILABLE: &str =
    "hive.openshift.io/minor-version-upgrade-unavailable";
/// On the `ClusterDeployment` or its pool: resuming does not wait for the cluster's operators. Set by
/// the user; read by the hibernation controller.
pub const RESUME_SKIPS_CLUSTER_OPERATORS: &str = "hive.openshift.io/resume-skips-cluster-operators";
/// On Jobs that install. Set by the `ClusterProvision` controller; read by metrics.
pub const INSTALL: &str = "hive.openshift.io/install";
/// On Jobs that resolve images. Set by the CD controller; read by metrics.
pub const IMAGE_SET: &str = "hive.openshift.io/imageset";
/// On Jobs that delete a cluster. Set by the `ClusterDeprovision` controller; read by metrics.
pub const UNINSTALL: &str = "hive.openshift.io/uninstall";
/// On Jobs, their pods and network policies: which kind of Job. Set by the creating controller; read by
/// the network policies and to repair ownership.
pub const JOB_TYPE: &str = "hive.openshift.io/job-type";
/// On derived Secrets: what they hold. Set by the creator; read to repair ownership.
pub const SECRET_TYPE: &str = "hive.openshift.io/secret-type";
/// On `DNSZone`s: which kind of zone. Set by the CD controller; read to repair ownership.
pub const DNS_ZONE_TYPE: &str = "hive.openshift.io/dnszone-type";
/// On volume claims; leftover of old versions, reserved.
pub const PVC_TYPE: &str = "hive.openshift.io/pvc-type";
/// On `ConfigMap`s; leftover of old versions, reserved.
pub const INSTALL_LOG: &str = "hive.openshift.io/install-log";
/// On machine sets inside a cluster: a machine pool manages it. Set by the install manager and the
/// machine pool controller.
pub const MANAGED: &str = "hive.openshift.io/managed";
/// On machine sets inside a cluster: which machine pool. Set by the install manager and the machine
/// pool controller.
pub const MACHINE_POOL: &str = "hive.openshift.io/machine-pool";
/// On any object: admission accepts its creation unseen, for restores. Set by the user.
pub const DISABLE_CREATION_WEBHOOK_FOR_DR: &str =
    "hive.openshift.io/disable-creation-webhook-for-dr";
/// On custom resource definitions whose kind installs for a `ClusterDeployment`. Set by their authors;
/// read by the operator.
pub const CONTRACT_CLUSTER_INSTALL: &str = "contracts.hive.openshift.io/clusterinstall";
/// On the trusted CA `ConfigMap`: asks OpenShift to fill it. Set by the CD controller; read by OpenShift.
pub const INJECT_TRUSTED_CA_BUNDLE: &str = "config.openshift.io/inject-trusted-cabundle";
